"""Node's gRPC client (`@grpc/grpc-js`): every case of `node/client.js`, on every way."""

import os
import subprocess
from typing import Final

import pytest

from tests.e2e.harness import CHECKOUT, Mesh, Process, Route, Site, needs
from tests.e2e.harness.scripted import scripted_site

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
    """Node, with grpc-js as the lock file names it in `node/node_modules`."""
    node = needs.command("node", package="nodejs", also=["nodejs"])
    installed = FOLDER / "node_modules/.package-lock.json"
    lock = FOLDER / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return node
    npm = needs.command("npm", package="npm")
    done = subprocess.run(
        [npm, "ci", "--cache", str(CHECKOUT / ".cache/npm")],
        cwd=FOLDER,
        env={**os.environ, "npm_config_update_notifier": "false"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    if done.returncode:
        pytest.skip(f"needs @grpc/grpc-js from the npm registry; npm ci said: {done.stderr.strip()}")
    os.utime(installed)
    return node


@pytest.fixture(scope="module")
def site(module_mesh: Mesh) -> Site:
    return scripted_site(module_mesh)


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
