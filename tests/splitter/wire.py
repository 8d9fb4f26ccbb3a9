"""The other end of a connection, over a real socket and by hand: a client of the splitter, or an endpoint.

It says exactly the frames it is told, and keeps what it is sent, by stream. Its header blocks are made and read by
the `hpack` library, so that ours and its code cannot agree on the same mistake.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

import hpack

from mesh.http2 import frames

T = TypeVar("T")
Pairs = list[tuple[bytes, bytes]]

WITHIN = 10.0
"""Seconds for anything that is awaited; far more than any of it takes."""
WIDE = 1 << 30


class News:
    """Lets a test wait until something holds, and wakes it whenever that may have changed."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, holds: Callable[[], T], *, what: object = "") -> T:
        """The first true value; AssertionError with `what` if there is none in time."""
        try:
            async with asyncio.timeout(WITHIN):
                while not (value := holds()):
                    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiting.append(future)
                    await future
        except TimeoutError:
            raise AssertionError(f"still waiting after {WITHIN:g} s: {what}") from None
        return value


class Exchange:
    """One stream: what came on it, and what to say on it."""

    def __init__(self, peer: "Peer", stream_id: int) -> None:
        self.peer = peer
        self.id = stream_id
        self.blocks: list[Pairs] = []
        self.data = b""
        self.ended = False
        self.reset: int | None = None
        self.granted = 0
        """What WINDOW_UPDATE frames added to this stream."""
        self.sent = 0
        """Bytes of data we have said."""

    def __repr__(self) -> str:
        return f"<{self.id}: {self.blocks} {self.data[:40]!r} ended={self.ended} reset={self.reset}>"

    @property
    def window(self) -> int:
        """Bytes that may be said on it in all, so far."""
        initial = self.peer.their_settings.get(frames.INITIAL_WINDOW_SIZE, frames.DEFAULT_WINDOW)
        return initial + self.granted

    @property
    def over(self) -> bool:
        return self.ended or self.reset is not None

    @property
    def fields(self) -> dict[bytes, bytes]:
        """Of the first block, which must not have two of a name."""
        found = dict(self.blocks[0])
        assert len(found) == len(self.blocks[0]), self.blocks[0]
        return found

    @property
    def trailers(self) -> dict[bytes, bytes]:
        return dict(self.blocks[-1])

    @property
    def status(self) -> int | None:
        """The gRPC status, or None where there is none."""
        return int(self.trailers[b"grpc-status"]) if b"grpc-status" in self.trailers else None

    @property
    def message(self) -> str:
        return self.trailers[b"grpc-message"].decode()

    async def until(self, holds: Callable[["Exchange"], Any]) -> Self:
        """Itself, as soon as `holds` is true of it."""
        await self.peer.news.until(lambda: holds(self), what=self)
        return self

    async def end(self) -> Self:
        """Itself, once the other side has ended or reset the stream."""
        return await self.until(lambda each: each.over)

    def headers(self, *pairs: tuple[bytes, bytes], end: bool = False) -> None:
        self.peer.say(frames.headers(self.id, self.peer.encode(pairs), int(end)))

    def send(self, data: bytes = b"", *, end: bool = False) -> None:
        self.sent += len(data)
        pieces = [data[at : at + frames.FRAME_LIMIT] for at in range(0, len(data), frames.FRAME_LIMIT)] or [
            b""
        ]
        for number, piece in enumerate(pieces, 1):
            self.peer.say(frames.frame(frames.DATA, int(end and number == len(pieces)), self.id, piece))

    def cancel(self, code: int = frames.CANCEL) -> None:
        self.peer.say(frames.rst_stream(self.id, code))

    # What an endpoint answers

    def answer(self, body: bytes = b"answer", *, status: int = 0) -> None:
        """Headers, one message, trailers."""
        self.headers((b":status", b"200"), (b"content-type", b"application/grpc"))
        self.send(body)
        self.trail(status)

    def trail(self, status: int = 0, message: bytes = b"") -> None:
        self.headers(
            (b"grpc-status", b"%d" % status), *([(b"grpc-message", message)] if message else []), end=True
        )

    def refuse(self, status: int, message: bytes = b"no") -> None:
        """Trailers alone."""
        self.headers(
            (b":status", b"200"),
            (b"content-type", b"application/grpc"),
            (b"grpc-status", b"%d" % status),
            (b"grpc-message", message),
            end=True,
        )


class Peer(asyncio.Protocol):
    """Answers SETTINGS (unless told not to) and PING; `settings` are its own; its windows are wide."""

    greeting = b""
    """What it says first."""
    preface = b""
    """What the other side has to say first."""

    def __init__(
        self,
        *,
        settings: Mapping[int, int] | None = None,
        acknowledges: bool = True,
        news: News | None = None,
    ) -> None:
        self.settings = {frames.INITIAL_WINDOW_SIZE: WIDE, **(settings or {})}
        self.acknowledges = acknowledges
        self.exchanges: dict[int, Exchange] = {}
        self.arrived: deque[Exchange] = deque()
        """Streams whose first block came, in order."""
        self.goaways: list[tuple[int, int]] = []
        """(last stream, code) of each GOAWAY that came."""
        self.their_settings: dict[int, int] = {}
        self.granted = 0
        """What WINDOW_UPDATE frames added to the connection."""
        self.acknowledged = False
        self.closed = False
        self.news = news or News()
        self.transport: asyncio.Transport | None = None
        self._pongs = 0
        self._pings = 0
        self._rest = b""
        self._decoder = hpack.Decoder()
        self._encoder = hpack.Encoder()
        self._encoder.header_table_size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.say(self.greeting + frames.settings(self.settings) + frames.window_update(0, WIDE))
        self.news.tell()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.news.tell()

    def say(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def encode(self, pairs: tuple[tuple[bytes, bytes], ...]) -> bytes:
        return self._encoder.encode(pairs)

    def goaway(self, last: int, code: int = frames.NO_ERROR) -> None:
        self.say(frames.goaway(last, code))

    def cut(self) -> None:
        """Break the connection without a word."""
        assert self.transport is not None
        self.transport.abort()

    def pause(self) -> None:
        """Read nothing more for now."""
        assert self.transport is not None
        self.transport.pause_reading()

    def acknowledge(self) -> None:
        self.say(frames.SETTINGS_ACK)

    async def ready(self) -> Self:
        """Itself, once it has what the other side says at its start."""
        await self.news.until(lambda: self.their_settings, what="SETTINGS")
        return self

    async def sync(self) -> None:
        """Return when the other side has read all we said, and we have all it had said by then; or it hung up."""
        self._pings += 1
        self.say(frames.frame(frames.PING, 0, 0, b"%8d" % self._pings))
        pings = self._pings
        await self.news.until(lambda: self._pongs >= pings or self.closed, what="PONG")

    async def gone(self) -> None:
        await self.news.until(lambda: self.closed, what="the end of the connection")

    def exchange(self, stream_id: int) -> Exchange:
        if stream_id not in self.exchanges:
            self.exchanges[stream_id] = Exchange(self, stream_id)
        return self.exchanges[stream_id]

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if self.preface and len(self._rest) >= len(self.preface):
            assert self._rest.startswith(self.preface)
            self._rest, self.preface = self._rest[len(self.preface) :], b""
        while not self.preface and len(self._rest) >= frames.HEAD_SIZE:
            word, flags, stream_id = frames.read_head(self._rest)
            end = frames.HEAD_SIZE + (word >> 8)
            if len(self._rest) < end:
                break
            payload, self._rest = self._rest[frames.HEAD_SIZE : end], self._rest[end:]
            self._frame(word & 0xFF, flags, stream_id, payload)
        self.news.tell()

    def _frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == frames.HEADERS:
            assert flags & frames.END_HEADERS, "long blocks are not for these tests"
            exchange = self._open(stream_id)
            exchange.blocks.append([(bytes(k), bytes(v)) for k, v in self._decoder.decode(payload, raw=True)])
            exchange.ended = bool(flags & frames.END_STREAM)
            if len(exchange.blocks) == 1:
                self.arrived.append(exchange)
        elif kind == frames.DATA:
            exchange = self._open(stream_id)
            exchange.data += payload
            exchange.ended = bool(flags & frames.END_STREAM)
        elif kind == frames.RST_STREAM:
            self.exchange(stream_id).reset = int.from_bytes(payload, "big")
        elif kind == frames.WINDOW_UPDATE and stream_id:
            self.exchange(stream_id).granted += int.from_bytes(payload, "big")
        else:
            self._control(kind, flags, payload)

    def _open(self, stream_id: int) -> Exchange:
        exchange = self.exchange(stream_id)
        assert not exchange.over, f"something comes after the end of {exchange}"
        return exchange

    def _control(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == frames.SETTINGS and flags & frames.ACK:
            self.acknowledged = True
        elif kind == frames.SETTINGS:
            pairs = (frames.read_setting(payload, at) for at in range(0, len(payload), 6))
            self.their_settings = dict(pairs)  # type: ignore[arg-type]  # struct's tuples have no length
            if self.acknowledges:
                self.acknowledge()
        elif kind == frames.PING and flags & frames.ACK:
            self._pongs += 1
        elif kind == frames.PING:
            self.say(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif kind == frames.GOAWAY:
            last, code = int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")
            self.goaways.append((last, code))
        elif kind == frames.WINDOW_UPDATE:
            self.granted += int.from_bytes(payload, "big")
