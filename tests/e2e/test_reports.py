"""What is said of a shadow: from live calls, over processes and a store, the same as its models say alone."""

import asyncio
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from mesh import contract
from mesh.traffic import GRAIN, Mirror, Share, Traffic, to_json
from rollout.demo import pairs, requests
from rollout.demo.client import Recommender
from rollout.demo.story import COMPARE, CRITERIA
from rollout.local import MODELS, SERVICE
from tests.e2e.harness import Mesh
from tests.e2e.harness.mesh import Splitter
from tests.e2e.harness.shadows import report

CALLS = 400
NOISE = 40
DOCUMENT = Traffic(
    split=(Share("blue", GRAIN),),
    mirror=(Mirror("green", GRAIN), Mirror("blue", 1000, role=contract.ROLE_NOISE)),
    compare=COMPARE,
    criteria=CRITERIA,
)


async def became(splitter: Splitter) -> dict[tuple[str, str], int]:
    """What the recorder says became of pairs, by role and outcome."""
    found: dict[tuple[str, str], int] = {}
    for family in text_string_to_metric_families(await splitter.get("/metrics")):
        for sample in family.samples:
            if sample.name == "verdigris_pairs_total":
                key = sample.labels["role"], sample.labels["outcome"]
                found[key] = found.get(key, 0) + int(sample.value)
    return found


async def recorded(mesh: Mesh, store: Path) -> list[int]:
    """Real requests to blue, each also to green; the users who asked, once every pair is in the store."""
    for color in ("blue", "green"):
        await mesh.model_server(color, {SERVICE: MODELS / f"{color}.onnx"})
    splitter = await mesh.splitter("--store", str(store))
    await mesh.put(to_json(DOCUMENT))
    users = [request.user for request in requests.load().requests[:CALLS]]
    async with Recommender(splitter.address) as client:
        for request in requests.load().requests[:CALLS]:
            answer = await client.recommend(request)
            assert (answer.code, answer.color) == ("OK", "blue")
    wanted = {("shadow", "compared"): CALLS, ("noise", "compared"): NOISE}
    async with asyncio.timeout(30):
        found = await became(splitter)
        while found != wanted:
            await asyncio.sleep(0.05)  # the recorder's counts are a page, not an event
            found = await became(splitter)
    return users


async def test_the_overlap_of_two_models_on_live_calls_is_the_one_computed_offline(
    mesh: Mesh, tmp_path: Path
) -> None:
    """To the last film of the top ten, for the very users who asked."""
    store = tmp_path / "shadow.db"
    users = await recorded(mesh, store)
    said = pairs.read(store, primary="blue", color="green", criteria=CRITERIA, service=mesh.service)
    offline = pairs.offline(users, "blue", "green")
    assert said.recorded == said.offline == offline
    assert 0.1 < offline.share < 0.4, "two models that differ, and that are not strangers"
    assert said.noise.pairs == NOISE
    assert said.noise.share == 1.0, "blue agrees with itself"
    code, answer = await report(mesh, store)
    (found,) = answer["reports"]
    assert code == {"ready": 0, "not_ready": 1, "not_enough_data": 2}[found["state"]]
    assert found["verdict"]["pairs"] == CALLS
