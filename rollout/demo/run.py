"""Runs the demo: starts the mesh, tells the story, shows what came of it, stops everything."""

import asyncio
import os
import time
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from mesh import contract
from mesh.consul import Consul
from mesh.words import duration
from rollout.demo import finale, requests
from rollout.demo.admin import Admin
from rollout.demo.client import Recommender
from rollout.demo.obeyed import Probe
from rollout.demo.promises import itself, recorded, same_overlap, traced
from rollout.demo.replay import RATE, Replay, running
from rollout.demo.show import Terminal
from rollout.demo.stage import as_data
from rollout.demo.story import CRITERIA, Story
from rollout.failure import Exit, Failure
from rollout.local import SERVICE, Mesh, Places
from rollout.processes import Processes
from rollout.report import Report
from rollout.view.trace import as_data as trace_data

CALLS: Final = 1300
"""Of a long stage: the first 1200 requests of the log come from all of its 671 users."""

LONGEST: Final = 600.0
"""Seconds; it takes about one minute, but calls that hang would take for ever."""


async def demo(folder: Path, console: Console, *, calls: int = CALLS, rate: float = RATE) -> Report:
    """The whole demo; the report's code is FAILED when a promise broke."""
    begun = time.monotonic()
    log = requests.load()
    async with Processes(folder) as processes:
        mesh = Mesh(processes, Places(folder), say=lambda step: console.print(Text(f"{step} …", style="dim")))
        await mesh.start()
        console.print(Text.assemble(("Consul's web UI while this runs: ", "dim"), f"http://{mesh.consul}/ui"))
        try:
            async with asyncio.timeout(LONGEST):
                story = await _tell(mesh, log, console, calls=calls, rate=rate)
        except TimeoutError:
            message = f"the story was not over within {duration(LONGEST)}"
            raise Failure(Exit.FAILED, message, hint=f"The logs: {folder}") from None
        console.print(Text("\nstopping everything …", style="dim"))
    took = time.monotonic() - begun
    traces = {
        "The trace of a shadowed call": finale.trace_with(mesh.trace_file, contract.ROLE_SHADOW),
        "The trace of a call that green died under": finale.trace_with(
            mesh.trace_file, contract.ROLE_FALLBACK
        ),
    }
    from rollout.demo import pairs  # heavy: only now there is something to read

    said = pairs.read(mesh.store, primary="blue", color="green", criteria=CRITERIA)
    promises = story.promises
    promises += [
        recorded(story.shadows, said.outcomes),
        same_overlap(said.recorded, said.offline),
        itself("blue", said.noise),
    ]
    if not any(name.startswith("OTEL_") for name in os.environ):  # else traces may go elsewhere, or nowhere
        promises.append(traced(next(iter(traces.values()))))
    data: dict[str, Any] = {
        "kept": all(promise.kept for promise in promises),
        "seconds": round(took, 1),
        "promises": [asdict(promise) for promise in promises],
        "stages": [as_data(stage) for stage in story.stages],
        "shadow": {"store": str(mesh.store), **pairs.as_data(said)},
        "traces": {headline: trace_data(trace) for headline, trace in traces.items()},
    }
    lines = [
        *finale.show(story.stages, promises, traces, finale.verdict(said, _next(mesh))),
        Text(f"{duration(took)} in all; logs, traces and pairs: {folder}", style="dim"),
    ]
    return Report(data, lines, Exit.OK if data["kept"] else Exit.FAILED)


def _next(mesh: Mesh) -> str:
    """The command that says more of the pairs; from where the demo was started, if its files are below."""
    store, document = (
        path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        for path in (mesh.store, mesh.document)
    )
    return f"verdigris report {SERVICE} --store {store} --criteria {document}"


async def _tell(mesh: Mesh, log: requests.Log, console: Console, *, calls: int, rate: float) -> Story:
    async with AsyncExitStack() as stack:
        consul = await stack.enter_async_context(Consul(mesh.consul_address))
        admin = await stack.enter_async_context(Admin(mesh.admin))
        client = await stack.enter_async_context(Recommender(mesh.splitter))
        replay = Replay(log, rate=rate)
        probe = Probe(client, admin, replay)
        await probe.warm()
        await stack.enter_async_context(running(replay, mesh.splitter))
        story = Story(mesh, log, consul, replay, probe, admin, Terminal(console, log))
        await story.tell(calls)
        return story
