"""Calls that end before their time, and calls that have to wait: status, cancellation, deadline, back-pressure."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio
import pytest

from tests.e2e.backends.scripted import DETAILS_BIN, OPTIONS
from tests.e2e.harness import Route, Site
from tests.e2e.harness.scripted import ask, identity, method

MIB: Final = 1 << 20
RETRY: Final = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "30s",
                    "maxBackoff": "30s",
                    "backoffMultiplier": 1,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)
"""A back-off nobody waits for: only the server's push-back can make these retries quick."""


class TestEarlyEnds:
    async def test_2000_refusals_before_the_request_was_read_keep_their_status(
        self, channel: grpc.aio.Channel
    ) -> None:
        """50 at a time, half of them with more bytes than a window: status, details, trailers are right."""
        refuse, details, seen = channel.unary_unary(method("Refuse")), "no: 100 % €", Counter[object]()
        metadata = (("x-code", "8"), ("x-details", details.encode().hex()))
        slots = asyncio.Semaphore(50)

        async def refused(size: int) -> None:
            async with slots:
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await refuse(bytes(size), metadata=metadata, timeout=30)
            trailing = dict(error.value.trailing_metadata())
            bin_ = trailing.get("grpc-status-details-bin") == DETAILS_BIN
            seen[error.value.code(), error.value.details(), bin_] += 1

        await asyncio.gather(*(refused(100_000 if number % 2 else 10) for number in range(2000)))
        assert seen == {(grpc.StatusCode.RESOURCE_EXHAUSTED, details, True): 2000}

    async def test_an_unknown_method_is_unimplemented(self, channel: grpc.aio.Channel) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await ask(channel, "Nothing")
        assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert error.value.details() == "Method not found!"

    async def test_a_cancelled_call_ends_at_the_backend(self, channel: grpc.aio.Channel) -> None:
        name = identity()
        call = channel.unary_stream(method("Hold"))(b"", metadata=[("x-id", name)], timeout=60)
        assert await call.read() == b"held"
        call.cancel()
        assert json.loads(await ask(channel, "Ended", name.encode())) is True

    def test_a_cancelled_call_ends_at_the_backend_with_threads(self, threads: grpc.Channel) -> None:
        name, ended = identity(), threads.unary_unary(method("Ended"))
        call = threads.unary_stream(method("Hold"))(b"", metadata=[("x-id", name)], timeout=60)
        assert next(call) == b"held"
        call.cancel()
        assert json.loads(ended(name.encode(), timeout=20)) is True

    async def test_a_client_that_goes_away_ends_its_calls_at_the_backend(
        self, channel: grpc.aio.Channel, route: Route
    ) -> None:
        """The connection is closed under a call; another connection asks."""
        name = identity()
        async with grpc.aio.insecure_channel(
            route.address, options=(("grpc.use_local_subchannel_pool", 1),)
        ) as leaver:
            call = leaver.unary_stream(method("Hold"))(b"", metadata=[("x-id", name)], timeout=60)
            assert await call.read() == b"held"
        assert json.loads(await ask(channel, "Ended", name.encode())) is True

    async def test_a_deadline_is_known_to_the_backend_and_ends_the_call(
        self, channel: grpc.aio.Channel
    ) -> None:
        remaining = json.loads(await channel.unary_unary(method("Remaining"))(b"", timeout=7))
        assert 5 < remaining < 7.1  # grpcio rounds up

        name = identity()
        call = channel.unary_stream(method("Hold"))(b"", metadata=[("x-id", name)], timeout=0.5)
        assert await call.read() == b"held"
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call.read()
        assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert json.loads(await ask(channel, "Ended", name.encode())) is True


class TestBackPressure:
    """A window is what the other end allows: the splitter between them stores nothing.

    grpc-core allows a fast connection up to 16 MiB in flight; what is offered here is much more.
    """

    COUNT, SIZE = 2048, 64 * 1024
    HELD = 24 * MIB

    async def test_a_slow_client_slows_the_backend(self, channel: grpc.aio.Channel) -> None:
        """While the client reads nothing, the backend cannot get rid of more than the windows hold."""
        name, count, size = identity(), self.COUNT, self.SIZE
        pour = channel.unary_stream(method("Pour"))
        call = pour(json.dumps([count, size]).encode(), metadata=[("x-id", name)], timeout=60)
        answers = aiter(call)
        first = await anext(answers)
        sent = await self.settled(lambda: ask(channel, "Sent", name.encode()))
        assert int(sent) * size <= self.HELD
        rest = [answer async for answer in answers]
        assert [int.from_bytes(each[:4], "big") for each in (first, *rest)] == [*range(count)]

    async def test_a_slow_backend_slows_the_client(self, channel: grpc.aio.Channel) -> None:
        """While the backend reads nothing, the client's writes wait; released, every byte arrives."""
        name, written, count, size = identity(), 0, self.COUNT, self.SIZE
        call = channel.stream_unary(method("Swallow"))(metadata=[("x-id", name)], timeout=60)

        async def write() -> None:
            nonlocal written
            for _ in range(count):
                await call.write(bytes(size))
                written += 1
            await call.done_writing()

        writing = asyncio.create_task(write())
        await self.settled(lambda: asyncio.sleep(0, written))
        assert written * size <= self.HELD
        await ask(channel, "Release", name.encode())
        await writing
        assert json.loads(await call) == [count, count * size]

    async def test_a_stream_both_ways_that_nobody_reads_waits_and_loses_nothing(
        self, channel: grpc.aio.Channel
    ) -> None:
        """The client writes and does not read, so the echoing backend cannot write, so it does not read."""
        written, call = 0, channel.stream_stream(method("Echo"))(timeout=60)

        async def write() -> None:
            nonlocal written
            for number in range(self.COUNT):
                await call.write(number.to_bytes(4, "big").ljust(self.SIZE, b"\xcd"))
                written += 1
            await call.done_writing()

        writing = asyncio.create_task(write())
        await self.settled(lambda: asyncio.sleep(0, written))
        assert written * self.SIZE <= 2 * self.HELD
        for number in range(self.COUNT):
            answer = await call.read()
            assert answer == number.to_bytes(4, "big").ljust(self.SIZE, b"\xcd")
        assert await call.read() is grpc.aio.EOF
        await writing

    async def test_slow_clients_cost_the_splitter_no_memory(self, site: Site) -> None:
        """Sixteen streams that nobody reads, each from a backend that offers 128 MiB."""
        splitter = await site.splitter()
        memory = splitter.process.memory
        before = memory()
        async with grpc.aio.insecure_channel(splitter.address, options=OPTIONS) as channel:
            names = [identity() for _ in range(16)]
            request = json.dumps([self.COUNT, self.SIZE]).encode()
            pour = channel.unary_stream(method("Pour"))
            calls = [pour(request, metadata=[("x-id", name)], timeout=60) for name in names]
            await asyncio.gather(*(call.read() for call in calls))
            await self.settled(
                lambda: asyncio.gather(*(ask(channel, "Sent", name.encode()) for name in names))
            )
            assert memory() - before <= 32 * MIB
            for call in calls:
                call.cancel()

    @staticmethod
    async def settled(question: Callable[[], Awaitable[Any]]) -> Any:
        """An answer, once it stays the same for half a second."""
        before, now = None, await question()
        while before != now:
            await asyncio.sleep(0.5)
            before, now = now, await question()
        return now


class TestPushBack:
    """`grpc-retry-pushback-ms` belongs to the client's own retries; nobody on the way obeys or eats it."""

    @pytest.fixture
    async def retrying(self, route: Route) -> AsyncIterator[grpc.aio.Channel]:
        options = (*OPTIONS, ("grpc.service_config", RETRY))
        async with grpc.aio.insecure_channel(route.address, options=options) as channel:
            yield channel

    async def test_a_client_told_to_come_again_does(self, retrying: grpc.aio.Channel) -> None:
        metadata = (("x-id", identity()), ("x-pushback", "20"))
        assert json.loads(await ask(retrying, "Flaky", metadata=metadata)) == [2, "1"]

    async def test_a_client_told_not_to_come_again_does_not(self, retrying: grpc.aio.Channel) -> None:
        metadata = (("x-id", identity()), ("x-pushback", "-1"))
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await ask(retrying, "Flaky", metadata=metadata)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        assert error.value.details() == "come again"
