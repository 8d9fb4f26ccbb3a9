"""A gRPC client made of frames: holds thousands of calls open, cancels them, vanishes in the middle of them.

h2load counts unary calls and knows no others. Whoever uses this keeps what is on its way on one connection below
the default window (65 535 bytes), so it needs no flow control for sending; received data is granted again.
"""

import asyncio
from collections.abc import Awaitable
from typing import Final, Self, cast

import hpack

from benchmarks.h2 import (
    ACK,
    CANCEL,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADER_TABLE_SIZE,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    TABLE_SIZE_ZERO,
    WINDOW_UPDATE,
    frame,
    frames,
    setting,
)
from benchmarks.load import METHOD
from benchmarks.process import HOST

GREETING: Final = (
    PREFACE
    + frame(SETTINGS, 0, 0, setting(HEADER_TABLE_SIZE, 0) + setting(INITIAL_WINDOW_SIZE, 1 << 20))
    + frame(WINDOW_UPDATE, 0, 0, (1 << 24).to_bytes(4, "big"))
)
OK: Final = "0"
LOST: Final = "connection lost"


def message(payload: bytes) -> bytes:
    """As gRPC frames it, not compressed."""
    return b"\0" + len(payload).to_bytes(4, "big") + payload


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\0%c%b%c%b" % (len(name), name, len(value), value)


_BLOCK: Final = (
    b"\x83\x86"  # :method POST, :scheme http
    + _literal(b":path", METHOD.encode())
    + _literal(b":authority", b"benchmark")
    + _literal(b"te", b"trailers")
    + _literal(b"content-type", b"application/grpc")
)


class Call:
    """One call: how many bytes came back, and how it ended: a grpc-status, or what took its place."""

    __slots__ = ("_arrived", "_wanted", "ended", "number", "received")

    def __init__(self, number: int) -> None:
        self.number = number
        self.received = 0
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._wanted = 0
        self._arrived: asyncio.Future[None] | None = None

    async def echoed(self, size: int) -> None:
        """Returns when so many bytes came back in all, or when the call has ended."""
        if self.received < size and not self.ended.done():
            self._wanted, self._arrived = size, asyncio.get_running_loop().create_future()
            await self._arrived

    def on_data(self, size: int) -> None:
        self.received += size
        if self.received >= self._wanted:
            self._wake()

    def on_end(self, status: str) -> None:
        if not self.ended.done():
            self.ended.set_result(status)
        self._wake()

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)


class Client(asyncio.Protocol):
    """One connection: `client = await Client.connect(port)`; `close` or `abort` ends it."""

    def __init__(self) -> None:
        self.calls: dict[int, Call] = {}
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._decoder = hpack.Decoder()
        self._next = 1
        self._buffer = b""
        self._taken = 0

    @classmethod
    async def connect(cls, port: int) -> Self:
        _, client = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(GREETING)

    def connection_lost(self, error: Exception | None) -> None:
        for call in self.calls.values():
            call.on_end(LOST)
        self.calls.clear()
        self.closed.set_result(None)

    def open(self, payload: bytes, *, end: bool = False) -> Call:
        """A call with its first message."""
        call = self.calls[self._next] = Call(self._next)
        block = _BLOCK if call.number > 1 else TABLE_SIZE_ZERO + _BLOCK
        self._next += 2
        self.transport.write(frame(HEADERS, END_HEADERS, call.number, block))
        self.send(call, message(payload), end=end)
        return call

    def send(self, call: Call, payload: bytes = b"", *, end: bool = False) -> None:
        self.transport.write(frame(DATA, END_STREAM if end else 0, call.number, payload))

    def cancel(self, call: Call) -> None:
        if self.calls.pop(call.number, None) is not None:
            self.transport.write(frame(RST_STREAM, 0, call.number, CANCEL.to_bytes(4, "big")))
            call.on_end("cancelled")

    async def close(self) -> None:
        self.transport.write(frame(GOAWAY, 0, 0, bytes(8)))
        self.transport.close()
        await cast(Awaitable[None], self.closed)

    def abort(self) -> None:
        """Vanish: TCP RST."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer = frames(self._buffer + data, 0, self._frame)
        if self._taken > 1 << 15:
            self.transport.write(frame(WINDOW_UPDATE, 0, 0, self._taken.to_bytes(4, "big")))
            self._taken = 0

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        call = self.calls.get(number)
        if kind == DATA:
            self._taken += len(payload)
            if call is not None:
                call.on_data(len(payload))
        elif kind == HEADERS:
            self._headers(call, flags, payload)
        elif kind == RST_STREAM and call is not None:
            call.on_end(f"reset {int.from_bytes(payload, 'big')}")
        elif kind == SETTINGS and not flags & ACK:
            self.transport.write(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.transport.write(frame(PING, ACK, 0, payload))
        if call is not None and (kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM)):
            call.on_end("no status")  # unless the trailers had one
            del self.calls[number]

    def _headers(self, call: Call | None, flags: int, block: bytes) -> None:
        """Blocks of one frame only: no peer here splits its small ones."""
        if flags & PADDED:
            block = block[1 : len(block) - block[0]]
        if flags & PRIORITY:
            block = block[5:]
        fields = dict(self._decoder.decode(block, raw=True))
        if call is not None and flags & END_STREAM:
            call.on_end(bytes(fields.get(b"grpc-status", b"no status")).decode("latin-1"))
