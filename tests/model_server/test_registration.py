"""An instance is in a real Consul exactly while it serves, whatever happens to that Consul."""

import asyncio
import json
import shutil
import socket
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from mesh.consul import Answer, Consul, ConsulAddress, ConsulError, Instance
from mesh.follow import Script, follow
from mesh.pb import open_inference_pb2 as pb
from mesh.pb import open_inference_pb2_grpc as pb_grpc
from model_server.models import Model, fake_model
from model_server.registration import ConsulRegistration, Identity
from tests.consul_agent import ConsulAgent, consul_binary
from tests.model_server.requests import unreadable_path
from tests.model_server.served import Served

WITHIN = 30.0
SERVICE = "recommender"

pytestmark = pytest.mark.skipif(consul_binary() is None, reason="needs a Consul agent: make consul")


@pytest.fixture(scope="module")
def agent() -> Iterator[ConsulAgent]:
    with ConsulAgent() as agent:
        yield agent


@pytest.fixture
async def consul(agent: ConsulAgent) -> AsyncIterator[Consul]:
    async with Consul(ConsulAddress.parse(agent.address)) as consul:
        yield consul


async def until(
    consul: Consul, wanted: Callable[[tuple[Instance, ...]], bool], *, service: str = SERVICE
) -> tuple[Instance, ...]:
    """The instances, once they are as wanted."""
    found: asyncio.Future[tuple[Instance, ...]] = asyncio.get_running_loop().create_future()

    def look(instances: tuple[Instance, ...], restarted: bool) -> None:
        if wanted(instances) and not found.done():
            found.set_result(instances)

    async with asyncio.timeout(WITHIN), asyncio.TaskGroup() as tasks:
        ask = partial(consul.instances, service)
        following = tasks.create_task(follow(ask, publish=look, on_error=lambda error: None, wait=5))
        await found
        following.cancel()
    return found.result()


def some(instances: tuple[Instance, ...]) -> bool:
    return len(instances) == 1


def none(instances: tuple[Instance, ...]) -> bool:
    return not instances


def says(model: str, version: str) -> Callable[[tuple[Instance, ...]], bool]:
    return lambda all_: (
        some(all_) and (all_[0].meta["model"], all_[0].meta["model_version"]) == (model, version)
    )


@pytest.fixture
def simple(models: dict[str, Path]) -> dict[str, Path]:
    return {"simple": models["simple"], "versions": models["versions"]}


def served(agent: ConsulAgent, models: dict[str, Path], *arguments: str, color: str = "blue") -> Served:
    return Served("--consul-addr", agent.address, *arguments, models=models, color=color)


def live(server: Served) -> bool:
    with grpc.insecure_channel(server.address) as channel:
        stub: Any = pb_grpc.GRPCInferenceServiceStub(channel)  # type: ignore[no-untyped-call]
        return bool(stub.ServerLive(pb.ServerLiveRequest(), timeout=10).live)


async def test_what_is_registered_is_service_colour_address_and_models(
    agent: ConsulAgent, consul: Consul, simple: dict[str, Path]
) -> None:
    with served(agent, simple, "--linger", "0", color="green") as server:
        (instance,) = await until(consul, some)
    assert (instance.address, instance.port) == ("127.0.0.1", server.port)
    assert set(instance.tags) == {"green", "verdigris"}
    assert instance.meta == {"model": "simple,versions", "model_version": "1,10", "protocol": "oip-v2"}
    assert instance.passing


async def test_consul_asks_for_the_servers_health_over_grpc(
    agent: ConsulAgent, consul: Consul, simple: dict[str, Path]
) -> None:
    def checks() -> dict[str, Any]:
        with urllib.request.urlopen(f"{agent.url}/v1/agent/checks", timeout=5) as answer:
            return json.load(answer)  # type: ignore[no-any-return]

    with served(agent, simple, "--linger", "0"):
        await until(consul, some)
        async with asyncio.timeout(WITHIN):
            # Consul announces a check's first result only where it differs from what was registered
            while not any(  # noqa: ASYNC110
                check["Output"] for check in (await asyncio.to_thread(checks)).values()
            ):
                await asyncio.sleep(0.1)
        (check,) = (await asyncio.to_thread(checks)).values()
    assert (check["Type"], check["Status"]) == ("grpc", "passing")


async def test_sigterm_takes_it_out_before_it_stops_answering(
    agent: ConsulAgent, consul: Consul, simple: dict[str, Path]
) -> None:
    with served(agent, simple, "--linger", "2") as server:
        await until(consul, some)
        server.signal()
        await until(consul, none)
        assert await asyncio.to_thread(live, server)
        assert await asyncio.to_thread(server.wait) == 0


async def test_a_server_that_died_is_taken_out(
    agent: ConsulAgent, consul: Consul, simple: dict[str, Path]
) -> None:
    with served(agent, simple, "--linger", "0") as server:
        await until(consul, some)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(unreadable_path())
            assert any(b"CANCELLED" in heard for heard in iter(lambda: client.recv(4_096), b""))
        assert await asyncio.to_thread(server.wait) == 70
        assert (await consul.instances("recommender")).value == ()
    assert "deregistered" in server.log


async def test_it_comes_back_when_the_agent_restarts_and_has_lost_it(
    agent: ConsulAgent, consul: Consul, simple: dict[str, Path]
) -> None:
    with served(agent, simple, "--linger", "0"):
        await until(consul, some)
        await asyncio.to_thread(agent.restart)
        await until(consul, some)
    await until(consul, none)


async def test_it_comes_back_when_somebody_takes_it_out(
    agent: ConsulAgent, consul: Consul, simple: dict[str, Path]
) -> None:
    with served(agent, simple, "--linger", "0"):
        (instance,) = await until(consul, some)
        await consul.deregister(instance.id)
        await until(consul, some)


async def test_without_consul_it_serves_and_registers_once_consul_is_there(simple: dict[str, Path]) -> None:
    late = ConsulAgent()
    try:
        with served(late, simple, "--linger", "0") as server:
            assert await asyncio.to_thread(live, server)
            await asyncio.to_thread(late.start)
            async with Consul(ConsulAddress.parse(late.address)) as consul:
                await until(consul, some)
            assert server.log.count("serving on, and trying again") == 1
    finally:
        await asyncio.to_thread(late.close)


async def test_a_consul_that_is_gone_does_not_hold_up_the_end(simple: dict[str, Path]) -> None:
    with ConsulAgent() as gone:
        async with Consul(ConsulAddress.parse(gone.address)) as consul:
            with served(gone, simple, "--linger", "0") as server:
                await until(consul, some)
                await asyncio.to_thread(gone.kill)
                assert await asyncio.to_thread(server.stop) == 0
                assert "not deregistered" in server.log


async def test_what_is_loaded_and_unloaded_over_the_wire_is_what_consul_says(
    agent: ConsulAgent, consul: Consul, simple: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(simple["versions"], tmp_path / "versions")
    given = ("--repository", str(tmp_path), "--model-control", "explicit", "--linger", "0")
    with (
        served(agent, {"simple": simple["simple"]}, *given) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub: Any = pb_grpc.GRPCInferenceServiceStub(channel)  # type: ignore[no-untyped-call]
        await until(consul, says("simple", "1"))
        load = pb.RepositoryModelLoadRequest(model_name="versions")
        await asyncio.to_thread(stub.RepositoryModelLoad, load)
        await until(consul, says("simple,versions", "1,10"))
        for name in ("simple", "versions"):
            unload = pb.RepositoryModelUnloadRequest(model_name=name)
            await asyncio.to_thread(stub.RepositoryModelUnload, unload)
        (instance,) = await until(consul, says("", ""))
        assert instance.passing, "a server without a model is still a server"


async def test_a_server_that_fails_to_load_a_model_is_never_registered(
    agent: ConsulAgent, consul: Consul, simple: dict[str, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"this is no model")
    before = await consul.instances(SERVICE)
    server = served(agent, {**simple, "broken": broken}).start(wait=False)
    assert await asyncio.to_thread(server.wait) == 1
    after = await consul.instances(SERVICE)
    assert after == before, "Consul's index of the service moved"


class Recorded:
    """A Consul whose answers are written down beforehand and which counts registrations."""

    def __init__(self, *answers: Answer[tuple[Instance, ...]] | Exception) -> None:
        self.script = Script(*answers)
        self.registered = 0
        self.once = asyncio.Event()
        self.enough = asyncio.Event()

    async def instances(
        self, service: str, *, index: int | None, wait: float
    ) -> Answer[tuple[Instance, ...]]:
        return await self.script(index=index, wait=wait)

    async def register(self, **values: object) -> None:
        self.registered += 1
        self.once.set()
        if self.registered == 2:
            self.enough.set()


@pytest.mark.parametrize(
    "then",
    [
        pytest.param([ConsulError("gone"), Answer(3, ())], id="an outage"),
        pytest.param([Answer(7, ())], id="somebody who took us out"),
    ],
)
async def test_what_was_lost_before_it_was_ever_seen_is_registered_again(
    then: list[Answer[tuple[Instance, ...]] | Exception],
) -> None:
    """Consul answers as before the registration, nobody is there: the answer alone tells no difference."""
    consul = Recorded(Answer(5, ()), *then)
    async with asyncio.timeout(WITHIN), asyncio.TaskGroup() as tasks:
        kept = tasks.create_task(registration(consul).keep())  # type: ignore[arg-type]
        await consul.enough.wait()
        kept.cancel()


def registration(consul: Consul, *, color: str = "blue", port: int = 9) -> ConsulRegistration:
    model = fake_model(lambda names, feeds: [], inputs={}, outputs={})
    return ConsulRegistration(consul, Identity("films", color, "127.0.0.1", port, (model,)))


async def test_who_starts_on_a_crashed_predecessors_address_takes_its_place(consul: Consul) -> None:
    async with asyncio.TaskGroup() as tasks:
        crashed = tasks.create_task(registration(consul, color="blue").keep())
        await until(consul, some, service="films")
        crashed.cancel()
        await asyncio.wait((crashed,))

        # The newcomer's own watch finds "itself" there already, in the wrong colour
        newcomer = registration(consul, color="green")
        kept = tasks.create_task(newcomer.keep())
        green = await until(consul, lambda all_: some(all_) and "green" in all_[0].tags, service="films")
        assert "blue" not in green[0].tags
        await newcomer.withdraw(WITHIN)
        kept.cancel()
    await until(consul, none, service="films")


async def test_once_withdrawn_it_stays_out_although_its_watch_finds_it_missing(consul: Consul) -> None:
    leaving, staying = registration(consul, port=9), registration(consul, port=10)
    async with asyncio.TaskGroup() as tasks:
        kept = [tasks.create_task(each.keep()) for each in (leaving, staying)]
        await until(consul, lambda all_: len(all_) == 2, service="films")
        await leaving.withdraw(WITHIN)
        (left,) = await until(consul, some, service="films")
        # Something new for its watch to see
        await consul.deregister(left.id)
        await until(consul, some, service="films")
        assert [each.port for each in (await consul.instances("films")).value] == [10]
        await staying.withdraw(WITHIN)
        for task in kept:
            task.cancel()


def named(name: str, version: str) -> Model:
    return fake_model(lambda names, feeds: [], name=name, version=version, inputs={}, outputs={})


@pytest.fixture
async def healthy_port() -> AsyncIterator[int]:
    """A server that Consul's checks find in health, whenever they look."""
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health_aio.HealthServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield port
    await server.stop(None)


async def test_what_is_loaded_later_is_registered_in_the_place_of_what_was(
    consul: Consul, healthy_port: int
) -> None:
    following = registration(consul, port=healthy_port)
    async with asyncio.TaskGroup() as tasks:
        kept = tasks.create_task(following.keep())
        await until(consul, says("fake", "1"), service="films")
        following.models_changed((named("fake", "2"), named("other", "1")))
        await until(consul, says("fake,other", "2,1"), service="films")
        following.models_changed(())
        (instance,) = await until(consul, says("", ""), service="films")
        assert instance.passing
        await following.withdraw(WITHIN)
        following.models_changed((named("late", "1"),))
        kept.cancel()
    await until(consul, none, service="films")


async def test_what_says_the_same_is_not_registered_again() -> None:
    consul = Recorded(Answer(5, ()))
    following = registration(consul)  # type: ignore[arg-type]
    async with asyncio.timeout(WITHIN), asyncio.TaskGroup() as tasks:
        kept = tasks.create_task(following.keep())
        await consul.once.wait()
        following.models_changed((named("fake", "1"),))  # another model, of the same name and version
        for _ in range(10):
            await asyncio.sleep(0)
        assert consul.registered == 1
        kept.cancel()


def test_more_models_than_consul_takes_are_cut_between_names() -> None:
    models = tuple(named(f"modell-größe-{number}", str(number)) for number in range(100))
    meta = Identity("films", "blue", "127.0.0.1", 1, models).meta
    assert all(len(value.encode()) <= 512 for value in meta.values())
    names = meta["model"].split(",")
    assert names == [*(model.name for model in models[: len(names) - 1]), "..."]
    assert meta["model_version"] == ",".join(model.version for model in models)
