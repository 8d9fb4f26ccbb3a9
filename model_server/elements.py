"""Tensors element by element: values of the protocol's typed fields, and strings, which have their own lengths.

Left interpreted on purpose, where `tensors` and `codec` are compiled: other threads have their turn in every loop of
interpreted Python and in no compiled one, and 64 MiB of strings would hold everybody up for a second.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np

from mesh.datatypes import BYTES, Datatype
from model_server.errors import BadRequestError
from model_server.models import Array
from model_server.tensors import WireTensor, shown

STEP: Final = 8_192
"""Values between two turns of other threads."""

_LENGTH: Final = struct.Struct("<I")


def from_values(tensor: WireTensor, datatype: Datatype, count: int) -> Array:
    """The array of a typed tensor."""
    if datatype.field is None:
        raise BadRequestError(
            f"input {tensor.name!r}: {datatype} has no typed contents, expected raw_input_contents"
        )
    wrong = [name for name in tensor.typed if name != datatype.field]
    if wrong:
        raise BadRequestError(
            f"input {tensor.name!r}: expected {datatype} elements in {datatype.field}, "
            f"received {', '.join(wrong)}"
        )
    values = tensor.typed.get(datatype.field, ())
    if len(values) != count:
        raise BadRequestError(
            f"input {tensor.name!r}: expected {count} elements for shape {shown(tensor.shape)}, "
            f"received {len(values)}"
        )
    if datatype is BYTES:
        return strings(tensor, values)
    try:
        return _gathered(values, datatype.dtype, count)
    except OverflowError:  # INT8 travels as int32, so the field holds more than the type does
        limits = np.iinfo(datatype.dtype)
        worst = next(value for value in values if not limits.min <= value <= limits.max)
        raise BadRequestError(
            f"input {tensor.name!r}: expected {datatype} elements from {limits.min} to {limits.max}, "
            f"received {worst}"
        ) from None


def strings(tensor: WireTensor, elements: Iterable[bytes]) -> Array:
    """BYTES as Python strings, which is how ONNX Runtime takes and gives them: its strings are UTF-8."""
    decoded: list[str] = []
    for number, each in enumerate(elements):
        try:
            decoded.append(each.decode())
        except UnicodeDecodeError as error:
            raise BadRequestError(
                f"input {tensor.name!r}: element {number}: expected UTF-8 (an ONNX string), "
                f"received {error.reason} at byte {error.start}"
            ) from None
    return np.array(decoded, dtype=object)


def split(tensor: WireTensor, count: int) -> Iterator[bytes]:
    """The elements of raw BYTES, each after its length: 4 bytes, little-endian."""
    raw = bytes(tensor.raw or b"")
    position = 0
    for number in range(count):
        if position == len(raw):
            raise BadRequestError(
                f"input {tensor.name!r}: expected {count} elements for shape {shown(tensor.shape)}, "
                f"received {number}"
            )
        start = position + _LENGTH.size
        # A length that is cut off itself is as wrong as one that is too long
        end = start + _LENGTH.unpack_from(raw, position)[0] if start <= len(raw) else start
        if end > len(raw):
            raise BadRequestError(
                f"input {tensor.name!r}: element {number}: expected {end - position} bytes "
                f"(its length and itself), received {len(raw) - position}"
            )
        yield raw[start:end]
        position = end
    if position != len(raw):
        raise BadRequestError(
            f"input {tensor.name!r}: expected {count} elements for shape {shown(tensor.shape)}, "
            f"received {len(raw) - position} bytes after them"
        )


def written(array: Array) -> list[bytes]:
    """The strings of an output, as they travel."""
    return [str(each).encode() for each in array.ravel().tolist()]


def with_lengths(elements: Iterable[bytes]) -> Iterator[bytes]:
    """What raw BYTES are joined of."""
    for each in elements:
        yield _LENGTH.pack(len(each))
        yield each


def _gathered(values: Sequence[Any], dtype: np.dtype[Any], count: int) -> Array:
    """As np.fromiter, in steps: it holds the interpreter's lock, 64 MiB of values for 1.8 s."""
    if count <= STEP:
        return np.fromiter(values, dtype, count)
    gathered, rest = np.empty(count, dtype), iter(values)
    for start in range(0, count, STEP):
        size = min(STEP, count - start)
        gathered[start : start + size] = np.fromiter(islice(rest, size), dtype, size)
    return gathered
