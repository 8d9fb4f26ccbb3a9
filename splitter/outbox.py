"""What waits for the recorder, within a budget: pairs and counts, in batches, until they are acknowledged.

A batch that was sent is kept until the recorder says that it is on disk; if the recorder ends before, its successor
gets it again, and the store knows which pairs it has. So a recorder that is killed loses nothing, and one that hangs
costs this budget and no more.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from shadow import wire
from shadow.wire import Total

BUDGET: Final = 16 << 20
"""Bytes that may wait, sent or not: a second of 16 000 calls with 1 KiB each."""
BATCH: Final = 256 << 10
"""Bytes of a batch, but for its last message: what is sent again is not much more than what was lost."""

Key = tuple[str, str, int, str, str]
"""Colour, role, revision, outcome, reason."""


class Outbox:
    """`wake` is called when there is something to send after there was nothing."""

    def __init__(self, *, wake: Callable[[], None], budget: int = BUDGET) -> None:
        self.number = 0
        """Of the last pair."""
        self.size = 0
        """Bytes that wait."""
        self.totals: dict[Key, int] = {}
        """Shadows without a pair, since the beginning."""
        self.wake = wake
        self.budget = budget
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._sent: deque[bytes] = deque()
        self._acknowledged = 0
        """Bytes of the first batch in `_sent` that are acknowledged."""
        self._changed: dict[Key, None] = {}

    def offer(self, message: bytes, *, vital: bool = False) -> bool:
        """Take a message, if the budget allows; a `vital` one in any case, because those after it build on it."""
        size = len(message)
        if self.size + size > self.budget and not vital:
            return False
        if not self._pending and not self._changed:
            self.wake()
        self._pending.append(message)
        self._pending_size += size
        self.size += size
        return True

    def count(self, color: str, role: str, revision: int, outcome: str, reason: str) -> None:
        """One more shadow that has no pair."""
        if not self._pending and not self._changed:
            self.wake()
        key = (color, role, revision, outcome, reason)
        self.totals[key] = self.totals.get(key, 0) + 1
        self._changed[key] = None

    @property
    def full(self) -> bool:
        """A batch is complete."""
        return self._pending_size >= BATCH

    @property
    def empty(self) -> bool:
        """Nothing is left to send."""
        return not self._pending and not self._changed

    def take(self) -> bytes:
        """The next batch, to be sent now; empty if there is nothing."""
        if self._changed:
            totals = [Total(*key, self.totals[key]) for key in self._changed]
            self._changed.clear()
            message = wire.counts(totals)
            self._pending.append(message)
            self.size += len(message)
        batch = b"".join(self._pending)
        self._pending.clear()
        self._pending_size = 0
        if batch:
            self._sent.append(batch)
        return batch

    def acknowledge(self, size: int) -> None:
        """So many bytes more, from the oldest on, are on disk."""
        self._acknowledged += size
        while self._sent and self._acknowledged >= len(self._sent[0]):
            batch = self._sent.popleft()
            self._acknowledged -= len(batch)
            self.size -= len(batch)

    def again(self) -> list[bytes]:
        """What was sent and not acknowledged, for a recorder that has just begun: whole messages."""
        batches = list(self._sent)
        if batches:
            batches[0] = batches[0][self._acknowledged :]
        return batches

    def forsake(self) -> bytes:
        """Give the oldest batch up, because recorders end when they get it: its messages that are not on disk."""
        batch = self._sent.popleft() if self._sent else b""
        lost, self._acknowledged = batch[self._acknowledged :], 0
        self.size -= len(batch)
        return lost
