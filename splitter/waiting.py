"""The calls that wait for a connection with room, oldest first, and the one timer that ends their waiting.

A call waits a bounded time for an endpoint that cannot be reached, or takes no call at all; for one that is only full
it may wait as long as its own deadline allows.
"""

import asyncio
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from splitter.upstream import Upstream

MAX_HELD: Final = 16_384
"""Calls that may wait for one endpoint: each costs 1 KiB, and what its client may send before it is granted more."""
HOLD_LIMIT: Final = 1.0
"""Seconds that a call waits for an endpoint without a connection, or one that takes no call; for one that is only full
it may wait longer."""
_SOON: Final = 1_000_000
"""Nanoseconds: a call is not looked at more often."""
_SPARE: Final = 64


class Held(Protocol):
    """A call that waits for a connection."""

    @property
    def gone(self) -> bool:
        """It needs no connection any more."""
        ...

    @property
    def expires(self) -> int | None:
        """When its deadline passes, by `perf_counter_ns`; None for one that has none."""
        ...

    def attach(self, connection: "Upstream") -> None:
        """Here is one with room."""
        ...

    def reject(self, reason: str) -> None:
        """There will be none; nothing of the call has been sent."""
        ...

    def expire(self) -> None:
        """Its deadline has passed."""
        ...


class Waiting:
    """In the order in which they came. `obstacle`: why a call that has waited `limit` seconds should not wait on; empty
    if it may."""

    __slots__ = (
        "_calls",
        "_count",
        "_limit",
        "_most",
        "_obstacle",
        "_purge_at",
        "_timer",
        "_times",
    )

    def __init__(
        self,
        obstacle: Callable[[], str],
        *,
        limit: float = HOLD_LIMIT,
        most: int = MAX_HELD,
    ) -> None:
        self._calls: dict[Held, int] = {}
        self._count = 0
        self._purge_at = 0
        self._limit = limit
        self._most = most
        self._obstacle = obstacle
        self._times: list[tuple[int, int, Held, bool]] = []
        """A heap: when to look at which call, by its number; whether that is its deadline."""
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._calls)

    def put(self, call: Held) -> bool:
        """Let it wait, behind all others; False if too many do."""
        self._count += 1
        if len(self._calls) >= self._most and self._count > self._purge_at:
            self._purge_at = self._count + self._most // 8  # seldom: it looks at all of them
            self._calls = {each: number for each, number in self._calls.items() if not each.gone}
        if len(self._calls) >= self._most:
            return False
        if (
            len(self._times) > 2 * len(self._calls) + _SPARE
        ):  # most have been served, and are not to be kept alive
            self._times = [each for each in self._times if self._calls.get(each[2]) == each[1]]
            heapify(self._times)
        self._calls[call] = self._count
        self._look_again(self._count, call, perf_counter_ns())
        self._arm()
        return True

    def _look_again(self, number: int, call: Held, now: int) -> None:
        """At its deadline, or when it has waited for another while."""
        patience, expires = now + max(round(self._limit * 1e9), _SOON), call.expires
        if expires is not None and expires <= patience:
            heappush(self._times, (expires, number, call, True))
        else:
            heappush(self._times, (patience, number, call, False))

    def take(self) -> Held | None:
        """The one that waits longest, if any does."""
        while self._calls:
            call = next(iter(self._calls))
            del self._calls[call]
            if not call.gone:
                return call
        return None

    def reject(self, reason: str) -> None:
        """None of them will be served."""
        calls, self._calls = self._calls, {}
        self._times.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for call in calls:
            if not call.gone:
                call.reject(reason)

    def _arm(self) -> None:
        """Have the timer ring when the first has to be looked at."""
        if not self._times:
            return
        when = self._times[0][0]
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0, when - perf_counter_ns()) * 1e-9
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        now = perf_counter_ns()
        while self._times and self._times[0][0] <= now:
            _, number, call, is_deadline = heappop(self._times)
            if self._calls.get(call) != number:
                continue  # served since, or told otherwise
            if call.gone:
                del self._calls[call]
            elif is_deadline:
                del self._calls[call]
                call.expire()
            elif reason := self._obstacle():
                del self._calls[call]
                call.reject(reason)
            else:
                self._look_again(number, call, now)
        if self._timer is None:
            self._arm()
