"""The budget for sending calls again: a fifth of the calls, and ten a second whatever the load (linkerd's figures).

Without it, an upstream that fails everything would get twice the load for it.
"""

from typing import Final

RATIO: Final = 0.2
PER_SECOND: Final = 10.0
SAVED: Final = 100.0
"""What may be saved up beyond the last calls' share: ten quiet seconds."""


class RetryBudget:
    """Time is a parameter: seconds of any steady clock. `calls` is the number of calls since the start."""

    __slots__ = ("_calls", "_then", "tokens")

    def __init__(self, *, now: float) -> None:
        self.tokens = SAVED
        self._calls = 0
        self._then = now

    def take(self, *, now: float, calls: int) -> bool:
        """Whether one more call may be sent again."""
        share = RATIO * (calls - self._calls)
        earned = share + PER_SECOND * (now - self._then)
        self._then, self._calls = now, calls
        self.tokens = min(self.tokens + earned, SAVED + share)
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True
