"""Both kinds of `Line`: to a relay in this process, without sockets, and over TCP to whatever listens.

Behind either stands an `Answerer`: an upstream that answers each request as soon as it is complete.
"""

import asyncio
from collections.abc import Callable
from typing import Self

from mesh.http2 import frames as f
from mesh.http2.blocks import block_of
from tests.mesh.http2.relay import Front, Upstream
from tests.mesh.http2.wire import Frame, Wire, cut, turn

WITHIN = 10.0
"""Seconds for anything that is awaited; far more than any of it takes."""
TURNS = 50
ANSWER = block_of((b":status", b"200"), (b"content-type", b"application/grpc"))
STATUS = block_of((b"grpc-status", b"0"))


def delivered(found: list[Frame], stream_id: int) -> bool:
    """This stream has ended with a response, and not with RST_STREAM."""
    ends = [
        each
        for each in found
        if each.stream_id == stream_id
        and (each.kind == f.RST_STREAM or (each.kind in (f.DATA, f.HEADERS) and each.flags & f.END_STREAM))
    ]
    return bool(ends) and ends[0].kind != f.RST_STREAM


class Answerer:
    """Pure: bytes that come in, bytes to say. A path that holds `silent` is never answered."""

    def __init__(self) -> None:
        self._rest = b""
        self._missing = f.PREFACE
        self._blocks: dict[int, bytes] = {}

    def greeting(self) -> bytes:
        return f.settings({f.INITIAL_WINDOW_SIZE: f.DEFAULT_WINDOW}) + f.window_update(0, 1 << 30)

    def hear(self, data: bytes) -> bytes:
        self._rest += data
        if self._missing and len(self._rest) >= len(self._missing):
            assert self._rest.startswith(self._missing)
            self._rest, self._missing = self._rest[len(self._missing) :], b""
        if self._missing:
            return b""
        found, self._rest = cut(self._rest)
        return b"".join(self._answer(each) for each in found)

    def _answer(self, each: Frame) -> bytes:
        if each.kind == f.SETTINGS and not each.flags:
            return f.SETTINGS_ACK
        if each.kind == f.PING and not each.flags:
            return f.frame(f.PING, f.ACK, 0, each.payload)
        if each.kind not in (f.DATA, f.HEADERS):
            return b""
        self._blocks[each.stream_id] = self._blocks.get(each.stream_id, b"") + each.payload
        if not each.flags & f.END_STREAM or b"silent" in self._blocks[each.stream_id]:
            return b""
        answer = f.headers(each.stream_id, ANSWER, 0) + f.frame(f.DATA, 0, each.stream_id, b"answer")
        return answer + f.headers(each.stream_id, STATUS, f.END_STREAM)


class Inside:
    """A client of a relay in this process."""

    def __init__(self) -> None:
        self.heard: list[Frame] = []
        self._back = Upstream()
        self._upstream = Wire(self._back)
        self._answerer = Answerer()
        self._upstream.say(self._answerer.greeting() + f.SETTINGS_ACK)
        self._client = Wire(Front(lambda call: self._back))
        self._rest = b""

    @property
    def closed(self) -> bool:
        return self._client.closing

    def say(self, words: bytes) -> None:
        self._client.say(words)

    def delivered(self, stream_id: int) -> bool:
        return delivered(self.heard, stream_id)

    async def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(TURNS):
            await turn()
            if words := self._answerer.hear(self._upstream.take()):
                self._upstream.say(words)
            await turn()
            found, self._rest = cut(self._rest + self._client.take())
            self.heard += found
            if self.closed or holds():
                return
        raise AssertionError(f"it never comes: {self.heard}")


class Dialled(asyncio.Protocol):
    """A client over TCP."""

    def __init__(self) -> None:
        self.heard: list[Frame] = []
        self.closed = False
        self._rest = b""
        self._news = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self.on_heard: Callable[[], object] = lambda: None

    @classmethod
    async def to(cls, host: str, port: int) -> Self:
        _, line = await asyncio.get_running_loop().create_connection(cls, host, port)
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        found, self._rest = cut(self._rest + data)
        self.heard += found
        self._news.set()
        self.on_heard()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._news.set()

    def say(self, words: bytes) -> None:
        assert self._transport is not None
        if not self.closed:
            self._transport.write(words)

    async def until(self, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                while not self.closed and not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"still waiting after {WITHIN:g} s: {self.heard}") from None

    def delivered(self, stream_id: int) -> bool:
        return delivered(self.heard, stream_id)

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Served(asyncio.Protocol):
    """The upstream's end of a connection over TCP."""

    def __init__(self) -> None:
        self._answerer = Answerer()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._answerer.greeting())

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(self._answerer.hear(data))
