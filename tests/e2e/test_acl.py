"""`deploy/consul/`: with these policies each program does its work in a Consul that denies the rest, and no more."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import tritonclient.grpc.aio as triton

from mesh import contract
from mesh.consul import Consul, ConsulAddress, DeniedError
from tests.consul_agent import consul_binary
from tests.e2e.harness import Mesh, Process, program
from tests.e2e.harness.acl import DENY_LISTS, Guarded, guarded
from tests.e2e.harness.models import simple

SERVICE: Final = "recommender"
"""The service that the policies are written for."""
OTHER: Final = "payments"
DOCUMENT: Final = b'{"split": {"blue": 100}}'


pytestmark = pytest.mark.skipif(consul_binary() is None, reason="needs a Consul agent: make consul")


@pytest.fixture(scope="module")
def acl() -> Iterator[Guarded]:
    with guarded() as consul:
        yield consul


@pytest.fixture(scope="module")
def tokens(acl: Guarded) -> dict[str, str]:
    """Of each role, a token that has the role's policy and nothing else."""
    return {role: acl.token(role) for role in DENIED}


@pytest.fixture
async def mesh(acl: Guarded, tmp_path: Path) -> AsyncIterator[Mesh]:
    async with Mesh(acl.consul, tmp_path, service=SERVICE) as mesh:
        yield mesh


async def verdigris(consul: ConsulAddress, *words: str) -> Any:
    """Run the operator's command; what it says with --json."""
    command = [*program("verdigris"), *words, "--consul-addr", f"{consul.host}:{consul.port}", "--json"]
    process = Process(" ".join(words), command, env={"CONSUL_HTTP_TOKEN": consul.token or ""})
    try:
        assert await process.ended() == 0, process.tail()
    finally:
        await process.stop()
    return json.loads("\n".join(process.lines))


async def test_the_three_policies_are_enough_for_the_whole_mesh(
    acl: Guarded, tokens: dict[str, str], mesh: Mesh, tmp_path: Path
) -> None:
    """Register, route, shift, tell the status, keep the history, roll back: nothing is denied to anybody."""
    files = {role: tmp_path / role for role in ("splitter", "model-server")}
    for role, file in files.items():
        file.write_text(tokens[role] + "\n")
    model, operator = simple(tmp_path), replace(acl.consul, token=tokens["operator"])
    for color in ("blue", "green"):
        await mesh.model_server(color, {"simple": model}, "--consul-token-file", str(files["model-server"]))
    splitter = await mesh.splitter("--consul-token-file", str(files["splitter"]))

    async with triton.InferenceServerClient(splitter.address) as client:
        assert await client.is_model_ready("simple")
    await verdigris(operator, "shift", SERVICE, "blue=0", "green=100")
    assert (await splitter.table())["split"] == {"blue": 0, "green": 100}
    await verdigris(operator, "shift", SERVICE, "blue=50", "green=50")
    await verdigris(operator, "rollback", SERVICE)
    assert (await splitter.table())["split"] == {"blue": 0, "green": 100}
    assert await verdigris(operator, "status", SERVICE)
    assert await verdigris(operator, "history", SERVICE)

    async with Consul(acl.consul) as consul:
        assert len((await consul.list(contract.status_prefix(SERVICE))).value) == 1
        assert len((await consul.list(contract.history_prefix(SERVICE))).value) == 3
    for process in mesh.processes:
        await process.stop()
        assert "ermission denied" not in process.tail()
    async with Consul(acl.consul) as consul:
        assert (await consul.list(contract.status_prefix(SERVICE))).value == ()
        assert (await consul.instances(SERVICE)).value == ()


async def test_an_operator_may_write_the_first_document_where_reading_is_not_listing() -> None:
    """Before there is a model server or a sidecar; the policy names the service, so its name is not misspelled."""
    with guarded(DENY_LISTS) as acl:
        operator = replace(acl.consul, token=acl.token("operator"))
        await verdigris(operator, "shift", SERVICE, "blue=100")
        await verdigris(operator, "shift", SERVICE, "blue=50", "green=50")
        assert await verdigris(operator, "status", SERVICE)
        await verdigris(operator, "history", SERVICE)
        with pytest.raises(AssertionError, match="ermission denied"):
            await verdigris(operator, "shift", f"{SERVICE}s", "blue=100")


def put(key: str) -> Callable[[Consul], Awaitable[object]]:
    return lambda consul: consul.put(key, DOCUMENT)


def get(key: str) -> Callable[[Consul], Awaitable[object]]:
    return lambda consul: consul.get(key)


def register(service: str) -> Callable[[Consul], Awaitable[object]]:
    return lambda consul: consul.register(
        id="intruder", service=service, address="127.0.0.1", port=1, tags=("green",), meta={}, grpc_check=None
    )


def session(consul: Consul) -> Awaitable[object]:
    return consul.create_session(name="intruder", ttl=10)


STATUS: Final = contract.status_prefix(SERVICE) + "intruder"
HISTORY: Final = contract.history_key(SERVICE, 7)
DENIED: Final[dict[str, dict[str, Callable[[Consul], Awaitable[object]]]]] = {
    "splitter": {
        "write the traffic document": put(contract.traffic_key(SERVICE)),
        "delete the traffic document": lambda consul: consul.delete(contract.traffic_key(SERVICE)),
        "delete everything of the service": lambda consul: consul.delete(
            "verdigris/recommender/", recurse=True
        ),
        "read another service's document": get(contract.traffic_key(OTHER)),
        "write another service's status": put(contract.status_prefix(OTHER) + "intruder"),
        "register an instance": register(SERVICE),
    },
    "model-server": {
        "read the traffic document": get(contract.traffic_key(SERVICE)),
        "write the traffic document": put(contract.traffic_key(SERVICE)),
        "write a status": put(STATUS),
        "write the history": put(HISTORY),
        "register an instance of another service": register(OTHER),
        "open a session": session,
    },
    "operator": {
        "write a status": put(STATUS),
        "write the history": put(HISTORY),
        "delete everything of the service": lambda consul: consul.delete(
            "verdigris/recommender/", recurse=True
        ),
        "read another service's document": get(contract.traffic_key(OTHER)),
        "write another service's document": put(contract.traffic_key(OTHER)),
        "register an instance": register(SERVICE),
        "open a session": session,
    },
}


@pytest.mark.parametrize(
    ("role", "what"), [(role, what) for role, denied in DENIED.items() for what in denied]
)
async def test_no_policy_allows_more_than_its_program_needs(
    acl: Guarded, tokens: dict[str, str], role: str, what: str
) -> None:
    async with Consul(replace(acl.consul, token=tokens[role])) as consul:
        with pytest.raises(DeniedError):
            await DENIED[role][what](consul)
