"""The tensor types that ONNX and the Open Inference Protocol share: one row each.

Left out on purpose: ONNX types the protocol has no name for (complex, float8, int4, sequences, maps). The model
server refuses to load a model that has one as an input or output.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np


@dataclass(frozen=True, slots=True)
class Datatype:
    """One type: its protocol name, its ONNX name, and how numpy and the wire hold it."""

    name: str
    onnx: str
    dtype: np.dtype[Any]
    """In numpy. BF16, which numpy lacks, is held as its 16 bits; BYTES as Python strings."""
    field: str | None
    """The field of InferTensorContents; None: raw only (specification, ModelInferRequest)."""

    @property
    def size(self) -> int:
        """Bytes of one element; 0 for BYTES, where each element has its own length."""
        return 0 if self is BYTES else self.dtype.itemsize

    def __str__(self) -> str:
        return self.name


def _row(name: str, onnx: str, dtype: str, field: str | None) -> Datatype:
    # The wire is little-endian
    return Datatype(name, f"tensor({onnx})", np.dtype(dtype), field)


BYTES: Final = _row("BYTES", "string", "O", "bytes_contents")
BF16: Final = _row("BF16", "bfloat16", "<u2", None)
BOOL: Final = _row("BOOL", "bool", "?", "bool_contents")

_ROWS: Final = (
    BOOL,
    _row("INT8", "int8", "i1", "int_contents"),
    _row("INT16", "int16", "<i2", "int_contents"),
    _row("INT32", "int32", "<i4", "int_contents"),
    _row("INT64", "int64", "<i8", "int64_contents"),
    _row("UINT8", "uint8", "u1", "uint_contents"),
    _row("UINT16", "uint16", "<u2", "uint_contents"),
    _row("UINT32", "uint32", "<u4", "uint_contents"),
    _row("UINT64", "uint64", "<u8", "uint64_contents"),
    _row("FP16", "float16", "<f2", None),
    _row("FP32", "float", "<f4", "fp32_contents"),
    _row("FP64", "double", "<f8", "fp64_contents"),
    BF16,
    BYTES,
)

BY_NAME: Final[Mapping[str, Datatype]] = {row.name: row for row in _ROWS}
BY_ONNX: Final[Mapping[str, Datatype]] = {row.onnx: row for row in _ROWS}
