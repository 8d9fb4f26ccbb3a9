"""Shadows: whatever they do, the client's bytes, statuses and errors are those without one."""

import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.backends.scripted import SERVICE
from tests.e2e.harness import Mesh
from tests.e2e.harness.client import SAFE, Client
from tests.e2e.harness.mesh import Splitter

SCRIPTED = [sys.executable, "-m", "tests.e2e.backends.scripted"]
AWKWARD = [sys.executable, "-m", "tests.e2e.backends.awkward"]
PERCENT_25 = {"color": "green", "percent": 25, "timeout": "1s"}
ALL = {"color": "green", "percent": 100, "timeout": "1s"}


async def outcomes(splitter: Splitter) -> dict[str, float]:
    """Shadows by outcome; `started` and `in_flight` besides."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(await splitter.get("/metrics")):
        for sample in family.samples:
            if sample.name == "verdigris_mirror_total":
                outcome = sample.labels["outcome"]
                found[outcome] = found.get(outcome, 0) + sample.value
            elif sample.name == "verdigris_mirrored_total":
                found["started"] = sample.value
            elif sample.name == "verdigris_mirror_in_flight":
                found["in_flight"] = sample.value
    return found


async def what_a_client_sees(client: Client) -> list[object]:
    """One call of each kind and each ending: payloads, statuses, details."""
    seen: list[object] = [await client.color(b"x" * size) for size in (0, 100, 200_000)]
    bidi = client.channel.stream_stream(f"/{SERVICE}/Echo")(iter([b"a", b"b" * 70_000, b"c"]), timeout=10)
    seen.append([message async for message in bidi])
    for method, metadata in (("Refuse", (("x-code", "7"), ("x-details", b"no".hex()))), ("Nowhere", ())):
        call = client.channel.unary_unary(f"/{SERVICE}/{method}")(b"x", metadata=metadata, timeout=10)
        seen.append((await call.code(), await call.details()))
    return seen


@pytest.mark.parametrize("manner", ["dead", "hang", "garbage", "reset"])
async def test_a_shadow_that_misbehaves_changes_nothing_for_the_client(mesh: Mesh, manner: str) -> None:
    await mesh.backend("blue", lambda port: [*SCRIPTED, str(port)], ready="ready")
    green = await mesh.backend("green", lambda port: [*AWKWARD, str(port), manner], ready="ready")
    splitter = await mesh.splitter()
    if manner == "dead":
        await green.process.stop()
    async with Client(splitter.address) as client:
        await mesh.put({"split": {"blue": 100}})
        without = await what_a_client_sees(client)
        await mesh.put({"split": {"blue": 100}, "mirror": [ALL], "methods": SAFE})
        for _ in range(10):
            assert await what_a_client_sees(client) == without
        assert (await client.tally(100)).colors == {"blue": 100}
    await splitter.until(lambda table: table["in_flight"] == 0)
    found = await outcomes(splitter)
    while found["in_flight"]:  # each ends by its own timeout of 1 s
        found = await outcomes(splitter)
    assert found.pop("started") == sum(found.values()) > 100
    assert "completed" not in found


async def test_a_shadow_gets_the_exact_share_of_the_calls_and_is_marked(mesh: Mesh) -> None:
    await mesh.backend("blue", lambda port: [*SCRIPTED, str(port)], ready="ready")
    await mesh.backend("green", lambda port: [*SCRIPTED, str(port)], ready="ready")
    splitter = await mesh.splitter()
    await mesh.put({"split": {"blue": 100}, "mirror": [PERCENT_25], "methods": SAFE})
    async with Client(splitter.address) as client:
        assert (await client.tally(200)).colors == {"blue": 200}
    found = await outcomes(splitter)
    while found["in_flight"]:
        found = await outcomes(splitter)
    assert found == {"started": 50, "completed": 50, "in_flight": 0}


async def test_a_method_that_is_not_listed_as_safe_is_never_mirrored(mesh: Mesh) -> None:
    await mesh.backend("blue", lambda port: [*SCRIPTED, str(port)], ready="ready")
    await mesh.backend("green", lambda port: [*SCRIPTED, str(port)], ready="ready")
    splitter = await mesh.splitter()
    await mesh.put({"split": {"blue": 100}, "mirror": [ALL]})
    async with Client(splitter.address) as client:
        assert (await client.tally(50)).colors == {"blue": 50}
    assert "started" not in await outcomes(splitter)


async def test_a_hanging_shadow_outlives_its_call_only_until_its_own_timeout(mesh: Mesh) -> None:
    await mesh.backend("blue", lambda port: [*SCRIPTED, str(port)], ready="ready")
    await mesh.backend("green", lambda port: [*AWKWARD, str(port), "hang"], ready="ready")
    splitter = await mesh.splitter()
    await mesh.put({"split": {"blue": 100}, "mirror": [{**ALL, "timeout": "200ms"}], "methods": SAFE})
    async with Client(splitter.address) as client:
        assert await client.color() == "blue"
    found = await outcomes(splitter)
    while found["in_flight"]:
        found = await outcomes(splitter)
    assert found == {"started": 1, "timed_out": 1, "in_flight": 0}
