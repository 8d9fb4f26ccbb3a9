"""Shadow legs: a copy of a call's request, offered to another colour and never waited for; of role noise, to another
endpoint of its own.

A shadow has connections of its own, so it cannot hold up a primary; what its windows do not admit is queued within
a budget, and over the budget (bytes, calls in flight, time) the shadow is reset and counted with its reason. No
shadow disappears silently: mirrored = completed + failed + timed out + dropped. The client's cancel does not end a
shadow whose request is complete, or only fast calls would be compared. Its answer is captured, where pairs are recorded
(`splitter.capture`), or let go.
"""

import asyncio
from collections import Counter
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from mesh import contract
from mesh.http2 import frames
from mesh.http2.blocks import Malformed, edited, literal
from splitter import answers
from splitter.capture import NOT_SAMPLED, Capture, Captures, Said
from splitter.ejection import FAILED as ENDPOINT_FAILED
from splitter.head import INTERIM, read_head
from splitter.kept import Piece, joined
from splitter.leg import EndpointStream

if TYPE_CHECKING:
    from splitter.call import Call
    from splitter.pool import Pool
    from splitter.switch import Switch
    from splitter.table import MirrorRule
    from splitter.upstream import Upstream

MAX_IN_FLIGHT: Final = 256
MAX_BYTES: Final = 1 << 20
"""Bytes one shadow may have queued."""
MAX_TOTAL_BYTES: Final = 32 << 20
"""Bytes all shadows may have queued together."""

NEVER: Final = 1 << 62
"""Later than any time."""

COMPLETED: Final = "completed"
FAILED: Final = "failed"
TIMED_OUT: Final = "timed_out"
DROPPED: Final = "dropped"

_ROLE: Final = literal(contract.HEADER_ROLE.encode(), contract.ROLE_SHADOW.encode())


class ShadowLeg(EndpointStream):
    """The stream of a shadow: it has no peer, and what it receives is granted again at once."""

    __slots__ = ("shadow",)
    shadow: "ShadowCall"

    def on_headers(self, block: bytes, end: int) -> None:
        head = read_head(block, self.connection.limits)
        answer = self.shadow.answer
        if answer is not None and head.kind != INTERIM:
            answer.block += block
        if end:
            if head.kind == INTERIM:
                raise Malformed("it ends before it began")
            self.shadow.finish(COMPLETED, head.status or "UNKNOWN")

    def on_data(self, payload: bytes, end: int) -> None:
        self.connection.credit(len(payload))
        shadow = self.shadow
        if shadow.answer is not None and shadow.capture is not None:
            shadow.answer.add(payload, shadow.capture.largest)
        if end:
            self.shadow.finish(COMPLETED, "UNKNOWN")  # a response without trailers is not gRPC
        elif self.recv_window < self.connection.low_water:
            window = self.connection.stream_window
            room, self.recv_window = window - self.recv_window, window
            self.connection.send(frames.window_update(self.id, room))

    def on_reset(self, code: int) -> None:
        self.upstream.own_fault = ""
        if code == frames.REFUSED_STREAM and not self.upstream.leaving:
            self.upstream.refused()
        self.shadow.finish(FAILED, answers.reset_code(code))

    def on_connection_lost(self) -> None:
        self.shadow.finish(FAILED, "UNAVAILABLE")


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

    def over_budget(self, shadow: "ShadowCall") -> bool:
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
            self._uncaptured(call, rule, DROPPED, reason or "")
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
                self._uncaptured(call, rule, DROPPED, NOT_SAMPLED)
        if call.shadows is None:
            call.shadows = []
        call.shadows.append(shadow)
        connection = pool.acquire()
        if connection is None:
            pool.hold(shadow)
        else:
            shadow.attach(connection)

    def _uncaptured(self, call: "Call", rule: "MirrorRule", outcome: str, reason: str) -> None:
        """A shadow that will have no pair."""
        if self.captures is not None:
            outbox = self.captures.outbox
            outbox.count(rule.color, rule.role, call.table.revision, outcome, reason)


class ShadowCall:
    """One shadow, from its choice to its outcome."""

    __slots__ = (
        "answer",
        "block",
        "capture",
        "color",
        "done",
        "ended",
        "kept",
        "kept_size",
        "leg",
        "mirrors",
        "path",
        "pool",
        "revision",
        "role",
        "span",
        "started",
        "switch",
        "trace",
        "until",
    )

    def __init__(
        self, switch: "Switch", mirrors: Mirrors, call: "Call", rule: "MirrorRule", pool: "Pool"
    ) -> None:
        self.switch = switch
        self.mirrors = mirrors
        self.color = rule.color
        self.role = rule.role
        self.capture: Capture | None = None
        self.answer: Said | None = None
        """What it says, where that is captured."""
        self.pool = pool
        self.path = call.path
        self.revision = call.table.revision
        self.trace = call.trace
        self.ended = call.ended
        self.done = False
        self.leg: ShadowLeg | None = None
        self.kept: list[Piece] = []
        self.kept_size = 0
        self.started = perf_counter_ns()
        request = call.request
        drop = [*request.strays]  # the mark of a shadow is none: a call that has it is not mirrored again
        if request.timeout:
            drop.append(request.timeout)
        append = _ROLE + rule.timeout_field  # its own deadline, not the client's
        self.span = b""
        if self.trace is not None:
            self.span, parent = self.trace.leg()
            append += parent
            if request.traceparent:
                drop.append(request.traceparent)
            if not self.trace.parent_id:
                drop += request.tracestate
        self.block = edited(call.block, drop=drop, append=append)
        self.until = self.started + rule.timeout_ns
        """When it is given up, by `perf_counter_ns`."""

    @property
    def gone(self) -> bool:
        return self.done

    @property
    def expires(self) -> int | None:
        """None: `Mirrors` looks after it."""
        return None

    @property
    def buffered(self) -> int:
        """Request bytes that wait in our memory."""
        return self.kept_size if self.leg is None else self.leg.queued

    def attach(self, connection: "Upstream") -> None:
        leg = self.leg = ShadowLeg(connection, connection.next_id)
        connection.open(leg)
        leg.shadow = self
        connection.send_block(leg.id, self.block, self.ended and not self.kept)
        leg.sent_end = bool(self.ended and not self.kept)
        for payload, end, is_block in self.kept:
            self._send(leg, payload, end, is_block)
        self.kept = []

    def reject(self, reason: str) -> None:
        self.finish(DROPPED, "no_endpoint")

    def expire(self) -> None:
        self.finish(TIMED_OUT, "")

    def offer(self, payload: bytes, end: int, is_block: bool) -> None:
        """The next part of the request; never waits, never fails."""
        if self.done:
            return
        self.ended = end
        if self.leg is None:
            if not joined(self.kept, payload, end, is_block):
                self.kept.append((payload, end, is_block))
            self.kept_size += len(payload)
        else:
            self._send(self.leg, payload, end, is_block)
        if self.mirrors.over_budget(self):
            self.finish(DROPPED, "bytes")

    @staticmethod
    def _send(leg: ShadowLeg, payload: bytes, end: int, is_block: bool) -> None:
        if is_block:
            leg.send_headers(payload, end)
        else:
            leg.send_data(payload, end, None)

    def on_primary_end(self) -> None:
        """The primary has its answer; a shadow whose request will not be completed has nothing to compare."""
        if not self.ended:
            self.finish(DROPPED, "request_incomplete")

    def finish(self, outcome: str, detail: str) -> None:
        """The shadow's outcome, once; whatever is left of its stream is reset."""
        if self.done:
            return
        self.done = True
        self.mirrors.active.discard(self)
        self.mirrors.outcomes[self.color, self.role, outcome, detail] += 1
        if self.capture is not None:
            self.capture.on_shadow_end(self, outcome, detail)
            self.capture = None
        leg = self.leg
        if leg is not None:
            self._judge(leg, outcome, detail)
            if not (leg.recv_end and leg.sent_end):
                leg.send_reset(frames.CANCEL)
            self.leg = None  # it still has us: no cycle, no work for the garbage collector
        self.switch.observer.shadow(self, outcome, detail)

    def _judge(self, leg: ShadowLeg, outcome: str, detail: str) -> None:
        """What it says of its endpoint; a connection that was lost has spoken for itself."""
        failed = outcome == TIMED_OUT or detail in ENDPOINT_FAILED
        if outcome != DROPPED and (failed or self.pool.troubled) and leg.connection.transport is not None:
            self.pool.note(failed=failed, began=self.started)
