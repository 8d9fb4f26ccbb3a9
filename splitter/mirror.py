"""All shadows: copies of calls' requests, offered to another colour and never waited for; of role noise, to another
endpoint of their own.

A shadow has connections of its own, so it cannot hold up a primary; what its windows do not admit is queued within
a budget, and over the budget (bytes, calls in flight, time) the shadow is reset and counted with its reason. No
shadow disappears silently: mirrored = completed + failed + timed out + dropped. What one does is in
`splitter.shadowcall`.
"""

import asyncio
from collections import Counter
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from mesh.http2 import frames
from splitter.capture import NOT_SAMPLED, Capture, Captures
from splitter.outcome import DROPPED, TIMED_OUT
from splitter.shadowcall import ShadowCall

if TYPE_CHECKING:
    from splitter.call import Call
    from splitter.switch import Switch
    from splitter.table import MirrorRule

MAX_IN_FLIGHT: Final = 256
MAX_BYTES: Final = 1 << 20
"""Bytes one shadow may have queued."""
MAX_TOTAL_BYTES: Final = 32 << 20
"""Bytes all shadows may have queued together."""

NEVER: Final = 1 << 62
"""Later than any time."""


class Mirrors:
    """All shadows under way, and what became of the others."""

    def __init__(
        self,
        *,
        captures: Captures | None = None,
        max_in_flight: int = MAX_IN_FLIGHT,
        max_total_bytes: int = MAX_TOTAL_BYTES,
    ) -> None:
        self.captures = captures
        """None: pairs are not recorded."""
        self._timer: asyncio.TimerHandle | None = None
        self._look_at = NEVER
        """When the timer rings."""
        self._max_in_flight = max_in_flight
        self._max_total_bytes = max_total_bytes
        self.active: set[ShadowCall] = set()
        self.started: Counter[tuple[str, str]] = Counter()
        """Shadows begun, by colour and role."""
        self.outcomes: Counter[tuple[str, str, str, str]] = Counter()
        """Shadows ended, by colour, role, outcome and detail (a gRPC status, or why it was dropped)."""

    def over_budget(self, shadow: ShadowCall) -> bool:
        """This shadow holds more than it may, alone or together with the others."""
        size = shadow.buffered
        if size <= frames.DEFAULT_WINDOW:
            return False
        return size > MAX_BYTES or sum(other.buffered for other in self.active) > self._max_total_bytes

    def _look_again(self, at: int) -> None:
        """One timer for all: to start and stop one for each shadow costs a microsecond, and almost none is needed."""
        if self._timer is not None:
            self._timer.cancel()
        self._look_at = at
        delay = max(0, at - perf_counter_ns()) / 1e9
        self._timer = asyncio.get_running_loop().call_later(delay, self._expire)

    def _expire(self) -> None:
        """Give up those whose time is over, and look again when it is for the next."""
        now = perf_counter_ns()
        self._timer, self._look_at = None, NEVER
        soonest = NEVER
        for shadow in list(self.active):
            if shadow.until <= now:
                shadow.finish(TIMED_OUT, "")
            elif shadow.until < soonest:
                soonest = shadow.until
        if soonest < self._look_at:
            self._look_again(soonest)

    def stop(self) -> None:
        """The sidecar ends: what has not ended by now is dropped, and counted."""
        for shadow in list(self.active):
            shadow.finish(DROPPED, "shutdown")
        if self._timer is not None:
            self._timer.cancel()

    def start(self, switch: "Switch", call: "Call", rule: "MirrorRule") -> None:
        """Begin a shadow of this call, or count why not."""
        self.started[rule.color, rule.role] += 1
        pool = rule.target.apart(call.pool.endpoint) if rule.noise else rule.target.choose()
        reason = None
        if pool is None or not pool.usable:
            reason = "no_endpoint"
        elif len(self.active) >= self._max_in_flight:
            reason = "in_flight"
        if reason is not None or pool is None:
            self.outcomes[rule.color, rule.role, DROPPED, reason or ""] += 1
            self._uncaptured(call, rule, reason or "")
            return
        shadow = ShadowCall(switch, self, call, rule, pool)
        self.active.add(shadow)
        if shadow.until < self._look_at:
            self._look_again(shadow.until)
        captures = self.captures
        if captures is not None:
            if rule.recorded.take():
                if call.capture is None:
                    call.capture = Capture(captures, call, rule.largest)
                call.capture.begin(shadow)
            else:
                self._uncaptured(call, rule, NOT_SAMPLED)
        if call.shadows is None:
            call.shadows = []
        call.shadows.append(shadow)
        connection = pool.acquire()
        if connection is None:
            pool.hold(shadow)
        else:
            shadow.attach(connection)

    def _uncaptured(self, call: "Call", rule: "MirrorRule", reason: str) -> None:
        """A shadow that will have no pair."""
        if self.captures is not None:
            outbox = self.captures.outbox
            outbox.count(rule.color, rule.role, call.table.revision, DROPPED, reason)
