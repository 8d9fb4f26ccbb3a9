"""One HTTP/2 connection as its streams see it: who is on it, what its windows admit, how it ends.

Windows of the connection are hop by hop: what arrives is credited to its sender once it has been passed on
(`credit`), and streams whose data waits for the window or the socket of this connection are served in turn
(`blocked`). Left out: what arrives (see `dispatch`), and what a call is, where it goes, and why (see `splitter`).
"""

import asyncio
import logging
from typing import ClassVar, Final

from mypy_extensions import mypyc_attr

from mesh.http2 import frames
from mesh.http2.frames import ConnectionFault
from mesh.http2.limits import CONNECTION_WINDOW, CREDIT_STEP, Limits
from mesh.http2.outlet import Outlet
from mesh.http2.stream import GONE, Stream

_FLUSH_AFTER: Final = 16
"""Frames gathered before the socket is asked whether it takes more: 256 KiB."""
_GIVEN_UP: Final = 4_096
"""Streams that we remember to have reset: four times as many as one client may have under way."""
_CUT_OFF: Final = frozenset(("unread", "write_timeout"))
"""Faults of peers that read nothing, so that last words would only be held for them."""

log = logging.getLogger(__name__)


@mypyc_attr(allow_interpreted_subclasses=True)
class Connection(Outlet):
    """What both roles share; `Dispatch` and `Inlet` read for it."""

    serves: ClassVar[bool]
    """The peer opens the streams: it sends requests, and we send responses."""
    window: ClassVar[int] = CONNECTION_WINDOW
    """What the greeting lets the peer send."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(
            high_water=limits.write_high_water,
            max_unread=limits.max_unread if self.serves else limits.max_unread_upstream,
        )
        self.limits = limits
        self.fault: ConnectionFault | None = None
        """Why we ended it, if it was for the peer's fault."""
        self.streams: dict[int, Stream] = {}
        self.blocked: dict[Stream, None] = {}
        """Streams whose queue waits for this connection, not for their own window; in turn."""
        self.given_up: dict[int, int] = {}
        """The streams that we reset last, and how many bytes the peer may have sent on each before it knew."""
        self.queued = 0
        """Bytes of all streams that wait for this connection or for their own windows."""
        self.stream_window = limits.stream_window
        """What the peer may send on a new stream."""
        self.low_water = limits.stream_window // 2
        """Below this much left of it, it may be time to grant more."""
        self.send_window = frames.DEFAULT_WINDOW
        self.recv_window = self.window
        self.peer_initial_window = frames.DEFAULT_WINDOW
        self.peer_max_streams = frames.MAX_STREAM_ID
        self.alert = False
        """Somebody wants to know of each stream that leaves (`on_forgotten`)."""
        self.highest_seen = 0
        """The highest stream id the peer opened (server role) or we opened (client role)."""
        self._credit = 0
        self._nudged = False

    def __repr__(self) -> str:
        peer = self.transport.get_extra_info("peername") if self.transport is not None else None
        where = ":".join(map(str, peer[:2])) if isinstance(peer, tuple) else "somewhere"
        return f"<{'client' if self.serves else 'upstream'} {where}>"

    @property
    def greeting(self) -> bytes:
        """Bytes we send first."""
        return b""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.send(self.greeting)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._end_streams()
        self.on_closed()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._drain_blocked()

    # Windows

    def credit(self, size: int) -> None:
        """These bytes of the peer's have been passed on or dropped: let it send as many more, in large steps."""
        self._credit += size
        if self._credit >= CREDIT_STEP:
            self.recv_window += self._credit
            self.send(frames.window_update(0, self._credit))
            self._credit = 0

    def set_initial_window(self, value: int) -> None:
        """The peer's INITIAL_WINDOW_SIZE changed: every open stream's window moves by the difference (6.9.2)."""
        change, self.peer_initial_window = value - self.peer_initial_window, value
        if not change:
            return
        for stream in list(self.streams.values()):
            if stream.send_window + change > frames.MAX_WINDOW:
                raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "a stream window passed 2^31-1")
            stream.widen(change)

    def nudge(self) -> None:
        """A window grew by a little: let the blocked streams send once all that came together has been read.

        Else a peer that grants byte by byte would get a frame for each, at ten times the cost of reading its own.
        """
        if not self._nudged:
            self._nudged = True
            self._call_soon(self._drain_nudged)

    def _drain_nudged(self) -> None:
        self._nudged = False
        self._drain_blocked()

    def _drain_blocked(self) -> None:
        """Let the blocked streams send, in turn, until the window or the socket is exhausted again."""
        while self.blocked and self.writable and self.send_window > 0:
            stream = next(iter(self.blocked))
            del self.blocked[stream]
            stream.drain()
            if stream.peer is not None:
                stream.peer.replenish()
            if len(self.out) > _FLUSH_AFTER:
                self.flush()  # so that the socket can say that it is full

    # The end of a stream, and of all

    def forget(self, stream: Stream) -> None:
        """The stream is done: release its id and whatever it still had queued."""
        if self.streams.pop(stream.id, None) is not None:
            if stream.queue or self.blocked:
                self._release(stream)
            stream.queue = GONE
            peer = stream.peer
            if peer is not None and peer.queue is GONE:  # both are gone: no work for the garbage collector
                stream.peer = peer.peer = None
            if self.alert:
                self.on_forgotten()

    def give_up(self, stream_id: int, window: int) -> None:
        """We are about to reset this stream, and the peer does not know."""
        given_up = self.given_up
        given_up[stream_id] = window
        if len(given_up) > _GIVEN_UP:
            del given_up[next(iter(given_up))]

    def _release(self, stream: Stream) -> None:
        self.blocked.pop(stream, None)
        self.queued -= stream.queued
        queue, stream.queue, stream.queued = stream.queue, None, 0
        for item in queue or ():
            if len(item) == 3 and item[2] is not None:
                item[2].credit(len(item[0]))

    def fail(self, fault: ConnectionFault) -> None:
        """Close for the peer's fault: GOAWAY with its code, and everything on this connection ends."""
        transport = self.transport
        if transport is None or self.fault is not None:
            return
        self.fault = fault
        log.info("closing %r: %s", self, fault.text)
        self.on_fault(fault)
        if fault.reason in _CUT_OFF:
            self.out.clear()
            transport.abort()
            self.close()
        else:
            self.send(frames.goaway(self._last_peer_stream(), fault.code, fault.text))
            self.close(linger=True)
        self._end_streams()

    def overrun(self) -> None:
        text = "the peer does not read what it makes us write"
        self.fail(ConnectionFault(frames.ENHANCE_YOUR_CALM, text, "unread"))

    def _end_streams(self) -> None:
        streams = list(self.streams.values())
        self.streams.clear()
        for stream in streams:
            self._release(stream)
            stream.queue = GONE
            try:
                stream.on_connection_lost()
            except Exception:  # our own mistake with one stream must not keep the others from being told
                log.exception("internal error on %r of %r", stream, self)

    # Hooks for the roles and for policies

    def on_ready(self) -> None:
        """The peer has acknowledged our SETTINGS."""

    def on_settings(self) -> None:
        """The peer's SETTINGS were applied."""

    def on_goaway(self, last_stream_id: int, code: int) -> None:
        """The peer will process no stream above `last_stream_id`."""

    def on_pong(self, payload: bytes) -> None:
        """The peer answered our PING."""

    def on_forgotten(self) -> None:
        """A stream left the connection, and `alert` is set."""

    def on_fault(self, fault: ConnectionFault) -> None:
        """The connection is about to close for the peer's fault; said once."""

    def on_stream_fault(self, reason: str) -> None:
        """A stream was refused or reset for the peer's fault; one of `frames.STREAM_REASONS`."""

    def on_closed(self) -> None:
        """The connection is gone."""

    def _last_peer_stream(self) -> int:
        return 0
