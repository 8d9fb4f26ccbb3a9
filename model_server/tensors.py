"""One tensor between its wire form (name, datatype, shape, and bytes or values) and a numpy array.

Raw numbers are not copied on the way in: the array is a view of the request's bytes. Nor, where it pays, on the
way out. Every malformed tensor
is a BadRequestError that names the tensor, what was expected and what was received. No transport here: a
typed tensor is any sequence of values with the name of the field it came in.
"""

import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np

from mesh.datatypes import BOOL, BY_NAME, BYTES, Datatype
from model_server.errors import BadRequestError
from model_server.models import Array

MOST_DIMENSIONS: Final = 64
"""numpy's own limit (NPY_MAXDIMS)."""

VIEW_FROM: Final = 16 * 2**10
"""Elements of so many bytes are passed on as a view. Below, a copy costs less."""

STEP: Final = 8_192
"""Values between two turns of other threads."""

ALIGNMENT: Final = 16
"""Bytes: what malloc gives, and so what every array of numpy's own has."""

_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class WireTensor:
    """A tensor as it travels. One of `raw` and `typed` holds its elements; of an output that was asked for with typed
    inputs, both do."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    raw: bytes | memoryview | None = None
    """A view is of single bytes, so that its length is their number."""
    typed: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Fields of InferTensorContents that hold values: one, if the sender is right."""


def decode(tensor: WireTensor) -> Array:
    """The array; its elements are checked to be as many as the shape says, and of the datatype."""
    datatype = datatype_of(tensor)
    count = element_count(tensor)
    if tensor.raw is None:
        flat = _from_values(tensor, datatype, count)
    elif datatype is BYTES:
        flat = _strings(tensor, list(_split(tensor, count)))
    else:
        flat = _from_raw(tensor, tensor.raw, datatype, count)
    try:
        return flat.reshape(tensor.shape)
    except ValueError as error:  # no elements, but dimensions beyond what an array can say
        raise BadRequestError(f"input {tensor.name!r}: shape {shown(tensor.shape)}: {error}") from None


def encode(name: str, datatype: Datatype, array: Array, *, typed: bool) -> WireTensor:
    """The wire form of an output; `typed` adds its values, which FP16 and BF16 have none for (ValueError)."""
    if datatype is BYTES:
        values: Sequence[Any] = [str(each).encode() for each in array.ravel().tolist()]
        raw: bytes | memoryview = b"".join(_with_lengths(values))
    else:
        values = array.ravel().tolist() if typed else ()
        raw = _raw_of(array)
    if not typed:
        return WireTensor(name, datatype.name, array.shape, raw)
    if datatype.field is None:
        raise ValueError(f"output {name!r}: {datatype} has no typed form")
    return WireTensor(name, datatype.name, array.shape, raw, {datatype.field: values})


def _raw_of(array: Array) -> bytes | memoryview:
    if array.nbytes < VIEW_FROM or not array.flags.c_contiguous:
        return array.tobytes()
    return array.reshape(-1).view(np.uint8).data


def datatype_of(tensor: WireTensor) -> Datatype:
    found = BY_NAME.get(tensor.datatype)
    if found is None:
        known = ", ".join(BY_NAME)
        raise BadRequestError(
            f"input {tensor.name!r}: unknown datatype {tensor.datatype!r}, expected one of {known}"
        )
    return found


def element_count(tensor: WireTensor) -> int:
    """How many elements the shape says; no dimensions at all is one element, a scalar."""
    if len(tensor.shape) > MOST_DIMENSIONS:
        raise BadRequestError(
            f"input {tensor.name!r}: expected at most {MOST_DIMENSIONS} dimensions, "
            f"received {len(tensor.shape)}"
        )
    if tensor.shape and min(tensor.shape) < 0:
        raise BadRequestError(
            f"input {tensor.name!r}: expected dimensions of 0 or more, received shape {shown(tensor.shape)}"
        )
    return math.prod(tensor.shape)


def shown(shape: Sequence[int]) -> str:
    """A shape for a message; -1 is a dimension of any size."""
    return (
        "[" + ",".join(map(str, shape[:MOST_DIMENSIONS])) + (",…]" if len(shape) > MOST_DIMENSIONS else "]")
    )


def _from_raw(tensor: WireTensor, raw: bytes | memoryview, datatype: Datatype, count: int) -> Array:
    expected = count * datatype.size
    if len(raw) != expected:
        raise BadRequestError(
            f"input {tensor.name!r}: expected {expected} bytes for shape {shown(tensor.shape)} "
            f"of {datatype}, received {len(raw)}"
        )
    if datatype is BOOL and bytes(raw).translate(None, b"\x00\x01"):
        raise BadRequestError(f"input {tensor.name!r}: expected BOOL elements of 0 or 1, received others")
    flat = np.frombuffer(raw, datatype.dtype)
    # A view may begin anywhere in its message, and ONNX Runtime adds up in another order what is not aligned
    return flat.copy() if isinstance(raw, memoryview) and not _is_aligned(flat) else flat


def _is_aligned(array: Array) -> bool:
    return array.__array_interface__["data"][0] % ALIGNMENT == 0  # type: ignore[no-any-return]


def _from_values(tensor: WireTensor, datatype: Datatype, count: int) -> Array:
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
        return _strings(tensor, values)
    try:
        return _gathered(values, datatype.dtype, count)
    except OverflowError:  # INT8 travels as int32, so the field holds more than the type does
        limits = np.iinfo(datatype.dtype)
        worst = next(value for value in values if not limits.min <= value <= limits.max)
        raise BadRequestError(
            f"input {tensor.name!r}: expected {datatype} elements from {limits.min} to {limits.max}, "
            f"received {worst}"
        ) from None


def _gathered(values: Sequence[Any], dtype: np.dtype[Any], count: int) -> Array:
    """As np.fromiter, in steps: it holds the interpreter's lock, 64 MiB of values for 1.8 s."""
    if count <= STEP:
        return np.fromiter(values, dtype, count)
    gathered, rest = np.empty(count, dtype), iter(values)
    for start in range(0, count, STEP):
        size = min(STEP, count - start)
        gathered[start : start + size] = np.fromiter(islice(rest, size), dtype, size)
    return gathered


def _strings(tensor: WireTensor, elements: Iterable[bytes]) -> Array:
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


def _split(tensor: WireTensor, count: int) -> Iterator[bytes]:
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


def _with_lengths(elements: Iterable[bytes]) -> Iterator[bytes]:
    for each in elements:
        yield _LENGTH.pack(len(each))
        yield each
