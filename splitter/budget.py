"""The budget for sending calls again: a fifth of the calls, and ten a second whatever the load (linkerd's figures).

Without it, an upstream that fails everything would get twice the load for it.
"""

from math import expm1
from typing import Final

RATIO: Final = 0.2
PER_SECOND: Final = 10.0
MEMORY: Final = 10.0
"""Seconds: what is earned and not used fades with this time constant, so a burst may use what ten seconds earn."""


class RetryBudget:
    """Time is a parameter: seconds of any steady clock. `calls` is the number of calls since the start."""

    __slots__ = ("_calls", "_then", "tokens")

    def __init__(self, *, now: float) -> None:
        self.tokens = PER_SECOND * MEMORY
        self._calls = 0
        self._then = now

    def take(self, *, now: float, calls: int) -> bool:
        """Whether one more call may be sent again."""
        seconds, share = now - self._then, RATIO * (calls - self._calls)
        self._then, self._calls = now, calls
        if (
            seconds > 0
        ):  # the calls came evenly, for all we know; what the first of them earned has faded since
            faded = -expm1(-seconds / MEMORY)
            self.tokens += share * (faded * MEMORY / seconds) + faded * (PER_SECOND * MEMORY - self.tokens)
        else:
            self.tokens += share
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True
