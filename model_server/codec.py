"""Tensors between their wire form and numpy arrays.

Raw numbers are not copied on the way in: the array is a view of the request's bytes. Nor, where it pays, on the
way out. Every malformed tensor is a BadRequestError that names the tensor, what was expected and what was received.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mesh.datatypes import BOOL, BYTES, Datatype
from model_server.elements import from_values, split, strings, with_lengths, written
from model_server.errors import BadRequestError
from model_server.models import Array
from model_server.tensors import VIEW_FROM, WireTensor, datatype_of, element_count, shown

ALIGNMENT: Final = 16
"""Bytes: what malloc gives, and so what every array of numpy's own has."""


def decode(tensor: WireTensor) -> Array:
    """The array; its elements are checked to be as many as the shape says, and of the datatype."""
    datatype = datatype_of(tensor)
    count = element_count(tensor)
    if tensor.raw is None:
        flat = from_values(tensor, datatype, count)
    elif datatype is BYTES:
        flat = strings(tensor, list(split(tensor, count)))
    else:
        flat = _from_raw(tensor, tensor.raw, datatype, count)
    try:
        return flat.reshape(tensor.shape)
    except ValueError as error:  # no elements, but dimensions beyond what an array can say
        raise BadRequestError(f"input {tensor.name!r}: shape {shown(tensor.shape)}: {error}") from None


def encode(name: str, datatype: Datatype, array: Array, *, typed: bool) -> WireTensor:
    """The wire form of an output; `typed` adds its values, which FP16 and BF16 have none for (ValueError)."""
    if datatype is BYTES:
        values: Sequence[Any] = written(array)
        raw: bytes | memoryview = b"".join(with_lengths(values))
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
