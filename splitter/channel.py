"""Messages between a supervisor and a worker over a socket pair: a length (4 bytes), then JSON `[kind, value]`.

Back-pressure is conflation: what is put while the other end does not read waits, and a message takes the place of one
of its kind that waits. So values are whole, a question needs asking once, and a stuck process costs its peer one
message of each kind. Both ends run the same code: the protocol has no version.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any, Final, Self

_LENGTH: Final = 4


class Channel:
    """One end. `run` moves the messages; until it runs, they wait."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[str, bytes] = {}
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @classmethod
    async def over(cls, connected: socket.socket) -> Self:
        """Take over this end of a socket pair."""
        reader, writer = await asyncio.open_unix_connection(sock=connected)
        writer.transport.set_write_buffer_limits(high=0)  # `drain` waits for the socket to take all
        return cls(reader, writer)

    def put(self, kind: str, value: bytes = b"null") -> None:
        """Send this JSON as soon as the other end takes it, unless another of its kind comes first."""
        self._waiting[kind] = value
        self._news.set()
        self._empty.clear()

    async def flush(self) -> None:
        """Return when all is sent; never, if the other end does not read."""
        await self._empty.wait()

    async def run(self, take: Callable[[str, Any], None]) -> None:
        """Move messages until the other end closes; `take(kind, value)` is told each that comes."""
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(self._write(), name="write to the channel")
                await self._read(take)
                writing.cancel()
        finally:
            self._writer.close()

    async def _read(self, take: Callable[[str, Any], None]) -> None:
        while True:
            try:
                length = int.from_bytes(await self._reader.readexactly(_LENGTH))
                message = await self._reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            take(*json.loads(message))

    async def _write(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                kind = next(iter(self._waiting))
                message = b'["%b",%b]' % (kind.encode(), self._waiting.pop(kind))
                self._writer.write(len(message).to_bytes(_LENGTH) + message)
                try:
                    await self._writer.drain()
                except ConnectionError:  # `_read` sees the end too
                    return
            self._empty.set()
