"""Frames that concern the connection as a whole: SETTINGS, PING, GOAWAY, and those that carry nothing.

What they cost is bounded: answers that a peer does not read, and frames that do nothing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mesh.http2 import frames
from mesh.http2.frames import ConnectionFault
from mesh.http2.meter import Meter

if TYPE_CHECKING:
    from mesh.http2.dispatch import Dispatch


_STREAMS_PER_UNIT: Final = {True: 8, False: 64}
"""Streams whose windows one SETTINGS moves that count as one more frame: a client may make us move 1 000 streams eight
times a second for ever, which costs 2 % of a core. An upstream's streams are many clients', so it has more."""


class ControlFrames:
    """Reads them for one connection, answers, and counts."""

    __slots__ = ("_clock", "_connection", "_unread_answers", "_useless")

    def __init__(self, connection: "Dispatch", *, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock
        self._unread_answers = 0
        self._useless = Meter(connection.limits.max_useless_frames)

    def receive(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """One frame that is neither DATA, HEADERS, CONTINUATION, RST_STREAM nor WINDOW_UPDATE."""
        self.useless()
        if kind == frames.PRIORITY:
            if not stream_id:
                raise ConnectionFault(frames.PROTOCOL_ERROR, "PRIORITY on stream 0")
            if len(payload) != 5:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR, "PRIORITY is 5 bytes")
        elif kind == frames.PUSH_PROMISE:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "PUSH_PROMISE, though push is off")
        elif kind > frames.CONTINUATION:
            pass  # unknown types must be ignored (section 4.1)
        elif stream_id:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "a frame of the connection came on a stream")
        elif kind == frames.SETTINGS:
            self._settings(flags, payload)
        elif kind == frames.PING:
            self._ping(flags, payload)
        else:
            self._goaway(payload)

    def _settings(self, flags: int, payload: bytes) -> None:
        connection = self._connection
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR, "a SETTINGS acknowledgement is empty")
            connection.on_acknowledged()
            return
        if len(payload) % 6:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR, "SETTINGS is a multiple of 6 bytes")
        window = connection.peer_initial_window
        for position in range(0, len(payload), 6):
            key, value = frames.read_setting(payload, position)
            if key == frames.INITIAL_WINDOW_SIZE:
                if value > frames.MAX_WINDOW:
                    raise ConnectionFault(frames.FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE {value}")
                window = value
            elif key == frames.MAX_CONCURRENT_STREAMS:
                connection.peer_max_streams = value
            elif key == frames.MAX_FRAME_SIZE and not frames.FRAME_LIMIT <= value < 1 << 24:
                raise ConnectionFault(frames.PROTOCOL_ERROR, f"MAX_FRAME_SIZE {value}")
            elif key == frames.ENABLE_PUSH and value > connection.serves:  # only a client may allow it
                raise ConnectionFault(frames.PROTOCOL_ERROR, f"ENABLE_PUSH {value}")
            elif key == frames.TOKEN:
                connection.on_token(value)
        if window != connection.peer_initial_window:
            self.useless(len(connection.streams) // _STREAMS_PER_UNIT[connection.serves])
        self.answer(frames.SETTINGS_ACK)  # first: a peer may count by its old window until it has read this
        connection.set_initial_window(window)
        connection.on_settings()

    def _ping(self, flags: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR, "PING is 8 bytes")
        if flags & frames.ACK:
            self._connection.on_pong(payload)
        else:
            self.answer(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _goaway(self, payload: bytes) -> None:
        if len(payload) < 8:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR, "GOAWAY is at least 8 bytes")
        last = int.from_bytes(payload[:4], "big") & frames.MAX_STREAM_ID
        self._connection.on_goaway(last, int.from_bytes(payload[4:8], "big"))

    def answer(self, data: bytes) -> None:
        """Send a frame that the peer provoked and that no window holds back."""
        if self._connection.writable:
            self._unread_answers = 0
        else:
            self._unread_answers += 1
            if self._unread_answers > self._connection.limits.max_unread_answers:
                raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "the peer asks but does not read", "unread")
        self._connection.send(data)

    def useless(self, count: int = 1) -> None:
        """That many frames that did nothing, or one that costs as many."""
        if not self._useless.take(count, paid=self._connection.opened + int(self._clock() * 1000)):
            text = "too many frames that carry nothing"
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, text, "useless_frames")
