"""`up`: a whole mesh on this machine until Ctrl-C."""

import asyncio
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from signal import Signals
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from rollout import ports
from rollout.commands.number import Number
from rollout.demo import flow
from rollout.failure import Exit, Failure
from rollout.local import COLORS, Mesh, Places
from rollout.processes import Processes
from rollout.report import Report, console, finish, json_option
from rollout.stoppable import stoppable
from rollout.view import up as view

RUN: Final = Path(".run")
"""Where logs, traces and state go, in the current directory."""


def port_option(option: str, default: int, what: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    return click.option(
        option,
        type=click.IntRange(0, 65_535),
        default=default,
        show_default=True,
        help=f"Port of {what}; 0 takes any.",
    )


@click.command()
@port_option("--port", 8001, "the splitter, for gRPC clients")
@port_option("--admin-port", 8002, "the splitter's admin pages")
@port_option("--consul-port", 8500, "Consul's API and web UI")
@port_option("--blue-port", 8011, "the blue model server")
@port_option("--green-port", 8012, "the green model server")
@click.option(
    "--traffic",
    type=Number(0, 500),
    default=0,
    metavar="RATE",
    help="Also replay the demo's users, so many calls a second, and show which colour serves them.",
)
@json_option
def up(as_json: bool, traffic: float, **wanted: int) -> None:
    """Run Consul, a blue and a green model server and a splitter here, until Ctrl-C.

    The models are the demo's two film recommenders. Logs, traces and the pairs of shadows go to .run/up, where
    those of the time before make room. Everything is stopped at the end, also when a part fails to start.
    """

    def run() -> Report:
        ports.demand({f"--{name.replace('_', '-')}": port for name, port in wanted.items()})
        places = Places(
            folder=(RUN / "up").absolute(),
            consul=wanted["consul_port"],
            splitter=wanted["port"],
            admin=wanted["admin_port"],
            models={color: wanted[f"{color}_port"] for color in COLORS},
        )
        ended = asyncio.run(stoppable(_run(places, console(stderr=as_json), as_json, traffic)))
        how = ended.name if isinstance(ended, Signals) else ""
        return Report({"stopped": how}, [Text("Everything is stopped.", style="dim")])

    finish(as_json, run)


async def _run(places: Places, terminal: Console, as_json: bool, traffic: float) -> None:
    async with Processes(places.folder) as processes:
        mesh = Mesh(processes, places, say=lambda step: terminal.print(Text(f"{step} …", style="dim")))
        await mesh.start()
        if as_json:
            print(json.dumps(view.as_data(mesh), indent=2), flush=True)
        else:
            for line in view.show(mesh, str(RUN / "up")):
                terminal.print(line)
        async with flow.shown(mesh.splitter, traffic, terminal) if traffic else nullcontext():
            await _watch(mesh, terminal)


async def _watch(mesh: Mesh, terminal: Console) -> None:
    """Tell of a model server that ends, for that is worth trying; Failure if Consul or the splitter does."""
    waiting = {asyncio.create_task(part.ended.wait()): name for name, part in mesh.parts.items()}
    try:
        while True:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                name = waiting.pop(task)
                part = mesh.parts[name]
                if name not in COLORS:
                    raise Failure(Exit.FAILED, f"{name} ended with {part.code}", hint=f"Its log: {part.log}")
                message = f"{name} ended with {part.code}: the others take over its share"
                terminal.print(Text(message, style="yellow"))
    finally:
        for task in waiting:
            task.cancel()
