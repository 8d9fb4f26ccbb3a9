"""The upstream's end of a `Line`: of a relay in this process, or of whatever connects over TCP."""

import asyncio
from collections.abc import Callable

from mesh.http2 import frames as f
from tests.mesh.http2.relay import Front, Upstream
from tests.mesh.http2.rfc.case import REQUEST
from tests.mesh.http2.rfc.lines import TURNS, WITHIN, delivered
from tests.mesh.http2.wire import Frame, Wire, cut, turn

OPEN = (1, 3)
"""The streams that are open when a case begins; the cases are about the first."""


class InsideUpstream:
    """An upstream of a relay in this process, whose client has opened two calls."""

    def __init__(self) -> None:
        self.heard: list[Frame] = []
        back = Upstream()
        self._wire = Wire(back)
        self._rest = b""
        self._wire.say(f.settings({}) + f.SETTINGS_ACK)
        self._client = Wire(Front(lambda call: back))
        self._at_client = b""
        self._missing = f.PREFACE
        self._client.say(f.PREFACE + f.settings({}) + f.SETTINGS_ACK)
        for stream_id in OPEN:
            self._client.say(f.headers(stream_id, REQUEST, f.END_STREAM))

    @property
    def closed(self) -> bool:
        return self._wire.closing

    def say(self, words: bytes) -> None:
        self._wire.say(words)

    def delivered(self, stream_id: int) -> bool:
        return delivered(cut(self._at_client)[0], stream_id)

    async def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(TURNS):
            await turn()
            self._at_client += self._client.take()
            self._rest += self._wire.take()
            if self._missing:
                assert self._rest.startswith(self._missing)
                self._rest, self._missing = self._rest[len(self._missing) :], b""
            found, self._rest = cut(self._rest)
            self.heard += found
            if self.closed or holds():
                return
        raise AssertionError(f"it never comes: {self.heard}")


class Accepted(asyncio.Protocol):
    """The upstream's end of a connection over TCP. It acknowledges SETTINGS, and says nothing else by itself."""

    def __init__(self) -> None:
        self.heard: list[Frame] = []
        self.closed = False
        self._missing = f.PREFACE
        self._rest = b""
        self._news = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self.client_heard: list[Frame] = []
        """What the client on the other side of the splitter hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(f.settings({}))

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if self._missing and len(self._rest) >= len(self._missing):
            assert self._rest.startswith(self._missing)
            self._rest, self._missing = self._rest[len(self._missing) :], b""
        if not self._missing:
            found, self._rest = cut(self._rest)
            self.heard += found
            if any(each.kind == f.SETTINGS and not each.flags for each in found):
                self.say(f.SETTINGS_ACK)
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._news.set()

    def tell(self, heard: list[Frame]) -> None:
        """What the client has heard by now."""
        self.client_heard = heard
        self._news.set()

    def say(self, words: bytes) -> None:
        assert self._transport is not None
        if not self.closed:
            self._transport.write(words)

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def delivered(self, stream_id: int) -> bool:
        return delivered(self.client_heard, stream_id)

    @property
    def calls(self) -> list[int]:
        """The streams that have arrived."""
        return [each.stream_id for each in self.heard if each.kind == f.HEADERS]

    async def until(self, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                while not self.closed and not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"still waiting after {WITHIN:g} s: {self.heard}") from None
