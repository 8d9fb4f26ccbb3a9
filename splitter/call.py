"""One call: the client's stream, the leg that serves it, and what happens when that leg fails early.

    client ──▶ Call ═══ Leg ──▶ endpoint          (each is the other's `peer`)

Frames go from peer to peer; the call only looks at the first response block (to add the colour) and at the last
(to count the status). Until the first response it keeps the request, up to 64 KiB, so that it can be sent again
elsewhere if the first endpoint provably did not process it, or if the method is safe to run twice.

This is the hot path: a unary call without shadows costs about 8 µs of Python, of which a method call is 0.1, so
what happens in every call stands in few functions, and what is rare in functions of its own.
"""

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from mesh import contract
from mesh.http2 import frames
from mesh.http2.blocks import edited
from mesh.http2.stream import LOW_WATER, Stream
from splitter import answers
from splitter.head import read_head
from splitter.leg import Leg
from splitter.picker import NO_BUCKET
from splitter.table import NOBODY

if TYPE_CHECKING:
    from mesh.http2.connection import Connection
    from splitter.mirror import ShadowCall
    from splitter.pool import Pool, Upstream
    from splitter.request import Request
    from splitter.switch import Switch
    from splitter.table import Table, Target
    from splitter.tracing import Context

KEPT_LIMIT: Final = 65_536
"""Request bytes kept for sending again (linkerd's figure); also all that a client can send before we grant more."""
KEPT_LEAST: Final = 64
"""What a kept piece counts at least, or a request of one-byte frames would be almost free."""
MAX_ATTEMPTS: Final = 3


class Call(Stream):
    """The client's side of a call, and the call itself. Opened by the switch, which then decides its colour."""

    __slots__ = (
        "attempts",
        "block",
        "bucket",
        "done",
        "ended",
        "kept",
        "kept_size",
        "leg_field",
        "leg_span",
        "leg_started",
        "passed",
        "path",
        "pool",
        "reason",
        "request",
        "responded",
        "safe",
        "shadows",
        "started",
        "switch",
        "table",
        "target",
        "trace",
    )
    pool: "Pool"

    def __init__(
        self,
        connection: "Connection",
        stream_id: int,
        *,
        switch: "Switch",
        table: "Table",
        block: bytes,
        request: "Request",
        end: int,
    ) -> None:
        super().__init__(connection, stream_id)
        self.recv_end = bool(end)
        self.switch = switch
        self.table = table
        self.block = block
        self.request = request
        self.path: bytes = request.path  # type: ignore[assignment]  # the reader refuses a request without
        self.ended = end
        """The first header block ended the request."""
        self.safe = table.is_safe(self.path)
        self.started = perf_counter_ns()
        self.kept: list[tuple[bytes, int, bool]] | None = []
        """The request after its first block: (bytes, end, is a header block). None once it cannot be sent again."""
        self.kept_size = 0
        self.passed = 0
        """How many of `kept` have been passed on, so that the client was credited for them."""
        self.shadows: list[ShadowCall] | None = None
        self.attempts = 0
        self.responded = False
        self.done = False
        self.trace: Context | None = None
        self.target = NOBODY
        self.reason = ""
        self.bucket = NO_BUCKET

    @property
    def gone(self) -> bool:
        """It needs no connection any more."""
        return self.done

    @property
    def role(self) -> str:
        """Of the leg that serves it."""
        return contract.ROLE_FALLBACK if self.reason == contract.REASON_FALLBACK else contract.ROLE_PRIMARY

    # Towards an endpoint

    def send_to(self, target: "Target", pool: "Pool") -> None:
        """Start a leg to this endpoint, now or as soon as it has a connection with room."""
        self.target = target
        self.pool = pool
        self.attempts += 1
        if self.trace is not None:
            self.leg_started = perf_counter_ns()
            self.leg_span, self.leg_field = self.trace.leg()
        connection = pool.acquire()
        if connection is None:
            pool.hold(self)
        else:
            self.attach(connection)

    def attach(self, connection: "Upstream") -> None:
        """Send what the client has sent so far, and relay from here on."""
        self.peer = leg = connection.open(Leg)
        leg.peer = self
        block, end = self.block, self.ended
        request = self.request
        if self.trace is not None:
            parent = (request.traceparent,) if request.traceparent else ()
            block = edited(block, drop=parent + request.strays, append=self.leg_field)
        elif request.strays:
            block = edited(block, drop=request.strays)
        connection.send_block(leg.id, block, end)
        if end:
            leg.sent_end = True
        if self.kept:
            self._send_kept(leg, self.kept)

    def _send_kept(self, leg: Leg, kept: list[tuple[bytes, int, bool]]) -> None:
        for position, (payload, end, is_block) in enumerate(kept):
            if is_block:
                leg.send_headers(payload, end)
            else:
                leg.send_data(payload, end, self.connection if position >= self.passed else None)
        self.passed = len(kept)
        if self.recv_window < LOW_WATER:
            self.replenish()

    # From the client

    def on_headers(self, block: bytes, end: int) -> None:  # trailers of the request
        leg = self.peer
        self._keep(block, end, True)
        if leg is not None:
            leg.send_headers(block, end)

    def on_data(self, payload: bytes, end: int) -> None:
        leg = self.peer
        if self.kept is not None or self.shadows is not None:
            self._keep(payload, end, False)
        if leg is None:
            if self.kept is None:  # what is kept is credited when it has been passed on
                self.connection.credit(len(payload))
            return
        leg.send_data(payload, end, self.connection)
        if self.recv_window < LOW_WATER and not end:
            self.replenish()

    def _keep(self, payload: bytes, end: int, is_block: bool) -> None:
        """More of the request, for sending it again and for its shadows."""
        kept = self.kept
        if kept is not None:
            kept.append((payload, end, is_block))
            self.kept_size += max(len(payload), KEPT_LEAST)
            if self.peer is not None:
                self.passed += 1
                if self.kept_size > KEPT_LIMIT:
                    self.kept = None
        if self.shadows is not None:
            for shadow in self.shadows:
                shadow.offer(payload, end, is_block)

    def on_reset(self, code: int) -> None:
        """The client cancelled, or its connection broke."""
        leg = self.peer
        if leg is not None:
            leg.send_reset(code)
        self.finish("CANCELLED")

    # From the endpoint

    def on_response(self, block: bytes, end: int) -> None:
        """A header block of the response: headers, or trailers."""
        head = read_head(block)
        if not self.responded and not head.interim:
            if end and self.safe and self._refused(head.status):
                return
            self.responded = True
            self.kept = None
            block += self.target.mark
        self.send_headers(block, end)
        if end:
            self.finish(head.status or "UNKNOWN")
            leg = self.peer
            if leg is not None and leg.queue:
                # Nobody reads the rest of the request, nor grants windows for it
                leg.send_reset(frames.CANCEL)

    def _refused(self, status: str | None) -> bool:
        """Trailers alone may say that the endpoint would not serve the call, rather than how it went: send it again.

        A gRPC server that shuts down answers CANCELLED to what reaches it meanwhile, though nobody cancelled; under
        load that answer can be here before its GOAWAY.
        """
        if status not in ("UNAVAILABLE", "CANCELLED"):
            return False
        leg = self.peer
        return self.resend(status, again=isinstance(leg, Leg) and leg.connection.leaving)

    def on_leg_reset(self, code: int) -> None:
        """The endpoint reset the stream, or never processed it."""
        status = answers.reset_code(code)
        if not self.responded and code == frames.REFUSED_STREAM and self.resend(status, again=True):
            return
        if self.done:  # the response is complete: a client that still sends may stop
            self.send_reset(frames.NO_ERROR)
            return
        self.send_reset(code)
        self.finish(status)

    def on_leg_lost(self) -> None:
        """The endpoint's connection broke; it may have processed the request."""
        if self.done:
            self.send_reset(frames.NO_ERROR)
            return
        if not self.responded and self.safe and self.resend("UNAVAILABLE", again=True):
            return
        message = f"the connection to {self.pool.endpoint} was lost"
        answers.answer(self, answers.UNAVAILABLE, message, started=self.responded)
        self.finish("UNAVAILABLE")

    def reject(self, reason: str) -> None:
        """The endpoint cannot be reached: nothing was sent, so another may be tried."""
        if not self.resend("UNAVAILABLE", again=False):
            answers.answer(self, answers.UNAVAILABLE, reason)
            self.finish("UNAVAILABLE")

    def resend(self, status: str, *, again: bool) -> bool:
        """Try another endpoint after this leg failed with `status`; False if the client has to be told.

        `again`: it was the connection that failed, so the same endpoint may have the call once more.
        """
        if self.kept is None or self.done or self.attempts >= MAX_ATTEMPTS:
            return False
        choice = self.switch.alternative(self, again=again and self.attempts == 1)
        if choice is None:
            return False
        self.switch.observer.failed_leg(self, status)
        leg, self.peer = self.peer, None
        if leg is not None:
            leg.peer = None
            if not (leg.recv_end and leg.sent_end):
                leg.send_reset(frames.CANCEL)
        target, pool = choice
        if target.color != self.target.color:
            self.reason = contract.REASON_FALLBACK
        self.send_to(target, pool)
        return True

    # The end

    def finish(self, status: str) -> None:
        """The outcome is known: count it once, and let go."""
        if self.done:
            return
        self.done = True
        if self.kept:
            for payload, _, is_block in self.kept[self.passed :]:
                if not is_block:
                    self.connection.credit(len(payload))
        self.kept = None
        self.switch.observer.call(self, status)
        if self.shadows is not None:
            for shadow in self.shadows:
                shadow.on_primary_end()
