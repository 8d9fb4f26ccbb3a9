"""One of two instances comes and goes, freezes, or is not there any more: safe calls notice nothing."""

import asyncio
import itertools
import json
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import grpc.aio
import pytest

from mesh import contract
from mesh.consul import Consul
from tests.e2e.harness import Backend, Mesh
from tests.e2e.harness.client import SAFE
from tests.e2e.harness.longer import LONGER, TIMEOUT
from tests.e2e.harness.route import COLORS
from tests.e2e.harness.scripted import method

SCRIPTED: Final = [sys.executable, "-m", "tests.e2e.backends.scripted"]
AWKWARD: Final = [sys.executable, "-m", "tests.e2e.backends.awkward"]
ONCE: Final = method("Once")
"""Not a method whose answer comes in parts: what has begun to arrive cannot be sent again."""
CALLS: Final = 10_000 * LONGER
IN_FLIGHT: Final = 16
WATCHFUL: Final = ("--limit", "upstream_keepalive=1", "--limit", "upstream_keepalive_timeout=1")
"""So that what is frozen is noticed within seconds."""


@dataclass(slots=True)
class Traffic:
    """Calls of a safe method, one after the other from each of some callers, over one connection."""

    address: str
    backends: Counter[str] = field(default_factory=Counter)
    """Answers by the backend that gave them."""
    failures: list[str] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def calls(self) -> int:
        return sum(self.backends.values()) + len(self.failures)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Until the end of the block; the calls under way then are waited for."""
        over = asyncio.Event()
        async with grpc.aio.insecure_channel(self.address) as channel, asyncio.TaskGroup() as callers:
            for caller in range(IN_FLIGHT):
                callers.create_task(self._call(channel, caller, over))
            try:
                yield
            finally:
                over.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """As soon as `holds`; asked after each answer."""
        async with asyncio.timeout(TIMEOUT / 2), self.changed:
            await self.changed.wait_for(holds)

    async def _call(self, channel: grpc.aio.Channel, caller: int, over: asyncio.Event) -> None:
        once = channel.unary_unary(ONCE)
        for number in itertools.count():
            if over.is_set():
                return
            payload = b"%d of %d" % (number, caller)
            try:
                call = once(payload, timeout=20, metadata=(("x-user-id", f"user-{number % 97}"),))
                assert await call == payload
                self.backends[str(dict(await call.trailing_metadata())["x-backend"])] += 1
            except grpc.aio.AioRpcError as error:
                self.failures.append(f"call {self.calls}: {error.code().name}: {error.details()}")
            async with self.changed:
                self.changed.notify_all()


async def edit_for_ever(mesh: Mesh) -> None:
    """A new split every 50 ms: neither colour is ever without a share of some user."""
    shares, key = random.Random(7), contract.traffic_key(mesh.service)
    async with Consul(mesh.consul) as consul:
        while True:
            green = shares.choice((1, 10, 50, 90, 99))
            document = {"split": {"blue": 100 - green, "green": green}, "key": {"metadata": "x-user-id"}}
            await consul.put(key, json.dumps({**document, "methods": SAFE}).encode())
            await asyncio.sleep(0.05)


@asynccontextmanager
async def meanwhile(what: Awaitable[None]) -> AsyncIterator[None]:
    """Something goes on until the end of the block; if it fails, so does the block."""
    task = asyncio.ensure_future(what)
    try:
        yield
    finally:
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(result, Exception):
            raise result


async def scripted(mesh: Mesh, color: str) -> Backend:
    return await mesh.backend(color, lambda port: [*SCRIPTED, str(port), "graceful"], ready="ready")


@pytest.mark.timeout(TIMEOUT)
async def test_10_000_calls_while_one_of_two_instances_restarts_every_second_and_documents_change(
    mesh: Mesh,
) -> None:
    """SIGKILL and SIGTERM in turns, in each colour; the other instance of the colour stays."""
    restarting = {color: await scripted(mesh, color) for color in COLORS}
    for color in COLORS:
        await scripted(mesh, color)
    splitter = await mesh.splitter()
    await mesh.put({"split": {"blue": 50, "green": 50}, "methods": SAFE})
    restarts = 0

    async def restart(color: str, first: signal.Signals) -> None:
        nonlocal restarts
        backend, ends = restarting[color], (signal.SIGKILL, signal.SIGTERM)
        for end in itertools.cycle(ends if first is signal.SIGKILL else reversed(ends)):
            await asyncio.sleep(1)
            backend.process.signal(end)
            await backend.process.ended()
            backend.process = mesh.run(f"{color} backend", [*SCRIPTED, str(backend.port), "graceful"])
            await backend.process.line("ready")
            restarts += 1

    traffic = Traffic(splitter.address)
    async with (
        traffic.flowing(),
        meanwhile(restart("blue", signal.SIGKILL)),
        meanwhile(restart("green", signal.SIGTERM)),
        meanwhile(edit_for_ever(mesh)),
    ):
        await traffic.until(lambda: traffic.calls >= CALLS and restarts >= 6)
    assert traffic.failures == []
    assert len(traffic.backends) == 4
    assert all(traffic.backends[each.address] > 0 for each in restarting.values())


async def test_a_frozen_instance_is_noticed_and_safe_calls_go_elsewhere_until_it_thaws(mesh: Mesh) -> None:
    """SIGSTOP: connections stand, nothing is answered; then SIGCONT."""
    frozen, steady = [await scripted(mesh, "blue") for _ in range(2)]
    splitter = await mesh.splitter(*WATCHFUL)
    await mesh.put({"split": {"blue": 100}, "methods": SAFE})
    traffic, answered = Traffic(splitter.address), Counter[str]()
    async with traffic.flowing():
        await traffic.until(lambda: min(traffic.backends[each.address] for each in (frozen, steady)) > 50)
        frozen.process.signal(signal.SIGSTOP)
        try:
            await splitter.until(lambda table: not _connected(table, frozen.port))
            answered.update(traffic.backends)
            await traffic.until(lambda: traffic.backends[steady.address] > answered[steady.address] + 500)
        finally:
            frozen.process.signal(signal.SIGCONT)
        await splitter.until(lambda table: _connected(table, frozen.port))
        answered = Counter(traffic.backends)
        await traffic.until(lambda: traffic.backends[frozen.address] > answered[frozen.address] + 50)
    assert traffic.failures == []


async def test_an_instance_that_greets_and_then_is_gone_costs_no_safe_call(mesh: Mesh) -> None:
    """Half-open: each new connection to it looks good until the first call."""
    await mesh.backend("blue", lambda port: [*AWKWARD, str(port), "deaf"], ready="ready")
    steady = await scripted(mesh, "blue")
    splitter = await mesh.splitter(*WATCHFUL)
    await mesh.put({"split": {"blue": 100}, "methods": SAFE})
    traffic = Traffic(splitter.address)
    async with traffic.flowing():
        await traffic.until(lambda: traffic.calls >= 3_000)
    assert traffic.failures == []
    assert set(traffic.backends) == {steady.address}


def _connected(table: object, port: int) -> bool:
    assert isinstance(table, dict)
    return any(each["port"] == port and each["connected"] for each in table["endpoints"])
