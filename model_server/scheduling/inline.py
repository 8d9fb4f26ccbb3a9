"""Whether a call may run on the event loop itself: by rule, from what runs have cost before. Pure.

A trip to a thread and back costs 60 µs and more of two threads that want the interpreter's lock: more than a small
model's run, but nothing against the time for which a large one would keep everybody else waiting.
"""

import math
from collections.abc import Sequence
from typing import Final

from model_server.datatypes import BYTES
from model_server.tensors import WireTensor

SHORT: Final = 100_000
"""Nanoseconds of processor time that one call may keep the event loop, from its bytes to the answer's."""
TOO_LONG: Final = 5 * SHORT
ELEMENT: Final = 32
"""An element that becomes a Python object on its way costs as much as so many bytes of plain numbers."""


def size_of(inputs: Sequence[WireTensor]) -> int:
    """How much there is to do for these inputs, in bytes: the measure by which calls of one model are compared."""
    size = 0
    for each in inputs:
        if each.raw is not None:
            size += len(each.raw)
        if each.raw is None or each.datatype == BYTES.name:
            size += ELEMENT * math.prod(each.shape)
    return size


class InlineRule:
    """What is known of one model. Nothing runs on the loop until a run in a thread of at least its size was short."""

    __slots__ = ("_ended", "up_to")

    def __init__(self) -> None:
        self.up_to = -1
        """The largest size that was seen to be short; -1: none."""
        self._ended = False

    def __repr__(self) -> str:
        return f"InlineRule(up_to={self.up_to}{', ended' if self._ended else ''})"

    def measured(self, size: int, *, cpu: int, wall: int) -> None:
        """A run of `size` took these nanoseconds of its thread's processor time (a preempted run is not a long
        one) and of the clock (one that waits for something else is).

        Over `SHORT`, this size goes to the threads until a run there is short again; over `TOO_LONG`, every size
        does, for good: sizes are no measure of this model."""
        if cpu <= SHORT and wall <= TOO_LONG:
            if size > self.up_to and not self._ended:
                self.up_to = size
        elif size <= self.up_to and cpu > SHORT:
            self._ended = cpu > TOO_LONG
            self.up_to = -1 if self._ended else size - 1
