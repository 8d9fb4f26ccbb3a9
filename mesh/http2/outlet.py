"""The sending side of a connection: frames are gathered and written once per turn of the event loop.

One write for all frames of a turn, instead of one each, saves 7 of 27 µs a call (uvloop gathers too, but a system
call over many small buffers costs more than one over the joined bytes).
"""

import asyncio
from typing import ClassVar, cast

from mypy_extensions import mypyc_attr

from mesh.http2 import blocks, frames, sockets
from mesh.http2.limits import CLOSE_TIMEOUT, LINGER_BYTES, LINGER_TIMEOUT

_make_head = frames.make_head


@mypyc_attr(allow_interpreted_subclasses=True)
class Outlet:
    """The transport, and what waits for it. An `asyncio.Protocol` by its methods (not by inheritance, so that it can be
    compiled)."""

    linger_timeout: ClassVar[float] = LINGER_TIMEOUT
    close_timeout: ClassVar[float] = CLOSE_TIMEOUT

    def __init__(self, *, high_water: int, max_unread: int) -> None:
        self.transport: asyncio.Transport | None = None
        self.writable = True
        """The socket takes what we write; while it does not, the data of its streams queues."""
        self.out: list[bytes] = []
        """Frames gathered in this turn of the event loop. Whoever finds it empty has to `wake`."""
        self.written = 0
        """Frames, or what was gathered as one."""
        self.unread = 0
        """Bytes written although the socket does not take them: all that is not data."""
        self._high_water = high_water
        self._max_unread = max_unread
        self._first_block = True
        self._lingering: asyncio.Transport | None = None
        """Where our last words were written; what still comes from there is dropped."""
        self._dropped = 0
        self._cutoff: asyncio.TimerHandle | None = None
        self._call_soon = asyncio.get_running_loop().call_soon

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of asyncio's
        self.transport.set_write_buffer_limits(high=self._high_water)
        sockets.watch(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = self._lingering = None
        self.writable = False
        if self._cutoff is not None:
            self._cutoff.cancel()

    def eof_received(self) -> bool:
        """The peer has ended: so do we, at once."""
        return False

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = self.transport is not None  # a transport that is closing resumes too
        self.unread = 0

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
        self.written += len(out)
        out.clear()
        transport = self.transport
        if transport is None:
            return
        if not self.writable:
            self.unread += len(data)
            if self.unread > self._max_unread:
                self.overrun()
                return
        transport.write(data)

    def overrun(self) -> None:
        """The peer makes us write and does not read: cut it off."""
        if self.transport is not None:
            self.transport.abort()

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

    def close(self, *, linger: bool = False) -> None:
        """Send what is written, then close; a peer that does not read is cut off after `CLOSE_TIMEOUT`.

        `linger`: first let the peer read our last words, while what it still says is dropped (see `drop`).
        """
        self.flush()
        transport, self.transport = self.transport, None
        self.writable = False
        if transport is None:
            return
        if not linger:
            self._finish(transport)
            return
        if transport.can_write_eof():
            transport.write_eof()
        self._lingering = transport
        self._cutoff = asyncio.get_running_loop().call_later(self.linger_timeout, self._finish, transport)

    def drop(self, size: int) -> None:
        """Bytes came after our last words."""
        self._dropped += size
        if self._dropped > LINGER_BYTES and self._lingering is not None:
            self._finish(self._lingering)

    def _finish(self, transport: asyncio.Transport) -> None:
        self._lingering = None
        if self._cutoff is not None:
            self._cutoff.cancel()
        transport.close()
        self._cutoff = asyncio.get_running_loop().call_later(self.close_timeout, transport.abort)
