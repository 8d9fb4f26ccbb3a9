"""What clients notice when parts of the mesh die and come back: nothing, while one healthy colour remains."""

import asyncio
import json
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh import contract
from mesh.consul import Consul, ConsulAddress, ConsulError
from tests.consul_agent import ConsulAgent, consul_binary
from tests.e2e.harness import Mesh
from tests.e2e.harness.client import SAFE, Client
from tests.e2e.harness.infer import Inference
from tests.e2e.harness.models import simple

SCRIPTED = [sys.executable, "-m", "tests.e2e.backends.scripted"]
CALLS = 10_000
IN_FLIGHT = 16


@pytest.fixture
def own_agent() -> Iterator[ConsulAgent]:
    """A Consul that the test may restart."""
    if consul_binary() is None:
        pytest.skip("needs a Consul agent: make consul")
    with ConsulAgent() as agent:
        yield agent


async def edit_for_ever(mesh: Mesh) -> None:
    """Write one good document after another, whatever Consul is doing."""
    shares = random.Random(7)
    async with Consul(mesh.consul) as consul:
        while True:
            green = shares.choice((0, 1, 10, 50, 90, 100))
            document = {"split": {"blue": 100 - green, "green": green}, "key": {"metadata": "x-user-id"}}
            try:
                await consul.put(contract.traffic_key(mesh.service), json.dumps(document).encode())
            except ConsulError:
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.05)


async def test_no_call_of_10_000_fails_while_documents_change_an_instance_restarts_and_consul_restarts(
    own_agent: ConsulAgent, tmp_path: Path
) -> None:
    """Documents change 20 times a second; green's only instance gets SIGTERM twice; Consul forgets everything."""
    async with Mesh(ConsulAddress.parse(own_agent.address), tmp_path) as mesh:
        model = {"simple": simple(tmp_path)}
        await mesh.model_server("blue", model)
        green = await mesh.model_server("green", model)
        splitter = await mesh.splitter()
        colors: Counter[str] = Counter()
        failures: list[str] = []
        left = CALLS
        over = asyncio.Event()
        events = {moment: asyncio.Event() for moment in (8_500, 5_500, 2_500)}
        """Set when so many calls are left to make."""

        async def caller(inference: Inference) -> None:
            nonlocal left
            while left > 0 or not over.is_set():
                left -= 1
                if left in events:
                    events[left].set()
                try:
                    colors[await inference.color(user=f"user-{left % 500}")] += 1
                except Exception as error:
                    failures.append(f"with {left} left: {error!r}")

        async def stop_and_start_green() -> None:
            nonlocal green
            green.process.signal(signal.SIGTERM)
            assert await green.process.ended() == 0
            green = await mesh.model_server("green", model)

        async def trouble() -> None:
            await events[8_500].wait()
            await stop_and_start_green()
            await events[5_500].wait()
            await asyncio.to_thread(own_agent.restart)
            await events[2_500].wait()
            await stop_and_start_green()
            over.set()

        async with Inference(splitter.address) as inference:
            editor = asyncio.create_task(edit_for_ever(mesh))
            try:
                await asyncio.gather(trouble(), *(caller(inference) for _ in range(IN_FLIGHT)))
            finally:
                editor.cancel()
        assert failures == []
        assert sum(colors.values()) >= CALLS
        assert min(colors["blue"], colors["green"]) > CALLS / 20
        # Consul lost the keys and the registrations: everybody came back by itself
        await splitter.until(lambda table: len([each for each in table["endpoints"] if each["passing"]]) == 2)


async def test_a_killed_color_costs_no_safe_call_and_the_trace_of_the_share_is_redistributed(
    mesh: Mesh,
) -> None:
    """SIGKILL: no goodbye, and Consul believes in it for seconds; the document even gives it everything."""
    await mesh.backend("blue", lambda port: [*SCRIPTED, str(port)], ready="ready")
    green = await mesh.backend("green", lambda port: [*SCRIPTED, str(port)], ready="ready")
    splitter = await mesh.splitter()
    await mesh.put({"split": {"blue": 0, "green": 100}, "methods": SAFE})
    async with Client(splitter.address) as client:
        assert (await client.tally(50)).colors == {"green": 50}
        before = asyncio.create_task(client.tally(1000))
        green.process.signal(signal.SIGKILL)
        tally = await before
        assert tally.failures == []
        assert tally.colors["blue"] > 0
        assert (await client.tally(50)).colors == {"blue": 50}
    assert any("green" in warning for warning in (await splitter.table())["warnings"])


async def test_a_sidecar_that_starts_while_consul_is_down_serves_the_last_good_document(
    own_agent: ConsulAgent, tmp_path: Path
) -> None:
    async with Mesh(ConsulAddress.parse(own_agent.address), tmp_path) as mesh:
        for color in ("blue", "green"):
            await mesh.backend(color, lambda port: [*SCRIPTED, str(port)], ready="ready")
        state = tmp_path / "state"
        first = await mesh.splitter("--state-dir", str(state))
        await mesh.put({"split": {"blue": 25, "green": 75}})
        await first.process.stop()
        own_agent.stop()
        try:
            second = await mesh.splitter("--state-dir", str(state))
            async with Client(second.address) as client:
                assert (await client.tally(20)).colors == {"blue": 5, "green": 15}
            assert any("disk" in warning for warning in (await second.table())["warnings"])
        finally:
            own_agent.start()


async def test_sigterm_lets_calls_in_flight_finish(mesh: Mesh) -> None:
    """The client is told to go away, its open stream goes on until it ends, then the sidecar exits with 0."""
    await mesh.backend("blue", lambda port: [*SCRIPTED, str(port)], ready="ready")
    splitter = await mesh.splitter()
    async with Client(splitter.address) as client:
        call = client.channel.stream_stream("/verdigris.test.Scripted/Echo")(timeout=30)
        await call.write(b"before")
        assert await call.read() == b"before"
        splitter.process.signal(signal.SIGTERM)
        for number in range(20):
            await call.write(str(number).encode())
            assert await call.read() == str(number).encode()
        await call.done_writing()
        assert (await call.code()).name == "OK"
    assert await splitter.process.ended(timeout=10) == 0
