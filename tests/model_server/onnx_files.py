"""Small ONNX models for tests, written to files with the `onnx` package; each does one thing by its name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

Dimension: TypeAlias = int | str | None
Shape: TypeAlias = Sequence[Dimension] | None

DATATYPES = {
    "BOOL": TensorProto.BOOL,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BF16": TensorProto.BFLOAT16,
    "BYTES": TensorProto.STRING,
}
IR, OPSET = 9, 17


def simple(path: Path) -> Path:
    """Triton's example model: INPUT0 and INPUT1, INT32 [-1,16]; OUTPUT0 the sum, OUTPUT1 the difference."""
    nodes = [
        helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
        helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"]),
    ]
    inputs = [_value(name, "INT32", ["N", 16]) for name in ("INPUT0", "INPUT1")]
    outputs = [_value(name, "INT32", ["N", 16]) for name in ("OUTPUT0", "OUTPUT1")]
    return _save(path, nodes, inputs, outputs)


def simple_string(path: Path) -> Path:
    """As `simple`, with numbers written as text: BYTES [-1,16] in, BYTES [-1,16] out."""
    cast = [helper.make_node("Cast", [f"INPUT{n}"], [f"number{n}"], to=TensorProto.INT32) for n in (0, 1)]
    count = [
        helper.make_node(operation, ["number0", "number1"], [f"answer{n}"])
        for n, operation in enumerate(("Add", "Sub"))
    ]
    write = [helper.make_node("Cast", [f"answer{n}"], [f"OUTPUT{n}"], to=TensorProto.STRING) for n in (0, 1)]
    inputs = [_value(name, "BYTES", ["N", 16]) for name in ("INPUT0", "INPUT1")]
    outputs = [_value(name, "BYTES", ["N", 16]) for name in ("OUTPUT0", "OUTPUT1")]
    return _save(path, [*cast, *count, *write], inputs, outputs)


def identity(path: Path, datatype: str, shape: Shape = ("N", "M"), *, version: int | None = None) -> Path:
    """X → Y, the same."""
    node = helper.make_node("Identity", ["X"], ["Y"])
    return _save(
        path, [node], [_value("X", datatype, shape)], [_value("Y", datatype, shape)], version=version
    )


def lookup(path: Path) -> Path:
    """I, INT64 [-1] → Y, FP32 [-1]: the I-th of ten numbers; ONNX Runtime refuses an index beyond."""
    table = numpy_helper.from_array(np.arange(10, dtype=np.float32), "table")
    node = helper.make_node("Gather", ["table", "I"], ["Y"])
    return _save(path, [node], [_value("I", "INT64", ["N"])], [_value("Y", "FP32", ["N"])], [table])


def reshape(path: Path) -> Path:
    """X, FP32 [-1] → Y, FP32 [3,-1]: fails inside, whatever the signature says, unless 3 divides it."""
    shape = numpy_helper.from_array(np.array([3, -1], dtype=np.int64), "shape")
    node = helper.make_node("Reshape", ["X", "shape"], ["Y"])
    return _save(path, [node], [_value("X", "FP32", ["N"])], [_value("Y", "FP32", [3, "M"])], [shape])


def unique(path: Path) -> Path:
    """X, FP32 [-1,3] → Y, FP32 [-1,3]: its rows, each once. Rows are not independent, which no shape tells."""
    node = helper.make_node("Unique", ["X"], ["Y"], axis=0)
    return _save(path, [node], [_value("X", "FP32", ["N", 3])], [_value("Y", "FP32", ["M", 3])])


def half(path: Path) -> Path:
    """X, FP32 → Y, the same as FP16: a typed request whose answer has only a raw form."""
    node = helper.make_node("Cast", ["X"], ["Y"], to=TensorProto.FLOAT16)
    return _save(path, [node], [_value("X", "FP32", ["N"])], [_value("Y", "FP16", ["N"])])


def busy(path: Path) -> Path:
    """N, INT64 [1] → Y: N times a product of matrices, about 0.2 ms each. Keeps one processor at work."""
    size = 256
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["a_in", "weights"], ["product"]),
            helper.make_node("Sigmoid", ["product"], ["a_out"]),
            helper.make_node("Identity", ["go_in"], ["go_out"]),
        ],
        "body",
        [_value("i", "INT64", []), _value("go_in", "BOOL", []), _value("a_in", "FP32", None)],
        [_value("go_out", "BOOL", []), _value("a_out", "FP32", None)],
    )
    nodes = [
        helper.make_node("Squeeze", ["N"], ["n"]),
        helper.make_node("Loop", ["n", "true", "start"], ["end"], body=body),
        helper.make_node("ReduceSum", ["end"], ["Y"], keepdims=0),
    ]
    constants = [
        numpy_helper.from_array(np.full((size, size), 0.001, np.float32), "weights"),
        numpy_helper.from_array(np.ones((size, size), np.float32), "start"),
        numpy_helper.from_array(np.array(True), "true"),
    ]
    return _save(path, nodes, [_value("N", "INT64", [1])], [_value("Y", "FP32", [])], constants)


def sequence(path: Path) -> Path:
    """X → S, a sequence of tensors, which the protocol has no word for."""
    node = helper.make_node("SequenceConstruct", ["X"], ["S"])
    output = helper.make_tensor_sequence_value_info("S", TensorProto.FLOAT, ["N"])
    return _save(path, [node], [_value("X", "FP32", ["N"])], [output])


def _value(name: str, datatype: str, shape: Shape) -> Any:
    return helper.make_tensor_value_info(name, DATATYPES[datatype], shape)


def _save(
    path: Path,
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    constants: Sequence[Any] = (),
    *,
    version: int | None = None,
) -> Path:
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    if version is not None:
        model.model_version = version
    path.parent.mkdir(parents=True, exist_ok=True)
    save(model, path)
    return path
