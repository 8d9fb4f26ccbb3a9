"""Three pages on loopback that say what holds, and nothing that changes it."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from mesh.address import Address
from model_server.admin import admin, application
from model_server.errors import StartError
from model_server.metrics import Metrics
from model_server.scheduling.scheduler import Scheduler
from tests.model_server.served import Served


@pytest.fixture
async def metrics() -> AsyncIterator[Metrics]:
    scheduler = Scheduler(1, queue=1)
    yield Metrics(scheduler, service="films", color="blue")
    scheduler.close()


async def test_it_is_alive_and_ready_unless_something_is_in_the_way(metrics: Metrics) -> None:
    why = "loading"
    async with TestClient(TestServer(application(metrics, lambda: why))) as client:
        async with client.get("/healthz") as page:
            assert (page.status, await page.text()) == (200, "ok\n")
        async with client.get("/readyz") as page:
            assert (page.status, await page.text()) == (503, "loading\n")
        why = ""
        async with client.get("/readyz") as page:
            assert (page.status, await page.text()) == (200, "ready\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nothing_can_be_changed(metrics: Metrics, path: str, method: str) -> None:
    async with (
        TestClient(TestServer(application(metrics, lambda: ""))) as client,
        client.request(method, path) as page,
    ):
        assert page.status == 405


async def test_an_address_that_is_taken_is_named_with_its_option(metrics: Metrics) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(StartError, match=f"cannot listen on --admin {address}"):
            async with admin(address, metrics, lambda: ""):
                raise AssertionError("it listens")


async def test_without_an_address_nothing_listens(metrics: Metrics) -> None:
    async with admin(None, metrics, lambda: ""):
        pass


async def test_a_server_serves_them_where_it_logs(models: dict[str, Path]) -> None:
    arguments = ("--linger", "0", "--admin", "127.0.0.1:0")
    with Served(*arguments, models={"simple": models["simple"]}) as server:
        (line,) = (line for line in server.log.splitlines() if "admin on " in line)
        url = f"http://{line.rpartition(' ')[2]}"
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/readyz") as page:
                assert await page.text() == "ready\n"
            async with session.get(f"{url}/metrics") as page:
                assert page.headers["Content-Type"].startswith("text/plain; version=")
                assert 'verdigris_model_waiting{color="blue",service="recommender"} 0.0' in await page.text()
