"""One tensor of a message as a numpy array.

Whatever is wrong with it stands in `Tensor.fault`: a tensor comes from a model nobody here wrote, and a wrong one is a
finding. Raw numbers are views of the message's bytes, which nobody can write to.
"""

import struct
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mesh.datatypes import BF16, BOOL, BY_NAME, BYTES, Datatype

Array = npt.NDArray[Any]

MOST_DIMENSIONS: Final = 64
"""numpy's own limit (NPY_MAXDIMS)."""

_LENGTH: Final = struct.Struct("<I")
_NOTHING: Final[Array] = np.empty(0)


class Malformed(Exception):
    """Elements that are not what datatype and shape say."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """`array` has `shape`, unless there is a fault; BF16 is widened to float32, BYTES are Python's bytes."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    array: Array = field(default_factory=lambda: _NOTHING)
    held: bytes = b""
    """Of a tensor with a fault: its elements as they came."""
    fault: str = ""
    """Why there is no array, in a few words; empty: there is."""


def from_raw(datatype: str, shape: tuple[int, ...], count: int, raw: bytes) -> Array:
    """From raw_output_contents; `count` is the product of `shape`, which has no negative dimension. Or Malformed."""
    known = _known(datatype)
    if known is BYTES:
        return _shaped(_objects(_split(raw, count)), shape)
    if len(raw) != count * known.size:
        raise Malformed(f"{len(raw)} bytes, where its shape needs {count * known.size}")
    if known is BOOL:
        return _shaped(np.frombuffer(raw, np.uint8) != 0, shape)
    return _shaped(_widened(known, np.frombuffer(raw, known.dtype)), shape)


def from_typed(datatype: str, shape: tuple[int, ...], count: int, contents: Any) -> Array:
    """From InferTensorContents; as `from_raw`."""
    known = _known(datatype)
    if known.field is None:
        raise Malformed(f"typed contents, which {datatype} has none of")
    values = getattr(contents, known.field)
    if len(values) != count:
        raise Malformed(f"{len(values)} elements in {known.field}, where its shape needs {count}")
    if known is BYTES:
        return _shaped(_objects(list(values)), shape)
    try:
        return _shaped(np.fromiter(values, known.dtype, count), shape)
    except OverflowError:  # INT8 travels as int32
        raise Malformed(f"an element that no {datatype} can hold") from None


def _known(datatype: str) -> Datatype:
    known = BY_NAME.get(datatype)
    if known is None:
        raise Malformed(f"datatype {datatype[:40]!r}, which the protocol does not have")
    return known


def _shaped(flat: Array, shape: tuple[int, ...]) -> Array:
    if len(shape) == 1:  # what it is already
        return flat
    try:
        return flat.reshape(shape)
    except ValueError:  # no elements, but dimensions beyond what an array can say
        raise Malformed("a shape that no array can have") from None


def _widened(datatype: Datatype, flat: Array) -> Array:
    """BF16 is the upper half of a float32."""
    return (flat.astype(np.uint32) << 16).view(np.float32) if datatype is BF16 else flat


def _objects(elements: list[bytes]) -> Array:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


def _split(raw: bytes, count: int) -> list[bytes]:
    """The elements of raw BYTES, each after its length: 4 bytes, little-endian."""
    elements: list[bytes] = []
    position, end = 0, len(raw)
    while position < end and len(elements) < count:
        start = position + _LENGTH.size
        if start > end:
            break
        position = start + _LENGTH.unpack_from(raw, position)[0]
        if position > end:
            break
        elements.append(raw[start:position])
    if len(elements) != count or position != end:
        raise Malformed(
            f"{len(raw)} bytes, which are not the {count} elements with their lengths that its shape needs"
        )
    return elements
