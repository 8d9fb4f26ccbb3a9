"""What waits for the recorder, within a budget: pairs and counts, in batches, until they are acknowledged.

A batch that was sent is kept until the recorder says that it is on disk; if the recorder ends before, its successor
gets it again, and the store knows which pairs it has. So a recorder that is killed loses nothing, and one that hangs
costs this budget and no more.
"""

from collections import deque
from collections.abc import Callable
from time import perf_counter_ns, time_ns
from typing import Final

from shadow import wire
from shadow.wire import Total

BUDGET: Final = 16 << 20
"""Bytes that may wait, sent or not: a second of 16 000 calls with 1 KiB each."""

MOST_TOTALS: Final = 256
"""Kinds of shadows without a pair that are counted apart, or each edit would cost a little for ever."""

Key = tuple[str, str, int, str, str]
"""Colour, role, revision, outcome, reason."""


class Outbox:
    """`wake` is called when there is something to send after there was nothing."""

    def __init__(self, *, wake: Callable[[], None], budget: int = BUDGET) -> None:
        self.number = 0
        """Of the last pair."""
        self.size = 0
        """Bytes that wait."""
        self.epoch = 0
        """Unix time at 0 of `perf_counter_ns`, in nanoseconds; as of the current batch."""
        self.totals: dict[Key, int] = {}
        """Shadows without a pair, since the beginning."""
        self.earlier: dict[tuple[str, str, str, str], int] = {}
        """Those of old revisions, by colour, role, outcome and reason."""
        self._oldest = 0
        """What is counted late for an older revision counts for this one."""
        self.terms = b""
        self._told = True
        """The terms are in what was put in since."""
        self.wake = wake
        self.budget = budget
        self._pending = bytearray()
        self._sent: deque[tuple[bytes, bytearray]] = deque()
        """Batches, with the terms that hold for all of each."""
        self._acknowledged = 0
        """Bytes of the first batch in `_sent` that are acknowledged."""
        self._changed: dict[Key, None] = {}

    def obey(self, terms: bytes) -> None:
        """A message that says what the pairs from now on are to be read by. It goes before the first of them; who tells
        it has sent what was put in before."""
        self.terms = terms
        self._told = False

    def room(self, size: int) -> bytearray | None:
        """Where to put a message of this size, at the end; None if the budget does not allow it."""
        if self.size + size > self.budget:
            return None
        self._begin()
        if not self._told:
            self._tell()
        self.size += size
        return self._pending

    def _begin(self) -> None:
        if not self._pending and not self._changed:
            self.epoch = time_ns() - perf_counter_ns()
            self.wake()

    def _tell(self) -> None:
        self._told = True
        self._pending += self.terms
        self.size += len(self.terms)

    def count(self, color: str, role: str, revision: int, outcome: str, reason: str) -> None:
        """One more shadow that has no pair."""
        self._begin()
        if revision < self._oldest:
            revision = self._oldest
        key = (color, role, revision, outcome, reason)
        known = self.totals.get(key)
        if known is None and len(self.totals) >= MOST_TOTALS:
            self._fold()
        self.totals[key] = 1 + (known or 0)
        self._changed[key] = None

    def _fold(self) -> None:
        """Forget by which revision those were counted that none but the newest two have."""
        revisions = sorted({key[2] for key in self.totals})
        if len(revisions) < 3:
            return
        self._oldest = revisions[-2]
        for key in [key for key in self.totals if key[2] < self._oldest and key not in self._changed]:
            color, role, _, outcome, reason = key
            kind = (color, role, outcome, reason)
            self.earlier[kind] = self.earlier.get(kind, 0) + self.totals.pop(key)

    def take(self) -> bytearray:
        """The next batch, to be sent now; empty if there is nothing, or no budget for counts (which are totals)."""
        if self._changed and self.size <= self.budget:
            if not self._told:
                self._tell()
            totals = [Total(*key, self.totals[key]) for key in self._changed]
            self._changed.clear()
            message = wire.counts(totals)
            self._pending += message
            self.size += len(message)
        batch, self._pending = self._pending, bytearray()
        if batch:
            self._sent.append((self.terms, batch))
        return batch

    def acknowledge(self, size: int) -> None:
        """So many bytes more, from the oldest on, are on disk."""
        self._acknowledged += size
        while self._sent and self._acknowledged >= len(self._sent[0][1]):
            _, batch = self._sent.popleft()
            self._acknowledged -= len(batch)
            self.size -= len(batch)
        if self._changed and not self._pending:
            self.wake()

    @property
    def pairs(self) -> int:
        """How many wait, or are not acknowledged. Reads all of them: for the end."""
        return sum(kind == wire.PAIR for batch in self.again()[1] for kind, _, _ in wire.messages(batch))

    def again(self) -> tuple[bytes, list[bytearray]]:
        """For a recorder that has just begun: the terms of what was sent and not acknowledged, and that, in whole
        messages."""
        if not self._sent:
            return self.terms, []
        batches = [batch for _, batch in self._sent]
        batches[0] = batches[0][self._acknowledged :]
        return self._sent[0][0], batches

    def forsake(self) -> bytes:
        """Give up the oldest message that is not on disk, because recorders end when they get it."""
        if not self._sent:
            return b""
        for _, _, end in wire.messages(self._sent[0][1][self._acknowledged :]):
            lost = bytes(self._sent[0][1][self._acknowledged : self._acknowledged + end])
            self.acknowledge(end)
            return lost
        return b""
