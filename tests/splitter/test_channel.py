"""What `splitter.channel` promises: messages arrive whole and in order, and a peer that does not read costs little."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from splitter.channel import Channel

WITHIN = 10.0
LARGE = 4 << 20
"""More than a socket takes."""


class End:
    """A channel's end that runs, and what it was told."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.heard: list[tuple[str, Any]] = []
        self.news = asyncio.Event()
        self.running = asyncio.create_task(channel.run(self._take))

    def _take(self, kind: str, value: Any) -> None:
        self.heard.append((kind, value))
        self.news.set()

    async def until(self, count: int) -> list[tuple[str, Any]]:
        async with asyncio.timeout(WITHIN):
            while len(self.heard) < count:
                self.news.clear()
                await self.news.wait()
        return self.heard

    async def ended(self) -> None:
        async with asyncio.timeout(WITHIN):
            await self.running


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[End, End]]:
    ours, theirs = socket.socketpair()
    ends = End(await Channel.over(ours)), End(await Channel.over(theirs))
    try:
        yield ends
    finally:
        for end in ends:
            end.running.cancel()
        await asyncio.wait([end.running for end in ends])


async def test_messages_arrive_whole_and_in_order_both_ways() -> None:
    async with pair() as (one, other):
        text = json.dumps("ü" * 100_000).encode()
        for number in range(10):
            one.channel.put(f"kind {number}", text)
            other.channel.put(f"kind {number}")
        assert await other.until(10) == [(f"kind {number}", "ü" * 100_000) for number in range(10)]
        assert await one.until(10) == [(f"kind {number}", None) for number in range(10)]


async def test_a_message_of_any_size_arrives() -> None:
    async with pair() as (one, other):
        one.channel.put("large", json.dumps("x" * LARGE).encode())
        assert await other.until(1) == [("large", "x" * LARGE)]


async def test_what_waits_is_replaced_by_the_next_of_its_kind() -> None:
    """A peer that does not read is told the newest of each kind when it does: nothing piles up."""
    ours, theirs = socket.socketpair()
    one = End(await Channel.over(ours))
    try:
        one.channel.put("full", json.dumps("x" * LARGE).encode())
        await asyncio.sleep(0)  # it is on its way, and the socket is full
        for number in range(1_000):
            one.channel.put("facts", str(number).encode())
            one.channel.put("question")
        other = End(await Channel.over(theirs))
        heard = await other.until(3)
        assert [kind for kind, _ in heard] == ["full", "facts", "question"]
        assert heard[1:] == [("facts", 999), ("question", None)]
        other.running.cancel()
    finally:
        one.running.cancel()
        await asyncio.wait([one.running])


async def test_flush_returns_when_all_is_sent() -> None:
    async with pair() as (one, other):
        one.channel.put("last", b'"words"')
        async with asyncio.timeout(WITHIN):
            await one.channel.flush()
        one.running.cancel()
        assert await other.until(1) == [("last", "words")]


async def test_it_ends_with_the_other_end() -> None:
    async with pair() as (one, other):
        one.channel.put("last", b"1")
        await other.until(1)
        one.running.cancel()
        await other.ended()
        other.channel.put("nobody hears it")


async def test_a_peer_that_dies_in_the_middle_of_a_message_is_an_end_and_no_error() -> None:
    ours, theirs = socket.socketpair()
    end = End(await Channel.over(ours))
    theirs.send((100).to_bytes(4, "big") + b'["half')
    theirs.close()
    await end.ended()
    assert end.heard == []
