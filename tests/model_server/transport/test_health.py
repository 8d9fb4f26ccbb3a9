"""A watcher hears every change at once, does not disturb another, and does not hold up the end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc as pb_grpc

from model_server.transport.health import Health

SERVING, NOT_SERVING = pb.HealthCheckResponse.SERVING, pb.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def health() -> Health:
    return Health("a.Service")


@pytest.fixture
async def stub(health: Health) -> AsyncIterator[Any]:
    server = grpc.aio.server()
    pb_grpc.add_HealthServicer_to_server(health, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield pb_grpc.HealthStub(channel)
    await server.stop(None)


async def test_nothing_is_serving_until_it_is_said(health: Health, stub: Any) -> None:
    assert (await stub.Check(pb.HealthCheckRequest())).status == NOT_SERVING
    assert not health.ready
    health.serving()
    assert (await stub.Check(pb.HealthCheckRequest(service="a.Service"))).status == SERVING
    assert health.ready


async def test_every_watcher_hears_each_change_and_the_end(health: Health, stub: Any) -> None:
    watches = [stub.Watch(pb.HealthCheckRequest(service=service)) for service in ("", "", "a.Service")]
    for change, status in ((None, NOT_SERVING), (health.serving, SERVING), (health.not_serving, NOT_SERVING)):
        if change:
            change()
        assert [(await watch.read()).status for watch in watches] == [status] * 3
    health.close()
    assert [await watch.read() for watch in watches] == [grpc.aio.EOF] * 3


async def test_a_watcher_that_leaves_takes_nobody_with_it(health: Health, stub: Any) -> None:
    leaving, staying = (stub.Watch(pb.HealthCheckRequest()) for _ in range(2))
    assert [(await watch.read()).status for watch in (leaving, staying)] == [NOT_SERVING] * 2
    leaving.cancel()
    await asyncio.wait((asyncio.ensure_future(leaving.code()),))
    health.serving()
    assert (await staying.read()).status == SERVING
    staying.cancel()


async def test_who_watches_after_the_end_hears_the_last_status_and_the_end(health: Health, stub: Any) -> None:
    health.close()
    watch = stub.Watch(pb.HealthCheckRequest())
    assert (await watch.read()).status == NOT_SERVING
    assert await watch.read() == grpc.aio.EOF
