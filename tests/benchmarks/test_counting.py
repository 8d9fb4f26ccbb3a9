"""The counting server and the client made of frames, against each other."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from benchmarks.client import LOST, OK, Client, message
from benchmarks.counting.connection import Connection
from benchmarks.counting.stream import RESET_ME, Counts, Echo, Spans
from benchmarks.h2 import INITIAL_WINDOW_SIZE, SETTINGS, WINDOW_UPDATE, frame, setting
from benchmarks.process import HOST
from benchmarks.scale.crowd import Crowd, gather


@dataclass
class Serving:
    port: int
    counts: Counts


async def serve(counts: Counts, kind: type[Echo] | type[Spans]) -> AsyncIterator[Serving]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(kind(counts), counts), HOST, 0)
    yield Serving(server.sockets[0].getsockname()[1], counts)
    server.close()


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[Serving]:
    async for serving in serve(Counts(), Echo):
        yield serving


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Serving]:
    async for serving in serve(Counts(), Spans):
        yield serving


async def test_a_call_gets_its_own_messages_back_and_is_counted(echo: Serving) -> None:
    client = await Client.connect(echo.port)
    call = client.open(b"hello")
    await call.echoed(len(message(b"hello")))
    assert (echo.counts.open, echo.counts.ended) == (1, 0)
    client.send(call, message(b"again"), end=True)
    assert await call.ended == OK
    assert call.received == 2 * len(message(b"hello"))
    await client.close()
    assert echo.counts == Counts(requests=1, ended=1)


async def test_a_cancelled_call_is_a_reset(echo: Serving) -> None:
    client = await Client.connect(echo.port)
    call = client.open(b"x")
    await call.echoed(1)
    client.cancel(call)
    assert await call.ended == "cancelled"
    after = client.open(b"y", end=True)
    assert await after.ended == OK
    await client.close()
    assert (echo.counts.resets, echo.counts.open) == (1, 0)


async def test_a_message_that_asks_for_it_has_its_stream_reset(echo: Serving) -> None:
    client = await Client.connect(echo.port)
    assert await client.open(RESET_ME, end=True).ended == "reset 2"
    await client.close()


async def test_calls_of_a_connection_that_breaks_end_as_lost(echo: Serving) -> None:
    client = await Client.connect(echo.port)
    call = client.open(b"x")
    await call.echoed(1)
    client.abort()
    assert await call.ended == LOST


async def test_a_window_is_obeyed_and_what_waits_goes_out_when_it_grows(echo: Serving) -> None:
    client = await Client.connect(echo.port)
    client.transport.write(frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW_SIZE, 10)))
    call = client.open(bytes(95), end=True)
    await call.echoed(10)
    pong = client.open(b"x", end=True)  # its answer comes behind anything the first could still have sent
    await pong.echoed(6)
    assert call.received == 10
    client.transport.write(frame(WINDOW_UPDATE, 0, call.number, (1000).to_bytes(4, "big")))
    assert await call.ended == OK
    assert call.received == 100
    await client.close()


async def test_spans_are_counted_over_all_scopes_and_resources(collector: Serving) -> None:
    scope = ScopeSpans(spans=[Span(name="a"), Span(name="b")])
    resource = ResourceSpans(scope_spans=[scope, scope])
    request = ExportTraceServiceRequest(resource_spans=[resource, resource, resource])
    client = await Client.connect(collector.port)
    call = client.open(request.SerializeToString(), end=True)
    assert await call.ended == OK
    assert call.received == 5  # an empty message
    await client.close()
    assert collector.counts.spans == 12


async def test_a_crowd_stands_with_all_its_calls_open_and_ends_without_a_failure(echo: Serving) -> None:
    crowd, seen = Crowd(connections=5, streams=7), []

    async def standing() -> None:
        seen.append(echo.counts.open)

    outcome = await gather(crowd, echo.port, standing)
    assert seen == [crowd.calls]
    assert outcome.open_at_once == crowd.calls
    assert not outcome.failures
    assert echo.counts.ended == crowd.calls


async def test_a_crowd_before_a_closed_door_is_all_failures() -> None:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    server.close()

    async def standing() -> None:
        pass

    outcome = await gather(Crowd(2, 3), port, standing)
    assert outcome.open_at_once == 0
    assert outcome.failures.total() == 6
