"""Frames that concern the connection as a whole: SETTINGS, PING, GOAWAY, and those that carry nothing.

What they cost is bounded: answers that a peer does not read, and frames in a row that do nothing.
"""

from typing import TYPE_CHECKING

from mesh.http2 import frames, limits
from mesh.http2.frames import ConnectionFault

if TYPE_CHECKING:
    from mesh.http2.connection import Connection


class ControlFrames:
    """Reads them for one connection, answers, and counts."""

    __slots__ = ("_connection", "_unread_answers", "_useless")

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._unread_answers = 0
        self._useless = 0

    def receive(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """One frame that is neither DATA, HEADERS, CONTINUATION, RST_STREAM nor WINDOW_UPDATE."""
        if kind == frames.PRIORITY:
            if len(payload) != 5 or not stream_id:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR, "PRIORITY is 5 bytes, on a stream")
            self.useless()
        elif kind == frames.PUSH_PROMISE:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "PUSH_PROMISE, though push is off")
        elif kind > frames.CONTINUATION:
            self.useless()  # unknown types must be ignored (section 4.1)
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
        for position in range(0, len(payload), 6):
            key, value = frames.read_setting(payload, position)
            if key == frames.INITIAL_WINDOW_SIZE:
                if value > frames.MAX_WINDOW:
                    raise ConnectionFault(frames.FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE {value}")
                connection.set_initial_window(value)
            elif key == frames.MAX_CONCURRENT_STREAMS:
                connection.peer_max_streams = value
            elif key == frames.MAX_FRAME_SIZE and not frames.FRAME_LIMIT <= value < 1 << 24:
                raise ConnectionFault(frames.PROTOCOL_ERROR, f"MAX_FRAME_SIZE {value}")
            elif key == frames.ENABLE_PUSH and value > 1:
                raise ConnectionFault(frames.PROTOCOL_ERROR, f"ENABLE_PUSH {value}")
        self._answer(frames.SETTINGS_ACK)
        connection.on_settings()

    def _ping(self, flags: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR, "PING is 8 bytes")
        if flags & frames.ACK:
            self._connection.on_pong(payload)
        else:
            self._answer(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _goaway(self, payload: bytes) -> None:
        if len(payload) < 8:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR, "GOAWAY is at least 8 bytes")
        last = int.from_bytes(payload[:4], "big") & frames.MAX_STREAM_ID
        self._connection.on_goaway(last, int.from_bytes(payload[4:8], "big"))

    def _answer(self, data: bytes) -> None:
        if self._connection.writable:
            self._unread_answers = 0
        else:
            self._unread_answers += 1
            if self._unread_answers > limits.MAX_UNREAD_ANSWERS:
                raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "the peer asks but does not read")
        self._connection.send(data)

    def useless(self) -> None:
        """A frame that did nothing."""
        self._useless += 1
        if self._useless > limits.MAX_USELESS_FRAMES:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "too many frames that carry nothing")

    def useful(self) -> None:
        """A frame that did something."""
        self._useless = 0
