"""One shadow: a copy of a call's request, on a stream of its own, from its choice to its outcome.

The client's cancel does not end a shadow whose request is complete, or only fast calls would be compared. Its answer
is captured, where pairs are recorded (`splitter.capture`), or let go.
"""

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from mesh import contract
from mesh.http2 import frames
from mesh.http2.blocks import Malformed, literal
from splitter import answers
from splitter.capture import Capture, Said
from splitter.ejection import FAILED as ENDPOINT_FAILED
from splitter.head import INTERIM, read_head
from splitter.kept import Piece, joined
from splitter.leg import EndpointStream
from splitter.outcome import COMPLETED, DROPPED, FAILED, TIMED_OUT
from splitter.outgoing import outgoing

if TYPE_CHECKING:
    from splitter.call import Call
    from splitter.mirror import Mirrors
    from splitter.pool import Pool
    from splitter.switch import Switch
    from splitter.table import MirrorRule
    from splitter.upstream import Upstream

# The mark of a shadow is none of the client's strays: a call that has it is not mirrored again
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
        self, switch: "Switch", mirrors: "Mirrors", call: "Call", rule: "MirrorRule", pool: "Pool"
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
        self.span = parent = b""
        if self.trace is not None:
            self.span, parent = self.trace.leg()
        # Its own deadline, not the client's
        self.block = outgoing(
            call.block, call.request, self.trace, parent, timeout=rule.timeout_field, mark=_ROLE
        )
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
