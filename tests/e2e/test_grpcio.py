"""grpcio as a client, threads and asyncio: all kinds of calls, and messages of any size."""

import asyncio
import json
import os
from typing import Final

import grpc
import grpc.aio

from mesh import contract
from tests.e2e.harness import Route
from tests.e2e.harness.scripted import identity, method

MIB: Final = 1 << 20
LARGE: Final = 64 * MIB


class TestFourKinds:
    """Unary, client stream, server stream, both."""

    async def test_unary_says_who_answered(self, channel: grpc.aio.Channel, route: Route) -> None:
        """The backend of the colour, and the colour in `x-verdigris-color`."""
        call = channel.unary_unary(method("Echo"))(b"hello", timeout=10)
        assert await call == b"hello"
        metadata = dict(await call.initial_metadata())
        assert metadata["x-backend"] == route.backend
        assert metadata.get(contract.HEADER_COLOR) == (None if route.way == "direct" else route.way)

    def test_client_stream(self, threads: grpc.Channel) -> None:
        sizes = [0, 1, 16_384, 65_535, 65_536, 300_000]
        answer = threads.stream_unary(method("Count"))((bytes(size) for size in sizes), timeout=10)
        assert json.loads(answer) == [len(sizes), sum(sizes)]

    def test_server_stream(self, threads: grpc.Channel) -> None:
        pour = threads.unary_stream(method("Pour"))
        answers = list(pour(json.dumps([300, 5000]).encode(), timeout=10, metadata=[("x-id", identity())]))
        assert [int.from_bytes(answer[:4], "big") for answer in answers] == [*range(300)]
        assert {len(answer) for answer in answers} == {5000}

    async def test_both_ways_in_turns(self, channel: grpc.aio.Channel) -> None:
        """Each message is answered before the next is sent: nothing waits for more, or for the end."""
        call = channel.stream_stream(method("Echo"))(timeout=20)
        for number in range(300):
            await call.write(b"%d" % number)
            assert await call.read() == b"%d" % number
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK

    async def test_half_close_is_passed_on_at_once(self, channel: grpc.aio.Channel) -> None:
        """A client stream that ends without a message is answered."""
        call = channel.stream_stream(method("Count"))(timeout=10)
        await call.done_writing()
        assert json.loads(await call.read()) == [0, 0]

    async def test_200_streams_at_once_on_one_connection(self, channel: grpc.aio.Channel) -> None:
        calls = [channel.stream_stream(method("Echo"))(timeout=30) for _ in range(200)]
        for round_ in range(3):
            await asyncio.gather(*(call.write(b"%d" % (round_ + n)) for n, call in enumerate(calls)))
            answers = await asyncio.gather(*(call.read() for call in calls))
            assert answers == [b"%d" % (round_ + n) for n in range(len(calls))]
        await asyncio.gather(*(call.done_writing() for call in calls))
        assert {await call.code() for call in calls} == {grpc.StatusCode.OK}


class TestLargeMessages:
    async def test_64_mib_each_way(self, channel: grpc.aio.Channel) -> None:
        message = os.urandom(MIB) * (LARGE // MIB)
        assert await channel.unary_unary(method("Echo"))(message, timeout=60) == message

    def test_64_mib_each_way_with_threads_while_small_calls_pass(self, threads: grpc.Channel) -> None:
        """A large message of one call does not keep others of its connection waiting for ever."""
        message, echo = os.urandom(MIB) * (LARGE // MIB), threads.unary_unary(method("Echo"))
        large = echo.future(message, timeout=60)
        for number in range(50):
            assert echo(b"%d" % number, timeout=30) == b"%d" % number
        assert large.result() == message
