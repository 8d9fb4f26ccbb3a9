"""`demo`: the whole story on real processes, briefly, with every promise kept."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from rollout.failure import Exit
from tests.consul_agent import consul_binary

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.skipif(consul_binary() is None, reason="needs a Consul agent: make consul")
async def test_the_demo_keeps_its_promises(tmp_path: Path) -> None:
    """Shadow, canary, half, cut over, a crash and a rollback: no error, no torn user, everything obeyed.

    And what the pairs say of green is what the two models say of themselves.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rollout", "demo", "--calls", "200", "--json"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    assert process.returncode == Exit.OK, stdout.decode() + stderr.decode()
    story = json.loads(stdout)
    assert story["kept"]
    assert [stage["name"] for stage in story["stages"]] == [
        "today",
        "shadow",
        "canary 10 %",
        "half and half",
        "cut over",
        "green breaks",
        "rollback",
    ]
    assert all(not stage["errors"] for stage in story["stages"])
    assert story["stages"][0]["calls"] >= 200
    shadow = story["shadow"]
    assert shadow["overlap"] == shadow["offline"]
    assert shadow["outcomes"] == {"compared": shadow["overlap"]["pairs"]}
    assert shadow["overlap"]["pairs"] >= 400
    assert shadow["noise"]["share"] == 1.0
    assert "Canary: 10 % of the users" in stderr.decode(), "what happens is told on the other stream"
