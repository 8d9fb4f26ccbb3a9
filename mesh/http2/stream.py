"""One stream on one connection, and the flow control that makes two of them behave like one.

A relayed call is two streams that are each other's `peer`: what one receives, the other sends. Stream windows are
end to end: we advertise the default 65 535 bytes to both sides, and for each direction keep the rule

    granted to the sender  =  max(65 535, what the receiver would take beyond what is queued for it)

so a slow reader slows its writer, and at most 65 535 bytes a stream are ever queued for a receiver whose own window
is smaller. A larger window is passed on only when the sender has used half of the default (a short unary call never
needs it), and at most `GRANT_LIMIT` at a time, so a destination that stops taking bytes cannot fill our memory.
Both sides of the rule follow from three integers: `send_window` and `queued` of the receiver's stream and
`recv_window` of the sender's. A window that a SETTINGS frame made negative needs no case of its own.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

from mesh.http2 import frames

if TYPE_CHECKING:
    from mesh.http2.connection import Connection

GRANT_LIMIT: Final = 262_144
"""What one sender may have under way to us at most, in bytes: beyond it a window buys memory, not throughput."""
LOW_WATER: Final = frames.DEFAULT_WINDOW // 2

_make_head = frames.make_head
_DATA, _END_STREAM, _FRAME_LIMIT = frames.DATA, frames.END_STREAM, frames.FRAME_LIMIT


class Stream:
    """One side of a call. The base class relays everything to its `peer`; policies override what they must see.

    `recv_end` and `sent_end` tell which directions are done; when both are, or after a reset in either direction,
    the stream leaves its connection.
    """

    __slots__ = (
        "connection",
        "id",
        "peer",
        "queue",
        "queued",
        "recv_end",
        "recv_window",
        "send_window",
        "sent_end",
    )

    def __init__(self, connection: "Connection", stream_id: int) -> None:
        self.connection = connection
        self.id = stream_id
        self.peer: Stream | None = None
        self.send_window = connection.peer_initial_window
        self.recv_window = frames.DEFAULT_WINDOW
        self.recv_end = False
        self.sent_end = False
        # What waits for a window: (payload, end, connection to credit) for DATA, (block, end) for a header block.
        self.queue: deque[tuple[bytes, int, Connection | None] | tuple[bytes, int]] | None = None
        self.queued = 0

    def __repr__(self) -> str:
        state = f"sent_end={self.sent_end} recv_end={self.recv_end} queued={self.queued}"
        return f"<{type(self).__name__} {self.id} send={self.send_window} recv={self.recv_window} {state}>"

    # What the other end of our connection sent

    def on_headers(self, block: bytes, end: int) -> None:
        """A header block arrived: stateless, size updates stripped."""
        peer = self.peer
        if peer is not None:
            peer.send_headers(block, end)

    def on_data(self, payload: bytes, end: int) -> None:
        """Flow-controlled payload arrived; padding is gone already."""
        peer = self.peer
        if peer is None:
            self.connection.credit(len(payload))
            return
        peer.send_data(payload, end, self.connection)
        if self.recv_window < LOW_WATER and not end:
            self.replenish()

    def on_reset(self, code: int) -> None:
        """The other end gave the stream up, or broke its rules; the stream has left its connection already."""
        peer = self.peer
        if peer is not None:
            peer.send_reset(code)

    def on_connection_lost(self) -> None:
        """The connection is gone, and the stream with it."""
        self.on_reset(frames.CANCEL)

    # What we send

    def send_headers(self, block: bytes, end: int) -> None:
        """Send a header block, behind the data that is still queued."""
        if self.queue:
            self.queue.append((block, end))
            return
        connection = self.connection
        connection.send_block(self.id, block, end)
        if end:
            self.sent_end = True
            if self.recv_end:
                connection.forget(self)

    def send_data(self, payload: bytes, end: int, source: "Connection | None") -> None:
        """Send a DATA frame's payload (at most 16 384 bytes), or queue what the windows do not admit yet.

        `source` is credited with the payload's size once it has been passed on.
        """
        size = len(payload)
        connection = self.connection
        if (
            not self.queue
            and connection.writable
            and ((size <= self.send_window and size <= connection.send_window) or not size)
        ):
            self.send_window -= size
            connection.send_window -= size
            connection.send(_make_head(size << 8 | _DATA, end, self.id) + payload)
            if source is not None:
                source.credit(size)
            if end:
                self.sent_end = True
                if self.recv_end:
                    connection.forget(self)
            return
        if self.queue is None:
            self.queue = deque()
        self.queue.append((payload, end, source))
        self.queued += size
        self.drain()

    def drain(self) -> None:
        """Send what the windows admit by now; stay registered with the connection if that is what lacks."""
        connection = self.connection
        while self.queue:
            if not connection.writable:
                connection.blocked[self] = None
                return
            item = self.queue[0]
            if len(item) == 2:
                self.queue.popleft()
                connection.send_block(self.id, item[0], item[1])
                self.sent_end = bool(item[1])
                continue
            payload, end, source = item
            size = len(payload)
            room = min(size, max(self.send_window, 0), max(connection.send_window, 0))
            if size and not room:
                if self.send_window > 0:
                    connection.blocked[self] = None
                return
            if room < size:
                self.queue[0] = (payload[room:], end, source)
                payload, end = payload[:room], 0
            else:
                self.queue.popleft()
            self.queued -= room
            self.send_window -= room
            connection.send_window -= room
            connection.send(_make_head(room << 8 | _DATA, end, self.id) + payload)
            if source is not None:
                source.credit(room)
            if end:
                self.sent_end = True
            elif connection.blocked and self.queue and len(self.queue[0]) == 3:
                connection.blocked[self] = None  # others wait for the same window: one frame each, in turn
                return
        if self.sent_end and self.recv_end:
            connection.forget(self)

    def send_reset(self, code: int) -> None:
        """Give the stream up towards the other end; nothing happens if it has left its connection."""
        connection = self.connection
        if connection.streams.get(self.id) is self:
            connection.send(frames.rst_stream(self.id, code))
            connection.forget(self)

    # Windows

    def widen(self, increment: int) -> None:
        """The other end takes `increment` more bytes (negative after some SETTINGS): drain, then tell the sender."""
        self.send_window += increment
        if self.queue:
            self.drain()
        peer = self.peer
        if peer is not None and not peer.recv_end and peer.recv_window < LOW_WATER:
            peer.replenish()

    def replenish(self) -> None:
        """Grant our sender what its receiver would take, by the rule in the module's docstring."""
        peer = self.peer
        if peer is None or self.recv_end:
            return
        if peer.queued and (not peer.connection.writable or peer.connection.send_window <= 0):
            return  # the destination is stuck as a whole: `drain` comes back here when it is not
        room = peer.send_window - peer.queued
        room = (room if room < GRANT_LIMIT else GRANT_LIMIT) - self.recv_window
        if room > 0:
            self.recv_window += room
            self.connection.send(frames.window_update(self.id, room))
