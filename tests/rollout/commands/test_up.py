"""`up`: a whole mesh of real processes, and nothing left of it afterwards."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mesh.consul import Consul, ConsulAddress
from rollout.demo.client import Recommender
from rollout.demo.requests import Request
from rollout.failure import Exit
from tests.consul_agent import consul_binary

ROOT = Path(__file__).resolve().parents[3]
ANY = ("--port", "0", "--admin-port", "0", "--consul-port", "0", "--blue-port", "0", "--green-port", "0")

pytestmark = pytest.mark.skipif(consul_binary() is None, reason="needs a Consul agent: make consul")


@asynccontextmanager
async def up(folder: Path, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rollout", "up", *words),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def announced(process: asyncio.subprocess.Process) -> Any:
    """The JSON value that `up --json` prints when everything runs."""
    assert process.stdout
    text = b""
    while not text.endswith(b"\n}\n"):
        text += await process.stdout.readuntil(b"\n")
    return json.loads(text)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_up_runs_a_whole_mesh_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """Both colours are registered and healthy, a plain client gets films, and Ctrl-C leaves nothing running."""
    async with up(tmp_path, *ANY, "--json") as process:
        mesh = await announced(process)
        async with Recommender(mesh["splitter"]) as client:
            answer = await client.recommend(Request(user=1, rated=0))
        async with Consul(ConsulAddress.parse(mesh["consul"])) as consul:
            instances = (await consul.instances(mesh["service"])).value
        process.send_signal(signal.SIGINT)
        assert await process.wait() == Exit.OK
    assert (answer.code, answer.color, len(answer.items)) == ("OK", "blue", 10)
    assert [each.passing for each in instances] == [True, True]
    assert all(map(gone, mesh["pids"].values()))
    assert (tmp_path / ".run" / "up" / "splitter.log").exists()
    assert "traces.jsonl" in os.listdir(tmp_path / ".run" / "up")


async def test_up_ends_when_the_splitter_does_and_stops_the_rest(tmp_path: Path) -> None:
    async with up(tmp_path, *ANY, "--json") as process:
        mesh = await announced(process)
        os.kill(mesh["pids"]["splitter"], signal.SIGKILL)
        assert process.stdout
        error = json.loads(await process.stdout.read())["error"]
        assert await process.wait() == Exit.FAILED
    assert error["message"] == "splitter ended with -9"
    assert all(map(gone, mesh["pids"].values()))


async def test_up_says_which_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        async with up(tmp_path, *ANY, "--admin-port", str(port)) as process:
            _, stderr = await process.communicate()
    assert process.returncode == Exit.FAILED
    assert f"{port} (--admin-port)" in stderr.decode()
