"""One stream on one connection, and the flow control that makes two of them behave like one.

A relayed call is two streams that are each other's `peer`: what one receives, the other sends. Whatever windows the
receiver has, we let the sender have as much under way as one stream may cost us, and for each direction keep the rule

    granted to the sender and queued from it  <=  stream_window

so a slow reader slows its writer, and a fast one never lets it stall. Granted is in steps of a quarter, so that it
costs few frames, and once half is used, so that a short unary call costs none. Both sides of the rule are integers:
`recv_window` of the sender's stream and `queued` of the receiver's. A window that a SETTINGS frame made negative needs
no case of its own.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from mesh.http2 import blocks, frames

if TYPE_CHECKING:
    from mesh.http2.connection import Connection

SLIVER: Final = 1_024
"""Bytes: a window that grows by less is not worth a frame of its own (RFC 1122, 4.2.3.3 on silly windows)."""

Queue = deque["tuple[bytes, int, Connection | None] | tuple[bytes, int] | tuple[int]"]
"""What waits, in order: (payload, end, connection to credit) is DATA, (block, end) a header block, (code,) a reset."""

GONE: Final[Queue] = deque([(frames.NO_ERROR,)])
"""The queue of every stream that has left its connection: what it is told to send is dropped and credited."""

_make_head = frames.make_head
_DATA, _FRAME_LIMIT = frames.DATA, frames.FRAME_LIMIT


@mypyc_attr(allow_interpreted_subclasses=True)
class Stream:
    """One side of a call. The base class relays everything to its `peer`; policies override what they must see.

    `recv_end` and `sent_end` tell which directions are done; when both are, or after a reset in either direction,
    the stream leaves its connection.
    """

    __slots__ = (
        "connection",
        "id",
        "left",
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
        self.left = -1
        """Bytes still to come by the `content-length` that the other end has sent; -1: it said nothing."""
        self.send_window = connection.peer_initial_window
        self.recv_window = connection.stream_window
        self.recv_end: bool | None = False
        """None: nothing has arrived, and the first thing has to be a header block."""
        self.sent_end = False
        self.queue: Queue | None = None
        self.queued = 0

    def __repr__(self) -> str:
        state = f"sent_end={self.sent_end} recv_end={self.recv_end} queued={self.queued}"
        return f"<{type(self).__name__} {self.id} send={self.send_window} recv={self.recv_window} {state}>"

    # What the other end of our connection sent

    def on_headers(self, block: bytes, end: int) -> None:
        """A header block arrived: stateless, size updates stripped. May raise `blocks.Malformed` and `.BadBlock`.

        What overrides this has to read every field too: what is passed on unread could break the other connection.
        """
        blocks.fields(block, 0, self.connection.limits)
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
        if self.recv_window < self.connection.low_water and not end:
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
        queue = self.queue
        if queue:
            if queue is GONE:
                return
            if not end:
                raise blocks.Malformed("a header block in the middle of the message")
            queue.append((block, end))
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
        if not self.queue and (
            (size <= self.send_window and size <= connection.send_window and connection.writable) or not size
        ):
            self.send_window -= size
            connection.send_window -= size
            out = connection.out  # `Outlet.send`, without the call: saves 0.05 µs a frame
            if not out:
                connection.wake()
            out.append(_make_head(size << 8 | _DATA, end, self.id) + payload)
            if source is not None:
                source.credit(size)
            if end:
                self.sent_end = True
                if self.recv_end:
                    connection.forget(self)
            return
        if self.queue is not GONE:
            self._enqueue(payload, end, source)
            self.drain()
        elif source is not None:
            source.credit(size)

    def _enqueue(self, payload: bytes, end: int, source: "Connection | None") -> None:
        """Queue data, joined with what waits already: a thousand tiny frames would cost a hundred times their bytes."""
        queue = self.queue
        if queue is None:
            queue = self.queue = deque()
        self.queued += len(payload)
        self.connection.queued += len(payload)
        last = queue[-1] if queue else ()
        if len(last) == 3 and (
            not payload or (last[2] is source and len(last[0]) + len(payload) <= _FRAME_LIMIT)
        ):
            queue[-1] = (last[0] + payload, end, last[2])
        else:
            queue.append((payload, end, source))

    def drain(self) -> None:
        """Send what the windows admit by now; stay registered with the connection if that is what lacks."""
        connection = self.connection
        while self.queue and self.queue is not GONE:
            item = self.queue[0]
            if len(item) == 3:
                payload, end, source = item
                size = len(payload)
                room = min(size, self.send_window, connection.send_window)
                if room <= 0 or not connection.writable:
                    if self.send_window > 0:
                        connection.blocked[self] = None
                    return
                if room < size:
                    self.queue[0] = (payload[room:], end, source)
                    payload, end = payload[:room], 0
                else:
                    self.queue.popleft()
                self.queued -= room
                connection.queued -= room
                self.send_window -= room
                connection.send_window -= room
                connection.send(_make_head(room << 8 | _DATA, end, self.id) + payload)
                if source is not None:
                    source.credit(room)
                if end:
                    self.sent_end = True
                elif connection.blocked and self.queue and len(self.queue[0]) == 3:
                    connection.blocked[self] = None  # others wait too: one frame each, in turn
                    return
            elif len(item) == 2:
                self.queue.popleft()
                connection.send_block(self.id, item[0], item[1])
                self.sent_end = bool(item[1])
            else:
                self.queue = None
                self.send_reset(item[0])
                return
        if self.sent_end and self.recv_end:
            connection.forget(self)

    def send_reset(self, code: int) -> None:
        """Give the stream up towards the other end; nothing happens if it has left its connection.

        NO_ERROR is how a complete response stops its request (RFC 9113, 8.1): what is queued of it is sent first.
        """
        connection = self.connection
        if connection.streams.get(self.id) is not self:
            return
        queue = self.queue
        if queue and code == frames.NO_ERROR and connection.serves:
            last = queue[-1]
            if len(last) == 1:
                return
            if last[1]:
                if not self.recv_end:
                    queue.append((code,))
                    self.recv_end = True
                return
        connection.give_up(self.id, self.recv_window)
        connection.send(frames.rst_stream(self.id, code))
        connection.forget(self)

    @property
    def answered(self) -> bool:
        """The other end has got of us what it asked for, or some of it."""
        return self.sent_end

    @property
    def leaving(self) -> bool:
        """It is reset once its queue has been sent; what still arrives is dropped."""
        queue = self.queue
        return queue is not None and bool(queue) and len(queue[-1]) == 1

    def settle(self) -> None:
        """The other end has finished after all: no need to reset."""
        if self.queue is not None and self.leaving:
            self.queue.pop()

    # Windows

    def widen(self, increment: int) -> None:
        """The other end takes `increment` more bytes (negative after some SETTINGS): drain, then tell the sender."""
        self.send_window += increment
        queue = self.queue
        if not queue or queue is GONE:
            return
        if 0 < increment < SLIVER:
            if self.send_window > 0:
                self.connection.blocked[self] = None
                self.connection.nudge()
            return
        self.drain()
        if self.peer is not None:
            self.peer.replenish()

    def replenish(self) -> None:
        """Grant our sender what the rule in the module's docstring leaves, if that is worth a frame."""
        peer = self.peer
        connection = self.connection
        if peer is None or self.recv_end or self.queue is GONE or self.recv_window >= connection.low_water:
            return
        if peer.queued and peer.connection.queued > peer.connection.limits.max_queued:
            return  # when its queue has been sent, whoever sent it comes back here
        window = connection.stream_window
        room = window - peer.queued - self.recv_window
        if room >= window >> 2:
            self.recv_window += room
            connection.send(frames.window_update(self.id, room))
