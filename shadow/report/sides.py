"""Two tensors beside each other, as a person reads them: rows of text, each with what is different about it. Pure."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

ROWS: Final = 20
"""Shown of one tensor; of longer ones those that differ come first."""
CELL: Final = 60
"""Characters of one value."""


class Mark(StrEnum):
    """What is different about a row."""

    SAME = "same"
    MOVED = "moved"
    """Of a ranking or a set: the value stands elsewhere on the other side."""
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Row:
    """One element of both tensors; empty where a side has none."""

    place: str
    """Its index: `3`, or `0, 3`."""
    primary: str
    shadow: str
    mark: Mark
    change: str = ""
    """Of numbers: shadow - primary, and as a share of the primary."""


@dataclass(frozen=True, slots=True)
class Side:
    """One tensor of both answers."""

    message: int
    """Which message of a stream, from 0."""
    primary: str
    """`FP32 [10]`; empty where that side has no such tensor."""
    shadow: str
    rows: tuple[Row, ...] = ()
    more: int = 0
    """Elements that are not shown."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a request."""

    name: str
    form: str
    """`INT64 [1]`."""
    values: str
    """The first of them."""


@dataclass(frozen=True, slots=True)
class Body:
    """The messages of a request, or of an answer that is no tensors."""

    messages: tuple[tuple[Tensor, ...], ...] = ()
    text: str = ""
    """Where they are no tensors: JSON, text, or hexadecimal digits; or why there is nothing."""
    size: int = 0


def lines(primary: str, shadow: str) -> tuple[tuple[tuple[str, bool], ...], tuple[tuple[str, bool], ...]]:
    """Both texts line by line, each with whether it differs from the other's."""
    one, two = primary.splitlines(), shadow.splitlines()
    same = SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks()
    first = {at for block in same for at in range(block.a, block.a + block.size)}
    second = {at for block in same for at in range(block.b, block.b + block.size)}
    return (
        tuple((line, at not in first) for at, line in enumerate(one)),
        tuple((line, at not in second) for at, line in enumerate(two)),
    )


def form(datatype: str, shape: tuple[int, ...]) -> str:
    """`FP32 [10]`."""
    return f"{datatype} [{', '.join(map(str, shape))}]"


def values(array: Array, most: int = ROWS) -> str:
    """The first elements in a line."""
    flat = array.reshape(-1)
    return ", ".join(map(cell, flat[:most])) + (f", … {flat.size - most} more" if flat.size > most else "")


def beside(
    primary: Array | None, shadow: Array | None, *, ordered: bool = False
) -> tuple[tuple[Row, ...], int]:
    """The rows to show, and how many elements are left out. `ordered`: a ranking or a set, whose values may move."""
    one, two = _flat(primary), _flat(shadow)
    longest = max(one.size, two.size)
    differs = np.ones(longest, np.bool_)
    both = min(one.size, two.size)
    differs[:both] = ~_same(one[:both], two[:both])
    if longest <= ROWS:
        chosen = np.arange(longest)
    else:
        found = np.flatnonzero(differs)[:ROWS]
        rest = np.flatnonzero(~differs)[: ROWS - found.size]
        chosen = np.sort(np.concatenate((found, rest)))
    shape = next((each.shape for each in (primary, shadow) if each is not None and each.size == longest), ())
    rows = [_row(one, two, int(at), shape, bool(differs[at])) for at in chosen]
    return tuple(_moved(rows, one, two) if ordered else rows), longest - len(rows)


def _flat(array: Array | None) -> Array:
    return np.empty(0) if array is None else array.reshape(-1)


def _same(one: Array, two: Array) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = np.asarray(one == two, np.bool_)
    if one.dtype.kind == "f" and two.dtype.kind == "f":
        same |= np.isnan(one) & np.isnan(two)
    return same


def _row(one: Array, two: Array, at: int, shape: tuple[int, ...], differs: bool) -> Row:
    several = sum(length > 1 for length in shape) > 1  # in a batch of one the index alone is clearer
    place = ", ".join(str(int(each)) for each in np.unravel_index(at, shape)) if several else str(at)
    first, second = (cell(each[at]) if at < each.size else "" for each in (one, two))
    if not differs:
        return Row(place, first, second, Mark.SAME)
    change = _change(one[at], two[at]) if at < min(one.size, two.size) else ""
    return Row(place, first, second, Mark.DIFFERENT, change)


def _moved(rows: list[Row], one: Array, two: Array) -> list[Row]:
    here, there = set(one.tolist()), set(two.tolist())
    common = {cell(each) for each in here & there}
    return [
        Row(each.place, each.primary, each.shadow, Mark.MOVED)
        if each.mark is Mark.DIFFERENT and {each.primary, each.shadow} - {""} <= common
        else Row(each.place, each.primary, each.shadow, each.mark)
        for each in rows
    ]


def _change(one: Any, two: Any) -> str:
    """`+0.012 (+1.3 %)`; nothing where one of them is no number."""
    if not all(np.issubdtype(np.asarray(each).dtype, np.floating) for each in (one, two)):
        return ""
    first, second = float(one), float(two)
    change = second - first
    if not np.isfinite(change):
        return ""
    share = f" ({change / abs(first) * 100:+.3g} %)" if first else ""
    return f"{change:+.3g}{share}"


def cell(value: Any) -> str:
    """One element: what a person needs to tell two apart, on one line."""
    if isinstance(value, bytes):
        text = value.decode("utf-8", "backslashreplace")
    elif isinstance(value, float | np.floating):
        text = f"{float(value):.6g}"
    else:
        text = str(value)
    text = "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text[: CELL + 1])
    return text if len(text) <= CELL else text[: CELL - 1] + "…"
