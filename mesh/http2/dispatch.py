"""What each frame that arrives does: to its stream, to the windows, to the connection.

A fault of the connection raises `ConnectionFault`; a fault of one stream ends in RST_STREAM, and the others do not
notice.
"""

from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from mesh.http2 import blocks, frames
from mesh.http2.assembly import Assembly
from mesh.http2.connection import Connection
from mesh.http2.control import ControlFrames
from mesh.http2.frames import ConnectionFault
from mesh.http2.limits import Limits
from mesh.http2.stream import SLIVER, Stream

_UPDATES: Final = 1_000
"""WINDOW_UPDATE frames that are weighed together, because each alone costs too little to be looked at."""
_UPDATES_EARNED: Final = 4
"""As many as a frame that we sent is worth, or a stream: one for its stream and one for its connection, doubled."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Dispatch(Connection):
    """`Inlet` cuts the frames for it; the roles say what HEADERS on an unknown stream mean."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float]) -> None:
        super().__init__(limits)
        self.acknowledged = False
        """The peer has acknowledged our SETTINGS: from now on its header blocks are stateless."""
        self._updates = 0
        """WINDOW_UPDATE frames that have not been weighed yet."""
        self._spent = 0
        """How many were paid for by what they followed on."""
        self._clock = clock
        self._assembly = Assembly(limits)
        self._control = ControlFrames(self, clock=clock)
        self._serves = self.serves  # an attribute of the instance is found faster

    def _on_data(self, stream_id: int, flags: int, length: int, buffer: bytes, start: int, end: int) -> None:
        self.recv_window -= length
        if self.recv_window < 0:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "the connection window was overrun")
        if flags & frames.PADDED:
            start, end = _unpadded(buffer, start, end)
        ending = flags & 1
        empty = end == start and not ending
        if empty:
            self._control.useless()
        stream = self.streams.get(stream_id)
        if stream is None:
            self._require_known(stream_id)
            self._on_late_data(stream_id, length)
            return
        if stream.recv_end is not False:
            self.credit(length)
            if stream.recv_end is None:  # DATA before the response's header block
                self._stream_fault(stream, frames.PROTOCOL_ERROR, "protocol")
            elif not stream.leaving:
                self._stream_fault(stream, frames.STREAM_CLOSED, "stream_closed")
            elif ending:
                stream.settle()
            return
        stream.recv_window -= length
        if stream.recv_window < 0:
            self.credit(length)
            self._stream_fault(stream, frames.FLOW_CONTROL_ERROR, "flow_control")
            return
        if end - start < length:
            self.credit(length - (end - start))
        if stream.left >= 0:
            stream.left -= end - start
            if stream.left < 0 or (ending and stream.left):  # a message that must not be passed on (8.1.1)
                self.credit(end - start)
                self._stream_fault(stream, frames.PROTOCOL_ERROR, "malformed")
                return
        if empty:  # it says nothing, and a flood of such frames is the end of some servers: not passed on
            stream.replenish()
            return
        if ending:
            stream.recv_end = True
        stream.on_data(buffer[start:end], ending)
        if ending and stream.sent_end:
            self.forget(stream)

    def _on_late_data(self, stream_id: int, length: int) -> None:
        """On a closed stream: what was under way when we reset it, or nothing that a client should say."""
        self.credit(length)
        left = self.given_up.get(stream_id, 0) - length
        if left >= 0:
            self.given_up[stream_id] = left
        elif (
            self._serves
        ):  # an upstream's connection serves many clients, and some of them cancel a lot at once
            self._control.useless()

    def _on_headers(self, stream_id: int, flags: int, buffer: bytes, start: int, end: int) -> None:
        if not stream_id:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "HEADERS on stream 0")
        if flags & frames.PADDED:
            start, end = _unpadded(buffer, start, end)
        whole = self._assembly.begin(stream_id, flags, buffer[start:end])
        if whole is not None:
            self._on_block(stream_id, *whole)

    def _on_block(self, stream_id: int, block: bytes, end: int) -> None:
        stream = self.streams.get(stream_id)
        try:
            if stream is None:
                self.on_stream(stream_id, block, end)
                return
            if stream.recv_end:
                if not stream.leaving:
                    self._stream_fault(stream, frames.STREAM_CLOSED, "stream_closed")
                elif end:
                    stream.settle()
                return
            if end and stream.left > 0:
                raise blocks.Malformed("the message is shorter than its content-length")
            if self._serves:  # a second block of a request
                blocks.check_trailers(block, end, self.limits)
            stream.recv_end = end == 1
            stream.on_headers(block, end)
        except blocks.Malformed as malformed:
            self._malformed(stream_id, stream, malformed)
            return
        except blocks.BadBlock as bad:
            raise ConnectionFault(frames.COMPRESSION_ERROR, str(bad)) from bad
        if end and stream.sent_end:
            self.forget(stream)

    def _on_window_update(self, stream_id: int, length: int, buffer: bytes, start: int) -> None:
        if length != 4:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR, "WINDOW_UPDATE is 4 bytes")
        increment = int.from_bytes(buffer[start : start + 4], "big") & 0x7FFF_FFFF
        self._updates += 1
        if self._updates >= _UPDATES:
            self._weigh_updates()
        if stream_id:
            stream = self.streams.get(stream_id)
            if stream is None:
                self._require_known(stream_id)
            elif not increment:
                self._stream_fault(stream, frames.PROTOCOL_ERROR, "protocol")
            elif stream.send_window + increment > frames.MAX_WINDOW:
                self._stream_fault(stream, frames.FLOW_CONTROL_ERROR, "flow_control")
            else:
                stream.widen(increment)
            return
        if not increment:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
        self.send_window += increment
        if self.send_window > frames.MAX_WINDOW:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "the connection window passed 2^31-1")
        if self.blocked:
            if increment < SLIVER:
                self.nudge()
            else:
                self._drain_blocked()

    def _weigh_updates(self) -> None:
        """Who grants windows has opened streams or been sent frames; beyond a few for each, it is a flood."""
        earned = _UPDATES_EARNED * (self.written + self.opened) - self._spent
        surplus, self._updates = self._updates - earned, 0
        if surplus > 0:
            self._spent += earned
            self._control.useless(surplus)
        else:
            self._spent += earned + surplus

    def _on_rare(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == frames.RST_STREAM:
            if len(payload) != 4:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR, "RST_STREAM is 4 bytes")
            stream = self.streams.get(stream_id)
            if stream is None:
                self._require_known(stream_id)
                self._control.useless()
            else:
                alert, self.alert = self.alert, False
                self.forget(stream)
                self.alert = alert
                stream.on_reset(int.from_bytes(payload, "big"))
                self.on_early_end(stream_id, stream)
                if self.alert:  # by now it is known why: who refuses must not be asked again at once
                    self.on_forgotten()
        elif kind == frames.CONTINUATION:
            whole = self._assembly.go_on(flags, payload)
            if whole is not None:
                self._on_block(stream_id, *whole)
        else:
            self._control.receive(kind, flags, stream_id, payload)

    def on_acknowledged(self) -> None:
        """The peer has applied our SETTINGS."""
        if not self.acknowledged:
            self.acknowledged = True
            self._assembly.acknowledged()
            self.on_ready()

    # Faults

    def _require_known(self, stream_id: int) -> None:
        """Frames on closed streams may still be under way (section 5.1); on idle ones they are a fault."""
        if not stream_id or stream_id > self.highest_seen or not stream_id & 1:
            raise ConnectionFault(
                frames.PROTOCOL_ERROR, f"a frame on stream {stream_id}, which was never opened"
            )

    def _stream_fault(self, stream: Stream, code: int, reason: str) -> None:
        self.on_stream_fault(reason)
        stream.send_reset(code)
        stream.on_reset(code)
        self.on_early_end(stream.id, stream)

    def _malformed(self, stream_id: int, stream: Stream | None, error: blocks.Malformed) -> None:
        code, reason = frames.PROTOCOL_ERROR, "malformed"
        if isinstance(error, blocks.TooLarge):
            code, reason = frames.ENHANCE_YOUR_CALM, "header_list"
        if stream is None:
            self.on_stream_fault(reason)
            self.give_up(stream_id, self.stream_window)
            self._control.answer(frames.rst_stream(stream_id, code))
            self.on_early_end(stream_id, None)
        else:
            self._stream_fault(stream, code, reason)

    # Hooks for the roles

    @property
    def opened(self) -> int:
        """Streams opened so far, by whom it is to open them."""
        raise NotImplementedError

    def on_stream(self, stream_id: int, block: bytes, end: int) -> None:
        """HEADERS on a stream we do not know. May raise `blocks.Malformed` and `blocks.BadBlock`."""
        raise NotImplementedError

    def on_early_end(self, stream_id: int, stream: Stream | None) -> None:
        """The peer reset a stream, or made us do it; None: before it was one."""

    def on_second(self) -> None:
        """The caretaker looks at the connection, about once a second."""

    def on_token(self, value: int) -> None:
        """The peer says who it is (see `frames.TOKEN`)."""


def _unpadded(buffer: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the payload of a PADDED frame starts and ends (section 6.1)."""
    if start == end:
        raise ConnectionFault(frames.FRAME_SIZE_ERROR, "a padded frame without its padding length")
    if buffer[start] >= end - start:
        raise ConnectionFault(frames.PROTOCOL_ERROR, "padding is longer than its frame")
    return start + 1, end - buffer[start]
