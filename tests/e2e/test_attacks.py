"""Hostile clients beside a well-behaved one: they are ended and counted, it notices nothing, memory stays bounded."""

import asyncio
import resource
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import grpc.aio
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.attacks import ATTACKS, Attack
from tests.e2e.harness import Mesh, Splitter, golang
from tests.e2e.harness.scripted import method

LIMITS: Final = {
    "max_connections": 500,
    "greeting_timeout": 1,
    "block_timeout": 1,
    "write_timeout": 1,
    "client_keepalive": 1,
    "keepalive_timeout": 1,
}
"""Short enough to be waited for; the product's own are in `mesh.http2.limits`."""
MEMORY: Final = 96 << 20
"""Bytes that one attack may add to the resident memory: four connections of the slow reader's 16 MiB, and room."""
CALLS: Final = 50
"""Good calls, at least, during each attack."""
PATIENCE: Final = 12.0
"""Seconds until an attack must have been noticed: more than any of the limits above."""
PAYLOAD: Final = bytes(2_000)


@dataclass(slots=True)
class GoodClient:
    """Four callers over one connection that was there before the attack."""

    channel: grpc.aio.Channel
    seen: Counter[str] = field(default_factory=Counter)
    """Calls by what became of them."""

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        over = asyncio.Event()
        async with asyncio.TaskGroup() as callers:
            for _ in range(4):
                callers.create_task(self._call(over))
            try:
                yield
            finally:
                over.set()

    async def _call(self, over: asyncio.Event) -> None:
        echo = self.channel.unary_unary(method("Echo"))
        while not over.is_set():
            try:
                self.seen["OK" if await echo(PAYLOAD, timeout=20) == PAYLOAD else "other bytes"] += 1
            except grpc.aio.AioRpcError as error:
                self.seen[f"{error.code().name}: {error.details()}"] += 1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def splitter(module_mesh: Mesh) -> Splitter:
    flags = [text for name, value in LIMITS.items() for text in ("--limit", f"{name}={value}")]
    # Not one in Python: what reaches it of an attack would keep it so busy that good calls had to wait for it
    await module_mesh.backend("blue", lambda port: [golang.interop(), "echo", str(port)], ready="ready")
    return await module_mesh.splitter(*flags)


async def faults(splitter: Splitter) -> Counter[str]:
    """Connections of clients that were ended for a fault of theirs, by its reason."""
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(await splitter.get("/metrics")):
        for sample in family.samples:
            if sample.name == "verdigris_connection_faults_total" and sample.labels["side"] == "client":
                found[sample.labels["reason"]] += int(sample.value)
    return found


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_an_attack_is_ended_and_counted_and_a_good_client_beside_it_sees_only_ok(
    splitter: Splitter, attack: Attack
) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2_048:
        pytest.skip("needs 2048 open files: ulimit -n 2048")
    host, _, port = splitter.address.rpartition(":")
    before, memory, peak, stop = await faults(splitter), splitter.process.memory(), 0, asyncio.Event()
    async with grpc.aio.insecure_channel(splitter.address) as channel:
        good = GoodClient(channel)
        await channel.channel_ready()
        async with good.calling():
            attacking = asyncio.create_task(attack.run(host, int(port), stop))
            await asyncio.sleep(0)  # it has begun
            try:
                async with asyncio.timeout(PATIENCE):
                    counted: Counter[str] = Counter()
                    while not (
                        counted.keys() & attack.reasons
                        and attack.outcome.closed
                        and good.seen.total() >= CALLS
                    ):
                        await asyncio.sleep(0.05)  # a metric is a page, not an event
                        counted = await faults(splitter) - before
                        peak = max(peak, splitter.process.memory())
            except TimeoutError:
                pytest.fail(
                    f"not counted as {set(attack.reasons)} but {dict(counted)}; good calls: {good.seen}"
                )
            finally:
                stop.set()
                outcome = await attacking
    assert set(good.seen) == {"OK"}
    assert counted.keys() <= attack.reasons
    assert outcome.goaways.keys() <= attack.codes, outcome
    assert peak - memory <= MEMORY


async def test_after_all_attacks_nothing_of_them_is_left(splitter: Splitter) -> None:
    """The last test of the module: no call in flight, and memory as that of a splitter that was only used."""
    table = await splitter.until(lambda table: table["in_flight"] == 0)
    assert table["warnings"] == []
    assert splitter.process.memory() <= 192 << 20
