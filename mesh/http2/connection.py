"""One HTTP/2 connection as its streams see it: who is on it, what its windows admit, how it ends.

Windows of the connection are hop by hop: what arrives is credited to its sender once it has been passed on
(`credit`), and streams whose data waits for the window or the socket of this connection are served in turn
(`blocked`). Left out: what arrives (see `inlet`), and what a call is, where it goes, and why (see `splitter`).
"""

import asyncio
import logging
from typing import ClassVar

from mesh.http2 import frames, limits
from mesh.http2.frames import ConnectionFault
from mesh.http2.outlet import Outlet
from mesh.http2.stream import GONE, LOW_WATER, Stream

_FLUSH_AFTER = limits.WRITE_HIGH_WATER // frames.FRAME_LIMIT

log = logging.getLogger(__name__)


class Connection(Outlet):
    """What both roles share; `Inlet` reads for it."""

    serves: ClassVar[bool]
    """The peer opens the streams: it sends requests, and we send responses."""
    greeting: ClassVar[bytes] = b""
    """Bytes we send first."""
    window: ClassVar[int] = limits.CONNECTION_WINDOW
    """What the greeting lets the peer send."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: dict[int, Stream] = {}
        self.blocked: dict[Stream, None] = {}
        """Streams whose queue waits for this connection, not for their own window; in turn."""
        self.send_window = frames.DEFAULT_WINDOW
        self.recv_window = self.window
        self.peer_initial_window = frames.DEFAULT_WINDOW
        self.peer_max_streams = frames.MAX_STREAM_ID
        self.alert = False
        """Somebody wants to know of each stream that leaves (`on_forgotten`)."""
        self.highest_seen = 0
        """The highest stream id the peer opened (server role) or we opened (client role)."""
        self._credit = 0

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
        if self._credit >= limits.CREDIT_STEP:
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

    def _drain_blocked(self) -> None:
        """Let the blocked streams send, in turn, until the window or the socket is exhausted again."""
        while self.blocked and self.writable and self.send_window > 0:
            stream = next(iter(self.blocked))
            del self.blocked[stream]
            stream.drain()
            if stream.peer is not None and stream.peer.recv_window < LOW_WATER:
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
            if self.alert:
                self.on_forgotten()

    def _release(self, stream: Stream) -> None:
        self.blocked.pop(stream, None)
        queue, stream.queue, stream.queued = stream.queue, None, 0
        for item in queue or ():
            if len(item) == 3 and item[2] is not None:
                item[2].credit(len(item[0]))

    def fail(self, fault: ConnectionFault) -> None:
        """Close for the peer's fault: GOAWAY with its code, and everything on this connection ends."""
        log.info("closing %r: %s", self, fault.reason)
        self.send(frames.goaway(self._last_peer_stream(), fault.code, fault.reason))
        self.on_fault(fault)
        self.close()
        self._end_streams()

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
        """The connection is about to close for the peer's fault."""

    def on_closed(self) -> None:
        """The connection is gone."""

    def _last_peer_stream(self) -> int:
        return 0
