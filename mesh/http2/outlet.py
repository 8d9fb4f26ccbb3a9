"""The sending side of a connection: frames are gathered and written once per turn of the event loop.

One write for all frames of a turn, instead of one each, saves 7 of 27 µs a call (uvloop gathers too, but a system
call over many small buffers costs more than one over the joined bytes).
"""

import asyncio
from typing import cast

from mesh.http2 import blocks, frames, limits

_make_head = frames.make_head


class Outlet(asyncio.Protocol):
    """The transport, and what waits for it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.writable = True
        """The socket takes what we write; while it does not, streams queue."""
        self._out: list[bytes] = []
        self._first_block = True
        self._call_soon = asyncio.get_running_loop().call_soon

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of asyncio's
        self.transport.set_write_buffer_limits(high=limits.WRITE_HIGH_WATER)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.writable = False

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True

    def send(self, data: bytes) -> None:
        """Write frames; the writes of one turn of the event loop are gathered into one."""
        out = self._out
        if not out:
            self._call_soon(self._flush)
        out.append(data)

    def _flush(self) -> None:
        out = self._out
        transport = self.transport
        if transport is not None:
            transport.write(b"".join(out))
        out.clear()

    def send_block(self, stream_id: int, block: bytes, end: int) -> None:
        """Send a stateless header block as HEADERS and CONTINUATION."""
        if self._first_block:
            self._first_block = False
            block = blocks.TABLE_SIZE_ZERO + block
        size = len(block)
        if size > 16_384:
            self.send(frames.headers(stream_id, block, end))
            return
        out = self._out
        if not out:
            self._call_soon(self._flush)
        out.append(_make_head(size << 8 | 1, end | 4, stream_id) + block)

    def close(self) -> None:
        """Send what is written, then close; a peer that does not read is cut off after `limits.CLOSE_TIMEOUT`."""
        self._flush()
        transport, self.transport = self.transport, None
        self.writable = False
        if transport is not None:
            transport.close()
            asyncio.get_running_loop().call_later(limits.CLOSE_TIMEOUT, transport.abort)
