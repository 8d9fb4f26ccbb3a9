"""The sending side of a connection: frames are gathered and written once per turn of the event loop.

One write for all frames of a turn, instead of one each, saves 7 of 27 µs a call (uvloop gathers too, but a system
call over many small buffers costs more than one over the joined bytes).
"""

import asyncio
import logging
from typing import ClassVar, cast

from mesh.http2 import blocks, frames, limits

_make_head = frames.make_head

log = logging.getLogger(__name__)


class Outlet(asyncio.Protocol):
    """The transport, and what waits for it."""

    max_unread: ClassVar[int] = limits.MAX_UNREAD
    """Bytes written to a peer that takes nothing, before it is cut off."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.writable = True
        """The socket takes what we write; while it does not, the data of its streams queues."""
        self.out: list[bytes] = []
        """Frames gathered in this turn of the event loop. Whoever finds it empty has to `wake`."""
        self._unread = 0
        """Bytes written although the socket does not take them: all that is not data."""
        self._first_block = True
        self._cutoff: asyncio.TimerHandle | None = None
        self._call_soon = asyncio.get_running_loop().call_soon

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of asyncio's
        self.transport.set_write_buffer_limits(high=limits.WRITE_HIGH_WATER)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.writable = False
        if self._cutoff is not None:
            self._cutoff.cancel()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = self.transport is not None  # a transport that is closing resumes too
        self._unread = 0

    def send(self, data: bytes) -> None:
        """Write frames; the writes of one turn of the event loop are gathered into one."""
        out = self.out
        if not out:
            self.wake()
        out.append(data)

    def wake(self) -> None:
        """Something begins to be gathered: write it at the end of this turn."""
        self._call_soon(self.flush)

    def flush(self) -> None:
        """Write now what has been gathered."""
        out = self.out
        if not out:
            return
        data = b"".join(out)
        out.clear()
        transport = self.transport
        if transport is None:
            return
        if not self.writable:
            self._unread += len(data)
            if self._unread > self.max_unread:
                log.info("cutting %r off: it does not read what it makes us write", self)
                transport.abort()
                return
        transport.write(data)

    def send_block(self, stream_id: int, block: bytes, end: int) -> None:
        """Send a stateless header block as HEADERS and CONTINUATION."""
        if self._first_block:
            self._first_block = False
            block = blocks.TABLE_SIZE_ZERO + block
        size = len(block)
        if size > 16_384:
            self.send(frames.headers(stream_id, block, end))
            return
        out = self.out
        if not out:
            self.wake()
        out.append(_make_head(size << 8 | 1, end | 4, stream_id) + block)

    def close(self) -> None:
        """Send what is written, then close; a peer that does not read is cut off after `limits.CLOSE_TIMEOUT`."""
        self.flush()
        transport, self.transport = self.transport, None
        self.writable = False
        if transport is not None:
            transport.close()
            self._cutoff = asyncio.get_running_loop().call_later(limits.CLOSE_TIMEOUT, transport.abort)
