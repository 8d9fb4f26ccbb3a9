"""Node's gRPC client (`@grpc/grpc-js`): every case of `node/client.js`, on every way."""

from typing import Final

import pytest

from tests.e2e.harness import CHECKOUT, Process, Route, foreign

FOLDER: Final = CHECKOUT / "tests/e2e/node"
CASES: Final = (
    "unary",
    "client_stream",
    "server_stream",
    "both_ways",
    "large_messages_both_ways",
    "small_windows",
    "slow_reader",
    "many_parallel_streams",
    "binary_metadata",
    "status_details",
    "early_ends",
    "unimplemented",
    "deadline",
    "cancellation",
)


@pytest.fixture(scope="session")
def node() -> str:
    return foreign.node()


@pytest.mark.parametrize("case", CASES)
async def test_every_case_passes_on_every_way(node: str, case: str, route: Route) -> None:
    client = Process(case, [node, str(FOLDER / "client.js"), route.address, case])
    try:
        status = await client.ended(timeout=60)
    finally:
        await client.stop()
    assert status == 0, client.tail()
    assert f"OK: {case}" in client.lines
    if case == "unary":
        color = "undefined" if route.way == "direct" else route.way
        assert f"answered by {route.backend}, color {color}" in client.lines


async def test_no_case_of_the_script_is_left_out(node: str) -> None:
    client = Process("client.js", [node, str(FOLDER / "client.js"), "--list"])
    try:
        listed = await client.line(r"^[a-z_,]+$")
    finally:
        await client.stop()
    assert tuple(listed[0].split(",")) == CASES
