"""What an ONNX file says of its operators, without loading it: whether the time of a run follows from the sizes alone.

Reads the four fields it needs from the protobuf (onnx.proto: ModelProto.graph 7, GraphProto.node 1, NodeProto.op_type 4
and domain 7) and skips the rest unread, so gigabytes of weights cost nothing.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

Buffer: TypeAlias = mmap.mmap | bytes

GRAPH: Final = 7
NODE: Final = 1
OP_TYPE: Final = 4
DOMAIN: Final = 7

STANDARD: Final = frozenset((b"", b"ai.onnx", b"ai.onnx.ml"))
"""Domains whose operators we know. What others do (generation, for one) is theirs."""

SWAYED: Final = frozenset(
    each.encode()
    for each in (
        # As often, or as much, as a value says
        *("Loop", "If", "Scan", "SequenceMap", "RoiAlign"),
        # As large as a value says
        *(
            "Range",
            "ConstantOfShape",
            "Expand",
            "Tile",
            "Pad",
            "OneHot",
            "Resize",
            "Upsample",
            "CenterCropPad",
        ),
        *("AffineGrid", "Col2Im", "MaxUnpool", "DFT", "STFT", "MelWeightMatrix"),
        *("HannWindow", "HammingWindow", "BlackmanWindow"),
    )
)
"""Operators whose cost values may decide, and not only shapes: eight bytes can ask for an hour."""

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5


def is_steady(file: Path) -> bool:
    """Whether every operator's cost follows from the sizes of its inputs. False where nobody knows."""
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as model:
            return all(
                _is_steady(model, *node)
                for graph in _fields(model, 0, len(model), GRAPH)
                for node in _fields(model, *graph, NODE)
            )
    except (OSError, ValueError, IndexError):  # not there, empty, or no protobuf: for ONNX Runtime to say
        return False


def _is_steady(model: Buffer, start: int, end: int) -> bool:
    operators = [model[slice(*each)] for each in _fields(model, start, end, OP_TYPE)]
    domains = [model[slice(*each)] for each in _fields(model, start, end, DOMAIN)]
    return STANDARD.issuperset(domains) and not SWAYED.intersection(operators)


def _fields(buffer: Buffer, start: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Where the fields of this number, which have a length, begin and end in the message there."""
    while start < end:
        tag, start = _varint(buffer, start)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            _, start = _varint(buffer, start)
        elif kind == FIXED64:
            start += 8
        elif kind == FIXED32:
            start += 4
        elif kind == BYTES:
            length, start = _varint(buffer, start)
            if number == wanted:
                yield start, start + length
            start += length
        else:
            raise ValueError(f"no protobuf: wire type {kind}")
    if start != end:
        raise ValueError("no protobuf: a field is longer than its message")


def _varint(buffer: Buffer, start: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = buffer[start]
        start += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, start
        shift += 7
        if shift > 63:
            raise ValueError("no protobuf: a number is too long")
