"""One tensor as it travels, and what its datatype and its shape say; `codec` makes an array of it.

No transport here: a typed tensor is any sequence of values with the name of the field it came in.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from mesh.datatypes import BY_NAME, Datatype
from model_server.errors import BadRequestError

MOST_DIMENSIONS: Final = 64
"""numpy's own limit (NPY_MAXDIMS)."""

VIEW_FROM: Final = 16 * 2**10
"""Elements of so many bytes are passed on as a view. Below, a copy costs less."""

NO_VALUES: Final[Mapping[str, Sequence[Any]]] = MappingProxyType({})


class WireTensor:
    """A tensor as it travels. One of `raw` and `typed` holds its elements; of an output that was asked for with typed
    inputs, both do. Never changed."""

    __slots__ = ("datatype", "name", "raw", "shape", "typed")

    def __init__(
        self,
        name: str,
        datatype: str,
        shape: tuple[int, ...],
        raw: bytes | memoryview | None = None,
        typed: Mapping[str, Sequence[Any]] = NO_VALUES,
    ) -> None:
        self.name = name
        self.datatype = datatype
        self.shape = shape
        self.raw = raw
        """A view is of single bytes, so that its length is their number."""
        self.typed = typed
        """Fields of InferTensorContents that hold values: one, if the sender is right."""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, WireTensor)
            and (self.name, self.datatype, self.shape) == (other.name, other.datatype, other.shape)
            and (self.raw, self.typed) == (other.raw, other.typed)
        )

    def __repr__(self) -> str:
        return f"WireTensor({self.name!r}, {self.datatype!r}, {self.shape}, {self.raw!r}, {self.typed})"


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
