"""Whether an endpoint that fails is left out for a while. Pure: times are parameters, and so is chance.

Seven failures in a row eject it; after a second, and ever longer up to a minute, one real call is its probe. The
probe's success restores it, its failure ejects it again for longer. A probe that ends without a verdict (its client
gave up) only costs the wait for the next.

Consecutive failures, as in linkerd, rather than a rate, as in Envoy: a colour has few endpoints and may have few
calls. Without this, the least-loaded choice would prefer an endpoint for failing fast. Left out: whether there is
another endpoint to serve instead, which whoever ejects has to know (`splitter.endpoints`).
"""

import random
from collections.abc import Callable
from typing import Final

FAILURES: Final = 7
"""In a row (linkerd's figure)."""
FIRST: Final = 1_000_000_000
LONGEST: Final = 60_000_000_000
"""Nanoseconds until the first probe, and at most (linkerd's figures)."""
JITTER: Final = 0.1
"""Of the wait, or all sidecars would probe at once."""
FAILED: Final = frozenset(("UNAVAILABLE", "INTERNAL", "UNKNOWN", "DATA_LOSS", "DEADLINE_EXCEEDED"))
"""Statuses that speak against the endpoint. DEADLINE_EXCEEDED, because a server that hangs often still says it, a
moment before or after its client gives up."""


class Ejection:
    """What is held against one endpoint. Times in nanoseconds of any steady clock."""

    __slots__ = ("_chance", "_probe_at", "_since", "_wait", "ejected", "failures")

    def __init__(self, *, chance: Callable[[], float] = random.random) -> None:
        self.failures = 0
        """In a row, until now."""
        self.ejected = False
        self._since = 0
        self._probe_at = 0
        self._wait = FIRST
        self._chance = chance

    def note(self, *, failed: bool, began: int) -> bool:
        """A call to the endpoint, or a connection, has ended; `began`: when. Whether it should be ejected, or ejected
        again. What began before it was ejected says nothing new."""
        if self.ejected and began < self._since:
            return False
        if not failed:
            self.failures = 0
            self.ejected = False
            self._wait = FIRST
            return False
        self.failures += 1
        return self.ejected or self.failures >= FAILURES

    def eject(self, *, now: int) -> None:
        """Leave it out; the second time in a row for longer."""
        if self.ejected:
            self._wait = min(2 * self._wait, LONGEST)
        self.ejected = True
        self._since = now
        self._probe_at = now + self._jittered()

    def take_probe(self, *, now: int) -> bool:
        """Whether the next call may go to it after all: one for each time that it has waited."""
        if now < self._probe_at:
            return False
        self._probe_at = now + self._jittered()
        return True

    def remaining(self, *, now: int) -> float:
        """Seconds until the next call may probe it."""
        return max(0, self._probe_at - now) * 1e-9

    def _jittered(self) -> int:
        return round(self._wait * (1 - JITTER + 2 * JITTER * self._chance()))
