"""What is known of a mesh's shadows: by its splitter's counts, by the store, by `verdigris report`."""

import asyncio
import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from shadow.store.store import Store
from shadow.store.values import Scope, Stored
from tests.e2e.harness.mesh import Mesh, Splitter
from tests.e2e.harness.process import CHECKOUT

WITHIN = 90.0
"""A recorder is nice: where other tests take the machine, it waits."""


@dataclass(slots=True)
class Figures:
    """One look at `/metrics`."""

    mirrored: int = 0
    under_way: int = 0
    waiting: int = 0
    """Bytes on their way to the store."""
    completed: int = 0
    restarts: int = 0
    became: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Pairs by outcome and reason."""


async def figures(splitter: Splitter) -> Figures:
    found = Figures()
    for family in text_string_to_metric_families(await splitter.get("/metrics")):
        for sample in family.samples:
            labels, value = sample.labels, int(sample.value)
            match sample.name:
                case "verdigris_mirrored_total":
                    found.mirrored += value
                case "verdigris_mirror_in_flight":
                    found.under_way += value
                case "verdigris_mirror_total":
                    found.completed += value if labels["outcome"] == "completed" else 0
                case "verdigris_pairs_waiting_bytes":
                    found.waiting += value
                case "verdigris_recorder_restarts_total":
                    found.restarts += value
                case "verdigris_pairs_total":
                    found.became[labels["outcome"], labels["reason"]] += value
    return found


async def watched(splitter: Splitter, holds: Callable[[Figures], bool]) -> Figures:
    """The first figures of which this is true."""
    async with asyncio.timeout(WITHIN):
        found = await figures(splitter)
        while not holds(found):
            await asyncio.sleep(0.02)  # a page, not an event
            found = await figures(splitter)
    return found


async def settled(splitter: Splitter) -> Figures:
    """As soon as no shadow is under way and no pair waits; the sum is the caller's to check."""
    return await watched(splitter, lambda found: not found.under_way and not found.waiting)


async def report(mesh: Mesh, store: Path, *options: str) -> tuple[int | None, Any]:
    """The command's exit code and what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rollout", "report", mesh.service, "--store", str(store), "--json", *options),
        *("--consul-addr", f"{mesh.consul.host}:{mesh.consul.port}"),
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=asyncio.subprocess.PIPE,
    )
    stdout, _ = await process.communicate()
    return process.returncode, json.loads(stdout)


def stored(mesh: Mesh, store: Path) -> list[Stored]:
    """All pairs, in the order of time."""
    with Store.open(str(store), read_only=True) as opened:
        return list(opened.pairs(Scope(mesh.service, role=None)))


def accounted(store: Path) -> Counter[tuple[str, str]]:
    """What the store says became of shadows, by outcome and reason; its accounts are its pairs and its counts."""
    with closing(sqlite3.connect(store)) as database:
        rows = database.execute("SELECT outcome, reason, pairs, others FROM accounts").fetchall()
        ((pairs,),) = database.execute("SELECT count(*) FROM pairs")
    assert sum(row[2] for row in rows) == pairs
    found: Counter[tuple[str, str]] = Counter()
    for outcome, reason, with_pair, without in rows:
        found[outcome, reason] += with_pair + without
    return found
