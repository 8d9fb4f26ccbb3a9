"""The models that Triton's published examples ask for, as a repository in Triton's layout."""

from pathlib import Path
from typing import Final

import onnx
import onnx.parser

from tests.model_server import onnx_files

EIGHT: Final = 8
"""Models in all: simple_grpc_model_control.py counts them."""

INT8: Final = """
<ir_version: 9, opset_import: ["" : 17]>
simple_int8 (int8[N, 16] INPUT0, int8[N, 16] INPUT1) => (int8[N, 16] OUTPUT0, int8[N, 16] OUTPUT1) {
    wide0 = Cast<to = 6>(INPUT0)
    wide1 = Cast<to = 6>(INPUT1)
    sum = Add(wide0, wide1)
    difference = Sub(wide0, wide1)
    OUTPUT0 = Cast<to = 3>(sum)
    OUTPUT1 = Cast<to = 3>(difference)
}
"""
"""By way of INT32 (6), because ONNX Runtime adds no INT8 (3)."""

IDENTITY: Final = """
<ir_version: 9, opset_import: ["" : 17]>
simple_identity (string[N, M] INPUT0) => (string[N, M] OUTPUT0) { OUTPUT0 = Identity(INPUT0) }
"""


def write(repository: Path) -> Path:
    """`simple` (INT32, in batches of at most 8), the same in INT8 and in BYTES, an identity of BYTES, four that only
    count."""
    onnx_files.simple(file_of(repository, "simple"))
    (repository / "simple" / "config.pbtxt").write_text("max_batch_size: 8\ndynamic_batching { }\n")
    onnx_files.simple_string(file_of(repository, "simple_string"))
    for name, text in (("simple_int8", INT8), ("simple_identity", IDENTITY)):
        onnx.save(onnx.parser.parse_model(text), file_of(repository, name))
    for number in range(4):
        onnx_files.identity(file_of(repository, f"other{number}"), "FP32")
    return repository


def file_of(repository: Path, name: str) -> Path:
    """Where a model's only version belongs; its folder is there afterwards."""
    file = repository / name / "1" / "model.onnx"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
