"""One call: the client's stream, the leg that serves it, and what happens when that leg fails early.

    client ──▶ Call ═══ Leg ──▶ endpoint          (each is the other's `peer`)

Frames go from peer to peer; the call only looks at the first response block (to add the colour) and at the last
(to count the status). Until the first response it keeps the request, up to 64 KiB, so that it can be sent again
elsewhere if the first endpoint provably did not process it, or if the method is safe to run twice.

This is the hot path: a unary call without shadows costs about 2.7 µs of compiled Python, 10.6 of interpreted, so what
happens in every call stands in few functions; what is rare in others (`recovery`, for one).
"""

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from mesh import contract
from mesh.http2 import frames
from mesh.http2.blocks import Malformed
from mesh.http2.stream import Stream
from splitter import deadline, recovery
from splitter.ejection import FAILED
from splitter.head import INTERIM, TRAILERS, read_head
from splitter.kept import KEPT_LEAST, KEPT_LIMIT, Piece, joined
from splitter.leg import Leg
from splitter.outgoing import outgoing
from splitter.picker import NO_BUCKET
from splitter.table import NOBODY

if TYPE_CHECKING:
    from mesh.http2.connection import Connection
    from splitter.capture import Capture
    from splitter.pool import Pool
    from splitter.request import Request
    from splitter.shadowcall import ShadowCall
    from splitter.switch import Switch
    from splitter.table import Table, Target
    from splitter.tracing import Context
    from splitter.upstream import Upstream

EARLY: Final = 0.05
"""Of a timeout: clients round it up when they write it down (gRPC core to a hundredth), and give up by their own."""


class Call(Stream):
    """The client's side of a call, and the call itself. Opened by the switch, which then decides its colour."""

    __slots__ = (
        "attempts", "block", "bucket", "capture", "done", "ended", "ending", "kept", "kept_size", "leg_field",
        "leg_span", "leg_started", "passed", "path", "pool", "reason", "request", "responded", "safe",
        "shadows", "started", "switch", "table", "target", "trace", "turned_away",
    )  # fmt: skip
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
        self.kept: list[Piece] | None = []
        """The request after its first block: (bytes, end, is a header block). None once it cannot be sent again."""
        self.kept_size = 0
        self.passed = 0
        """How many of `kept` have been passed on, so that the client was credited for them."""
        self.shadows: list[ShadowCall] | None = None
        self.capture: Capture | None = None
        """What its pairs will need, if it has shadows and pairs are recorded."""
        self.attempts = 0
        self.turned_away = 0
        self.responded = False
        self.ending = "UNKNOWN"
        """The status of a response that ends without trailers: it is not gRPC, but it is over."""
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
    def answered(self) -> bool:
        return self.responded or self.sent_end

    @property
    def role(self) -> str:
        """Of the leg that serves it."""
        return contract.ROLE_FALLBACK if self.reason == contract.REASON_FALLBACK else contract.ROLE_PRIMARY

    # Its deadline
    @property
    def expires(self) -> int | None:
        """When its deadline passes, by `perf_counter_ns`; None for one that has none."""
        field = self.request.timeout
        timeout = deadline.parse(field.value) if field is not None else None
        return self.started + timeout if timeout is not None else None

    def is_late(self, early: float = 0.0) -> bool:
        """Its deadline has passed, or has but for this part of the time it had."""
        expires = self.expires
        if expires is None:
            return False
        return perf_counter_ns() >= expires - early * (expires - self.started)

    def expire(self) -> None:
        """Its deadline has passed while it waited for a connection."""
        recovery.on_expired(self)

    # Towards an endpoint

    def send_to(self, target: "Target", pool: "Pool", late: bool = False) -> None:
        """Start a leg to this endpoint, now or as soon as it has a connection with room. `late`: not the first."""
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
            self._start(connection, late)

    def attach(self, connection: "Upstream") -> None:
        """It has waited for this connection."""
        self._start(connection, True)

    def reject(self, reason: str) -> None:
        """It has waited in vain; nothing was sent."""
        recovery.on_rejected(self, reason)

    def _start(self, connection: "Upstream", late: bool) -> None:
        """Send what the client has sent so far, and relay from here on."""
        leg = Leg(connection, connection.next_id)
        connection.open(leg)
        self.peer, leg.peer = leg, self
        connection.send_block(leg.id, self._first_block(late), self.ended)
        if self.ended:
            leg.sent_end = True
        if self.kept:
            self._send_kept(leg, self.kept)
        if self.recv_window < self.connection.low_water:
            self.replenish()

    def _first_block(self, late: bool) -> bytes:
        """With this leg's trace; `late`: and with what is left of the time."""
        expires = self.expires if late else None
        timeout = deadline.field(expires - perf_counter_ns()) if expires is not None else b""
        parent = self.leg_field if self.trace is not None else b""
        return outgoing(self.block, self.request, self.trace, parent, timeout=timeout)

    def _send_kept(self, leg: Leg, kept: list[Piece]) -> None:
        for position, (payload, end, is_block) in enumerate(kept):
            if is_block:
                leg.send_headers(payload, end)
            else:
                leg.send_data(payload, end, self.connection if position >= self.passed else None)
        self.passed = len(kept)

    # From the client

    def on_headers(self, block: bytes, end: int) -> None:  # trailers of the request
        leg = self.peer
        self._keep(block, end, True)
        if leg is not None:
            leg.send_headers(block, end)
            if self.done:
                self._stop_request()

    def on_data(self, payload: bytes, end: int) -> None:
        leg = self.peer
        if self.kept is not None or self.shadows is not None:
            self._keep(payload, end, False)
        if leg is None:
            if self.kept is None:  # what is kept is credited when it has been passed on
                self.connection.credit(len(payload))
            return
        leg.send_data(payload, end, self.connection)
        if self.done:
            self._stop_request()
        elif self.recv_window < self.connection.low_water and not end:
            self.replenish()

    def _keep(self, payload: bytes, end: int, is_block: bool) -> None:
        """More of the request, for sending it again and for its shadows."""
        kept = self.kept
        if kept is not None:
            waits = self.peer is None and len(kept) > self.passed
            if not waits or not joined(kept, payload, end, is_block):
                kept.append((payload, end, is_block))
            self.kept_size += max(len(payload), KEPT_LEAST)
            if self.peer is not None:
                self.passed += 1
                if self.kept_size > KEPT_LIMIT:
                    self.kept = None
        if self.shadows is not None:
            if self.capture is not None and not is_block:
                self.capture.request.add(payload, self.capture.largest)
            for shadow in self.shadows:
                shadow.offer(payload, end, is_block)

    def on_reset(self, code: int) -> None:
        """The client cancelled, or its connection broke. If its time had passed, that is why."""
        leg, status = self.peer, "CANCELLED"
        if self.request.timeout is not None and not self.done and self.is_late(EARLY):
            status = "DEADLINE_EXCEEDED"
            if leg is not None and not self.responded:
                self.pool.note(failed=True, began=self.started)
        if leg is not None:
            leg.send_reset(code)
        self.finish(status)

    # From the endpoint

    def on_response(self, block: bytes, end: int) -> None:
        """A header block of the response: headers, or trailers. Raises `Malformed` and `BadBlock`."""
        kind, status, length = read_head(block, self.connection.limits)
        if end and (status != "OK" or self.pool.troubled):
            self._judge(status or self.ending)
        if not self.responded:
            if kind:  # is not HEADERS
                self._on_interim(kind, end)
            elif end and self.safe and status != "OK" and recovery.on_unavailable(self, status):
                return
            else:
                self.responded = True
                self.kept = None
                if length >= 0 and not end and self.peer is not None:  # an end here: the answer to a HEAD
                    self.peer.left = length
                block += self.target.mark
                if status is not None:
                    self.ending = status
        elif not end or kind != TRAILERS:
            raise Malformed("a second header block that is no trailers")
        if self.capture is not None and kind != INTERIM:
            self.capture.answer.block += block
        self.send_headers(block, end)
        if end:
            self.finish(status or self.ending)
            self._stop_request()

    def _stop_request(self) -> None:
        """The response is complete: perhaps nobody reads the rest of the request, nor grants windows for it."""
        leg = self.peer
        if leg is not None and leg.queue:
            leg.send_reset(frames.CANCEL)

    def _on_interim(self, kind: int, end: int) -> None:
        if kind != INTERIM or end:
            raise Malformed("it begins with trailers" if kind != INTERIM else "it ends before it began")
        if self.peer is not None:
            self.peer.recv_end = None  # no data may come before the real header block

    def _judge(self, status: str) -> None:
        self.pool.note(failed=status in FAILED, began=self.started)

    def on_end_without_trailers(self) -> None:
        """The response is over with its data."""
        self._judge(self.ending)
        self.finish(self.ending)
        self._stop_request()

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
        if self.capture is not None:
            self.capture.on_primary_end(self, status)
        if self.shadows is not None:
            for shadow in self.shadows:
                shadow.on_primary_end()
