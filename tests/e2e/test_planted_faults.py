"""What is wrong with a model is found and named within 500 pairs; of a model with nothing wrong, nothing is said.

One blue model and four shadows of it at once: each has one fault, or none, and no other difference.
"""

import asyncio
import re
import sys
from collections.abc import Iterator
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio

from mesh import contract
from mesh.pb import open_inference_pb2 as oip
from mesh.pb import open_inference_pb2_grpc as oip_grpc
from tests.e2e.backends.planted import FAILING, USERS
from tests.e2e.harness import Mesh
from tests.e2e.harness.shadows import report, settled

CALLS = 500
LINES = 8
"""Calls under way at once."""
SECOND = "blue-2"
FAULTS = {SECOND: "", "scale": "scale", "errors": "errors", "slow": "slow"}
"""The shadows' colours, and what was planted there."""
DOCUMENT = {
    "split": {"blue": 100},
    "key": {"metadata": "x-user-id"},
    "mirror": [{"color": color, "percent": 100} for color in FAULTS],
    "criteria": {"p99": "off"},  # a tail is the machine's as much as the model's
}
CODES = {"ready": 0, "not_ready": 1, "not_enough_data": 2}

Said = dict[str, tuple[int | None, Any]]


async def ask(address: str, users: Iterator[int]) -> None:
    """Calls one after the other, each of the next user, until there is none."""
    async with grpc.aio.insecure_channel(address) as channel:
        infer = oip_grpc.GRPCInferenceServiceStub(channel).ModelInfer
        request = oip.ModelInferRequest(model_name="scores")
        for user in users:
            call = infer(request, metadata=(("x-user-id", f"user-{user % USERS}"),), timeout=20)
            await call
            assert (await call.initial_metadata())[contract.HEADER_COLOR] == "blue"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def said(module_mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Said:
    """`verdigris report` of each shadow after 500 calls, in which every user called twice: exit code and JSON."""
    mesh, store = module_mesh, tmp_path_factory.mktemp("store") / "shadow.db"
    command = [sys.executable, "-m", "tests.e2e.backends.planted"]
    for color, fault in {"blue": "", **FAULTS}.items():
        await mesh.backend(color, lambda port, fault=fault: [*command, str(port), fault], ready="ready")  # type: ignore[misc]
    splitter = await mesh.splitter("--store", str(store))
    await mesh.put(DOCUMENT)
    await splitter.until(lambda table: all(each["connected"] for each in table["shadow_endpoints"]))
    users = iter(range(CALLS))
    await asyncio.gather(*(ask(splitter.address, users) for _ in range(LINES)))
    found = await settled(splitter)
    assert found.became == {("compared", ""): CALLS * len(FAULTS)}
    reports = await asyncio.gather(*(report(mesh, store, "--color", color) for color in FAULTS))
    return dict(zip(FAULTS, reports, strict=True))


def verdict(said: Said, color: str) -> Any:
    """Of 500 pairs, told by the exit code too."""
    code, answer = said[color]
    (found,) = answer["reports"]
    assert (found["color"], found["verdict"]["pairs"]) == (color, CALLS)
    assert code == CODES[found["state"]]
    return found["verdict"]


def answers(found: Any) -> list[str]:
    """Faults in what was answered. How long it took is the machine's too, which other tests may keep busy: a tail that
    is slow for a while is no fault of these models, and named rightly."""
    return [fault for fault in found["faults"] if "slow" not in fault]


def test_a_wrong_output_scale_is_named_and_not_ready(said: Said) -> None:
    found = verdict(said, "scale")
    assert answers(found) == ["output scores: every value is 1.10 × the primary's"]
    assert found["state"] == "not_ready"


def test_errors_of_2_percent_of_users_are_named_with_status_and_keys(said: Said) -> None:
    found = verdict(said, "errors")
    assert len(FAILING) * CALLS / USERS == 10
    assert answers(found) == [
        "2.0 % of 500 pairs fail with INTERNAL where the primary answers; "
        "always on the same keys: 5 buckets, in whose 5 later pairs it happens again"
    ]
    assert found["state"] == "not_ready"


def test_a_model_that_takes_five_times_as_long_is_named_and_not_ready(said: Said) -> None:
    found = verdict(said, "slow")
    assert answers(found) == []
    assert any(re.match(r"\d+\.\d+ × slower \(median: ", fault) for fault in found["faults"])
    assert found["state"] == "not_ready"


def test_of_a_second_blue_nothing_is_said(said: Said) -> None:
    found = verdict(said, SECOND)
    assert answers(found) == []
    assert found["state"] != "not_ready"
