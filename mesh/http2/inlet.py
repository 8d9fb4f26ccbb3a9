"""The receiving side of a connection: cuts bytes into frames, answers what concerns the connection, and hands what
concerns a stream to its `Stream`.

Promise: nothing a peer sends raises out of `data_received`. A fault of the connection ends in GOAWAY with the code
of RFC 9113; a fault of one stream in RST_STREAM, and the others do not notice.
"""

import logging
from typing import ClassVar

from mesh.http2 import blocks, frames
from mesh.http2.assembly import Assembly
from mesh.http2.connection import Connection
from mesh.http2.control import ControlFrames
from mesh.http2.frames import ConnectionFault
from mesh.http2.stream import Stream

_read_head = frames.read_head
_DATA, _HEADERS, _WINDOW_UPDATE, _CONTINUATION = (
    frames.DATA,
    frames.HEADERS,
    frames.WINDOW_UPDATE,
    frames.CONTINUATION,
)

log = logging.getLogger(__name__)


class Inlet(Connection):
    """Subclasses say how a connection opens and what HEADERS on an unknown stream mean."""

    peer_preface: ClassVar[bytes] = b""
    """Bytes the peer sends before its SETTINGS."""

    def __init__(self) -> None:
        super().__init__()
        self.acknowledged = False
        """The peer has acknowledged our SETTINGS: from now on its header blocks are stateless."""
        self._rest = b""
        self._reading = False
        """The peer's greeting was right, and the connection is not closed."""
        self._assembly = Assembly()
        self._control = ControlFrames(self)
        self._serves = self.serves  # an attribute of the instance is found faster

    def data_received(self, data: bytes) -> None:
        buffer = self._rest + data if self._rest else data
        size, position = len(buffer), 0
        assembly, streams = self._assembly, self.streams
        try:
            if not self._reading:
                position = self._after_greeting(buffer)
                if not self._reading:
                    return
            while size - position >= 9:
                word, flags, stream_id = _read_head(buffer, position)
                length = word >> 8
                if length > 16_384:
                    raise ConnectionFault(frames.FRAME_SIZE_ERROR, f"a frame of {length} bytes, above 16384")
                start = position + 9
                end = start + length
                if end > size:
                    break
                kind = word & 0xFF
                stream_id &= 0x7FFF_FFFF
                if assembly.stream_id and (kind != _CONTINUATION or stream_id != assembly.stream_id):
                    raise ConnectionFault(frames.PROTOCOL_ERROR, "a header block was interrupted")
                if kind == _DATA:
                    stream = streams.get(stream_id)
                    if (
                        stream is None
                        or flags > 1
                        or not length
                        or length > self.recv_window
                        or length > stream.recv_window
                        or stream.recv_end is not False
                    ):
                        self._on_data(stream_id, flags, length, buffer, start, end)
                    else:  # `_on_data` without its rare cases: saves 0.3 µs a frame
                        self.recv_window -= length
                        stream.recv_window -= length
                        if flags:
                            stream.recv_end = True
                        stream.on_data(buffer[start:end], flags)
                        if flags and stream.sent_end:
                            self.forget(stream)
                elif kind == _HEADERS:
                    if flags | 1 == 5 and assembly.stateless and end > start and buffer[start] & 0xE0 != 0x20:
                        self._on_block(stream_id, buffer[start:end], flags & 1)
                    else:
                        self._on_headers(stream_id, flags, buffer, start, end)
                elif kind == _WINDOW_UPDATE:
                    self._on_window_update(stream_id, length, buffer, start)
                else:
                    self._on_rare(kind, flags, stream_id, buffer[start:end])
                position = end
        except ConnectionFault as fault:
            self.fail(fault)
        except Exception:  # our own mistake must cost this connection only
            log.exception("internal error on %r", self)
            self.fail(ConnectionFault(frames.INTERNAL_ERROR, "internal error"))
        else:
            self._rest = buffer[position:] if position < size else b""

    def close(self) -> None:
        super().close()
        self._reading = False
        self._rest = b""

    def on_stream(self, stream_id: int, block: bytes, end: int) -> None:
        """HEADERS on a stream we do not know. May raise `blocks.Malformed` and `blocks.BadBlock`."""
        raise NotImplementedError

    def _after_greeting(self, buffer: bytes) -> int:
        """Check how the peer opens: its preface, then SETTINGS (section 3.4). The position of its first frame."""
        if self.transport is None:
            return 0  # closed already: whatever still comes is dropped
        preface = self.peer_preface
        size = len(preface)
        if not buffer.startswith(preface[: len(buffer)]):
            raise ConnectionFault(frames.PROTOCOL_ERROR, "the peer does not speak HTTP/2")
        if len(buffer) < size + frames.HEAD_SIZE:
            self._rest = buffer
            return 0
        if buffer[size + 3] != frames.SETTINGS or buffer[size + 4] & frames.ACK:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        self._reading = True
        return size

    # Frames

    def _on_data(self, stream_id: int, flags: int, length: int, buffer: bytes, start: int, end: int) -> None:
        self.recv_window -= length
        if self.recv_window < 0:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "the connection window was overrun")
        if flags & frames.PADDED:
            start, end = _unpadded(buffer, start, end)
        ending = flags & 1
        if end == start and not ending:
            self._control.useless()
        stream = self.streams.get(stream_id)
        if stream is None:
            self._require_known(stream_id)
            self.credit(length)
            return
        if stream.recv_end is not False:
            self.credit(length)
            if stream.recv_end is None:  # DATA before the response's header block
                self._stream_fault(stream, frames.PROTOCOL_ERROR)
            elif not stream.leaving:
                self._stream_fault(stream, frames.STREAM_CLOSED)
            elif ending:
                stream.settle()
            return
        stream.recv_window -= length
        if stream.recv_window < 0:
            self.credit(length)
            self._stream_fault(stream, frames.FLOW_CONTROL_ERROR)
            return
        if end - start < length:
            self.credit(length - (end - start))
        if ending:
            stream.recv_end = True
        stream.on_data(buffer[start:end], ending)
        if ending and stream.sent_end:
            self.forget(stream)

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
                    self._stream_fault(stream, frames.STREAM_CLOSED)
                elif end:
                    stream.settle()
                return
            if self._serves:  # a second block of a request
                blocks.check_trailers(block, end)
            stream.recv_end = end == 1
            stream.on_headers(block, end)
        except blocks.Malformed:
            if stream is None:
                self._control.answer(frames.rst_stream(stream_id, frames.PROTOCOL_ERROR))
            else:
                self._stream_fault(stream, frames.PROTOCOL_ERROR)
            return
        except blocks.BadBlock as error:
            raise ConnectionFault(frames.COMPRESSION_ERROR, str(error)) from error
        if end and stream.sent_end:
            self.forget(stream)

    def _on_window_update(self, stream_id: int, length: int, buffer: bytes, start: int) -> None:
        if length != 4:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR, "WINDOW_UPDATE is 4 bytes")
        increment = int.from_bytes(buffer[start : start + 4], "big") & 0x7FFF_FFFF
        if stream_id:
            stream = self.streams.get(stream_id)
            if stream is None:
                self._require_known(stream_id)
            elif not increment:
                self._stream_fault(stream, frames.PROTOCOL_ERROR)
            elif stream.send_window + increment > frames.MAX_WINDOW:
                self._stream_fault(stream, frames.FLOW_CONTROL_ERROR)
            else:
                stream.widen(increment)
            return
        if not increment:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
        self.send_window += increment
        if self.send_window > frames.MAX_WINDOW:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "the connection window passed 2^31-1")
        if self.blocked:
            self._drain_blocked()

    def _on_rare(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == frames.RST_STREAM:
            if len(payload) != 4:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR, "RST_STREAM is 4 bytes")
            stream = self.streams.get(stream_id)
            if stream is None:
                self._require_known(stream_id)
                self._control.useless()
            else:
                self.forget(stream)
                stream.on_reset(int.from_bytes(payload, "big"))
        elif kind == _CONTINUATION:
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

    def _stream_fault(self, stream: Stream, code: int) -> None:
        stream.send_reset(code)
        stream.on_reset(code)


def _unpadded(buffer: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the payload of a PADDED frame starts and ends (section 6.1)."""
    if start == end:
        raise ConnectionFault(frames.FRAME_SIZE_ERROR, "a padded frame without its padding length")
    if buffer[start] >= end - start:
        raise ConnectionFault(frames.PROTOCOL_ERROR, "padding is longer than its frame")
    return start + 1, end - buffer[start]
