"""Whether a call may run on the event loop itself: by rule, from what runs have cost before. Pure.

A trip to a thread and back costs more than a small model's run, but nothing against the time for which a large one
would keep everybody else waiting. So a call runs on the loop only after one of its kind, and at least its size, was
seen to be short; and only if its model is steady (`models.Model`), so that this proves something.
"""

import math
from collections.abc import Hashable, Sequence
from typing import Final

from mesh.datatypes import BYTES
from model_server.tensors import WireTensor

SHORT: Final = 100_000
"""Nanoseconds of processor time that one call may keep the event loop, from its bytes to the answer's."""
TOO_LONG: Final = 5 * SHORT
SURPRISES: Final = 3
FORGIVEN: Final = 1_000
"""Runs on the loop that make up for one surprise: beside other load, one of 10 000 runs of 10 µs is one."""
ELEMENT: Final = 32
"""An element that becomes a Python object on its way costs as much as so many bytes of plain numbers."""
BARRED: Final = 10_000
MOST_BARRED: Final = 1_280_000
"""Short runs in threads that a model needs after `SURPRISES` close together, before it may prove itself again; twice as
many each time. A busy machine surprises too (what a host takes from a virtual one counts as processor time), and not
for ever."""
KINDS: Final = 64
"""Kinds of calls that are remembered of one model; with one more, learning begins again."""


def measure(names: Sequence[str], inputs: Sequence[WireTensor]) -> tuple[Hashable, int]:
    """The kind and the size of a call. Calls of one kind differ in nothing but their rows and the length of their
    strings, so the larger takes longer. (Of two shapes of one size, one may take a thousand times as long.)"""
    size = 0
    shapes = []
    for each in inputs:
        raw = each.raw
        if raw is not None:
            size += len(raw)
        if raw is None or each.datatype == BYTES.name:
            size += ELEMENT * math.prod(each.shape)
        shapes.append((each.name, each.shape))
    if len(inputs) == 1:
        name, shape = shapes[0]
        return (*names, name, shape[1:]), size
    rows = {shape[:1] for _, shape in shapes}
    if len(rows) == 1:
        return (*names, *[(name, shape[1:]) for name, shape in shapes]), size
    return (*names, *shapes), size


class InlineRule:
    """What is known of one model."""

    __slots__ = ("_barred", "_doubt", "_sentence", "_up_to")

    def __init__(self) -> None:
        self._up_to: dict[Hashable, int] = {}
        """By kind, the largest size that was seen to be short."""
        self._doubt = 0
        """`FORGIVEN` for each surprise, less the runs since."""
        self._barred = 0
        """Short runs that it still needs."""
        self._sentence = BARRED

    def __repr__(self) -> str:
        return f"InlineRule({self._up_to}, doubt={self._doubt}, barred={self._barred})"

    def allows(self, kind: Hashable, size: int) -> bool:
        return size <= self._up_to.get(kind, -1)

    def measured(self, kind: Hashable, size: int, *, cpu: int, wall: int) -> None:
        """A run took these nanoseconds of its thread's processor time (one that was preempted is not a long one)
        and of the clock (one that waits for something else is).

        Up to `TOO_LONG` nothing is unlearnt: a small run beside large ones, which take its caches, takes ten times as
        long as alone, and in a thread it would wait for all of them. Over it, the model has everything to prove again;
        after `SURPRISES` of these close together it stays in the threads for long."""
        known = self._up_to.get(kind, -1)
        if size > known:
            if cpu <= SHORT and wall <= TOO_LONG:
                self._learn(kind, size, known)
        elif cpu > TOO_LONG:
            self._up_to.clear()
            self._doubt += FORGIVEN
            if self._doubt > (SURPRISES - 1) * FORGIVEN:
                self._barred, self._sentence = self._sentence, min(2 * self._sentence, MOST_BARRED)
                self._doubt = (SURPRISES - 1) * FORGIVEN
        elif self._doubt:
            self._doubt -= 1

    def _learn(self, kind: Hashable, size: int, known: int) -> None:
        if self._barred:
            self._barred -= 1
            return
        if known < 0 and len(self._up_to) >= KINDS:
            self._up_to.clear()
        self._up_to[kind] = size
