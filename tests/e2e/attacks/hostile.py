"""One hostile connection, and what became of it; an attack is many of them, one after the other and side by side.

An attack needs nothing of this test suite but a host and a port, so that a benchmark may run it too.
"""

import asyncio
import socket
import struct
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

from tests.e2e.backends import wire
from tests.e2e.backends.wire import frame

SCHEME: Final = (b":scheme", b"http")
PATH: Final = b"/verdigris.test.Scripted/Echo"
PATIENCE: Final = 30.0
"""Seconds after which a connection that nobody ended is given up."""
PAUSE: Final = 0.01
"""Seconds between a connection that was ended and the next: an attacker that is cut off needs a moment, too."""


def integer(value: int, prefix: int = 7, first: int = 0) -> bytes:
    """A number as RFC 7541 §5.1 writes it."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([first | value])
    rest, out = value - limit, bytearray([first | limit])
    while rest >= 128:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def literal(name: bytes, value: bytes, *, first: int = 0) -> bytes:
    """A field without Huffman code; `first` 0x40 asks the receiver to remember it."""
    return bytes([first]) + integer(len(name)) + name + integer(len(value)) + value


def block(*more: tuple[bytes, bytes], path: bytes = PATH) -> bytes:
    """The header block of a gRPC call that is good in itself."""
    fields = (
        (b":method", b"POST"),
        SCHEME,
        (b":path", path),
        (b":authority", b"attacked"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        *more,
    )
    return b"".join(literal(name, value) for name, value in fields)


def headers(number: int, flags: int = wire.END_HEADERS, payload: bytes | None = None) -> bytes:
    return frame(wire.HEADERS, flags, number, block() if payload is None else payload)


@dataclass(slots=True)
class Outcome:
    """What the attackers got, over all connections of an attack."""

    connections: int = 0
    """That the attacked accepted."""
    goaways: Counter[int] = field(default_factory=Counter)
    """GOAWAY frames that carried an error, by its code."""
    resets: Counter[int] = field(default_factory=Counter)
    """RST_STREAM frames by code."""
    closed: int = 0
    """Connections that the attacked ended."""
    survived: int = 0
    """Connections that were still open when their attacker had enough."""
    sent: int = 0
    """Bytes."""


class Hostile:
    """A connection that answers nothing by itself; it only writes down what comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, outcome: Outcome) -> None:
        self._reader, self._writer, self._outcome = reader, writer, outcome
        self._listening = asyncio.create_task(self._listen())
        self.over = asyncio.Event()
        """Set when the other side has ended the connection."""

    @classmethod
    async def connect(cls, host: str, port: int, outcome: Outcome, *, reads: bool = True) -> Self:
        """`reads=False`: nothing that comes is taken from the socket, whose buffer is small."""
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        if not reads:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            await asyncio.get_running_loop().sock_connect(made, (host, port))
            reader, writer = await asyncio.open_connection(sock=made)
        except BaseException:  # a cancellation too
            made.close()
            raise
        outcome.connections += 1
        if not reads:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        return cls(reader, writer, outcome)

    async def greet(self, *settings: tuple[int, int], acknowledge: bool = True) -> None:
        """As a good client does. Raises ConnectionError, like `send`."""
        payload = b"".join(struct.pack(">HI", *setting) for setting in settings)
        greeting = wire.PREFACE + frame(wire.SETTINGS, 0, 0, payload)
        await self.send(greeting + (frame(wire.SETTINGS, wire.ACK, 0) if acknowledge else b""))

    async def send(self, data: bytes) -> None:
        """Wait until it is on its way; ConnectionError when there is no way any more."""
        if self.over.is_set():
            raise ConnectionResetError
        self._writer.write(data)
        self._outcome.sent += len(data)
        await self._writer.drain()
        await asyncio.sleep(0)  # drain() alone may never let anybody else run

    async def ended(self) -> None:
        """Until the other side has ended it, or patience has."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self.over.wait()

    async def close(self) -> None:
        if not self.over.is_set() and not self._writer.is_closing():
            self._outcome.survived += 1
        elif not self.over.is_set():  # noticed by writing
            self._outcome.closed += 1
        self._listening.cancel()
        self._writer.transport.abort()
        await asyncio.wait([self._listening])  # not itself: whoever cancels us now means us

    async def _listen(self) -> None:
        try:
            while True:
                word, _, _ = struct.unpack(">IBI", await self._reader.readexactly(9))
                self._hear(word & 255, await self._reader.readexactly(word >> 8))
        except (asyncio.IncompleteReadError, OSError):
            self._outcome.closed += 1
            self.over.set()

    def _hear(self, kind: int, payload: bytes) -> None:
        if kind == wire.GOAWAY and (code := int.from_bytes(payload[4:8], "big")):
            self._outcome.goaways[code] += 1
        elif kind == wire.RST_STREAM:
            self._outcome.resets[int.from_bytes(payload, "big")] += 1


class Attack(ABC):
    """`reasons` and `codes`: by which metric and by which GOAWAY the attacked may end a connection of it."""

    name: str
    reasons: ClassVar[frozenset[str]]
    codes: ClassVar[frozenset[int]]
    attackers: ClassVar[int] = 2
    """Connections side by side."""
    outcome: Outcome
    """Of the run that is going on, or that was the last."""

    @abstractmethod
    async def once(self, host: str, port: int, outcome: Outcome) -> None:
        """Attack over one connection until it is ended; ConnectionError is an end as good as any."""

    async def run(self, host: str, port: int, stop: asyncio.Event) -> Outcome:
        """Attack over and over, until `stop`."""
        outcome = self.outcome = Outcome()

        async def attacker() -> None:
            while True:
                with suppress(OSError):
                    await self.once(host, port, outcome)
                await asyncio.sleep(PAUSE)

        tasks = [asyncio.create_task(attacker()) for _ in range(self.attackers)]
        try:
            await stop.wait()
        finally:
            await cancelled(tasks)
        return outcome


class Repeated(Attack):
    """Greets like a good client, then says the same again and again, as fast as it is taken."""

    async def once(self, host: str, port: int, outcome: Outcome) -> None:
        hostile = await Hostile.connect(host, port, outcome)
        try:
            await hostile.greet()
            for batch in self.batches():
                await hostile.send(batch)
            await hostile.ended()
        finally:
            await hostile.close()

    @abstractmethod
    def batches(self) -> Iterable[bytes]:
        """What to say, some frames at a time."""


async def cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel all and wait for their ends; what they died of before is raised."""
    waiting = list(tasks)
    for task in waiting:
        task.cancel()
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
