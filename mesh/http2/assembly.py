"""Puts header blocks together: HEADERS and its CONTINUATIONs, without padding and priority, made stateless.

One block is under way at most, and nothing may come between its frames (RFC 9113, 4.3).
"""

from mesh.http2 import blocks, frames
from mesh.http2.frames import ConnectionFault
from mesh.http2.limits import EMPTY_CONTINUATION, Limits


class Assembly:
    """The block that is under way on one connection, and the decoder for blocks that still use a dynamic table."""

    __slots__ = ("_end", "_legacy", "_limits", "_parts", "_size", "begun", "stateless", "stream_id")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.stream_id = 0
        """The stream whose block is under way; 0: none."""
        self.begun = 0
        """How many blocks needed more than one frame so far."""
        self.stateless = False
        """The peer has acknowledged our table size of 0: its blocks need no decoder any more."""
        self._parts: list[bytes] = []
        self._size = 0
        self._end = 0
        self._legacy: blocks.Legacy | None = None

    def begin(self, stream_id: int, flags: int, payload: bytes) -> tuple[bytes, int] | None:
        """A HEADERS frame, its padding gone: the whole block and its END_STREAM flag, or None if more is to come."""
        if flags & frames.HAS_PRIORITY:
            if len(payload) < 5:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR, "HEADERS too short for its priority fields")
            payload = payload[5:]
        if flags & frames.END_HEADERS:
            return self._decoded(payload), flags & frames.END_STREAM
        self.stream_id, self._parts, self._size = stream_id, [payload], len(payload)
        self._end = flags & frames.END_STREAM
        self.begun += 1
        return None

    def go_on(self, flags: int, payload: bytes) -> tuple[bytes, int] | None:
        """A CONTINUATION frame: as `begin`."""
        if not self.stream_id:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        self._parts.append(payload)
        self._size += len(payload) or EMPTY_CONTINUATION
        if self._size > self._limits.max_block:
            raise _too_large(f"a header block above {self._limits.max_block} bytes")
        if not flags & frames.END_HEADERS:
            return None
        block, self._parts, self.stream_id = b"".join(self._parts), [], 0
        return self._decoded(block), self._end

    def _decoded(self, block: bytes) -> bytes:
        try:
            if not self.stateless:
                if self._legacy is None:
                    self._legacy = blocks.Legacy(self._limits)
                return self._legacy.stateless(block)
            if block and block[0] & 0xE0 == 0x20:
                return blocks.without_table_update(block)
        except blocks.TooLarge as large:  # before the acknowledgement it costs ten times more: once is enough
            raise _too_large(str(large)) from large
        except blocks.BadBlock as bad:
            raise ConnectionFault(frames.COMPRESSION_ERROR, str(bad)) from bad
        return block

    def acknowledged(self) -> None:
        """From the next block on, there is no dynamic table."""
        self.stateless, self._legacy = True, None


def _too_large(text: str) -> ConnectionFault:
    return ConnectionFault(frames.ENHANCE_YOUR_CALM, text, "header_block")
