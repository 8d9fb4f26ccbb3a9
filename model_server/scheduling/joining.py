"""Which calls may run as one, and how their tensors become one and many again. Pure.

Rows are the first dimension. Joined are only calls that agree in everything else, so that a row cannot tell whether it
came alone; whether rows are independent inside the model is what the operator says by asking for batches.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from model_server.models import Array
from model_server.tensors import WireTensor

Feeds: TypeAlias = Mapping[str, Array]


def fit(names: Sequence[str], inputs: Sequence[WireTensor]) -> tuple[int, Hashable]:
    """The rows of a call, and what another of the same model must have in common with it: the outputs it wants, and
    the shape of each row. (Datatypes are the model's.) The key is None for a call that can only run alone:
    without inputs, without rows, or where one input's row stands for all of another's."""
    rows = -1
    for each in inputs:
        if not each.shape or each.shape[0] != (each.shape[0] if rows < 0 else rows):
            return 1, None
        rows = each.shape[0]
    if rows < 1:
        return 1, None
    shapes = [(each.name, each.shape[1:]) for each in inputs]
    shapes.sort()  # inputs may come in any order
    return rows, (*names, *shapes)


def join(calls: Sequence[Feeds]) -> dict[str, Array]:
    """The inputs of all, row under row, in the order of the calls."""
    return {name: np.concatenate([each[name] for each in calls]) for name in calls[0]}


def uneven(names: Sequence[str], arrays: Sequence[Array], rows: int) -> str:
    """What is wrong with the outputs of a joined run: empty, if each has as many rows as the inputs had."""
    for name, array in zip(names, arrays, strict=True):
        if not array.shape or array.shape[0] != rows:
            return f"output {name!r}: expected {rows} rows for {rows} rows of input, received shape {array.shape}"
    return ""


def split(arrays: Sequence[Array], rows: Sequence[int]) -> Iterator[list[Array]]:
    """The outputs of each call, as views; `rows` of each, in the order they were joined."""
    start = 0
    for count in rows:
        yield [array[start : start + count] for array in arrays]
        start += count
