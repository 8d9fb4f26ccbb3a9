"""What `verdigris up` shows once everything runs: where what listens, and what to try."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rollout.local import COLORS, SERVICE, Mesh
from rollout.view import paint
from rollout.view.fitting import Fitting


def as_data(mesh: Mesh) -> dict[str, Any]:
    """The addresses for scripts."""
    return {
        "service": SERVICE,
        "splitter": mesh.splitter,
        "admin": mesh.admin,
        "consul": mesh.consul,
        "models": {color: mesh.address(color) for color in COLORS},
        "trace_file": str(mesh.trace_file),
        "store": str(mesh.store),
        "logs": {name: str(part.log) for name, part in mesh.parts.items()},
        "pids": {name: part.pid for name, part in mesh.parts.items()},
    }


def show(mesh: Mesh, folder: str) -> Iterator[RenderableType]:
    """The addresses and the next steps for people."""
    where = Table.grid(padding=(0, 2))
    where.add_column(no_wrap=True)
    where.add_column(no_wrap=True, style="bold")
    where.add_column(style="dim")
    where.add_row("gRPC clients", mesh.splitter, "the splitter: a model server to its clients")
    key = f"the key verdigris/{SERVICE}/traffic"
    where.add_row("Consul's web UI", f"http://{mesh.consul}/ui", f"Key/Value: {key}")
    where.add_row("admin", f"http://{mesh.admin}/table", "and /metrics, /healthz, /readyz")
    for color in COLORS:
        where.add_row(Text.assemble("model server ", paint.name(color)), mesh.address(color), "")
    where.add_row("logs, traces, pairs", folder, "")
    yield Padding(Fitting(where), (1, 0))
    yield Text("Try, in another terminal:")
    address = "" if mesh.consul == "127.0.0.1:8500" else f" --consul-addr {mesh.consul}"
    tries = Table.grid(padding=(0, 2))
    tries.add_column(no_wrap=True, style="bold")
    tries.add_column(style="dim")
    for command, why in (
        ("status", "document, endpoints, sidecars"),
        (f"mirror {SERVICE} green=100 --noise 10", "shadow: users go on seeing blue"),
        (f"report {SERVICE}", "how green compares, and whether it is ready"),
        (f"shift {SERVICE} blue=90 green=10 --key x-user-id", "canary: 10 % of the users"),
        (f"shift {SERVICE} blue=0 green=100", "blue/green: everything at once"),
        (f"rollback {SERVICE}", "the document before that"),
        (f"history {SERVICE}", "every edit, also those in the UI"),
    ):
        tries.add_row(f"verdigris {command}{address}", why)
    tries.add_row("verdigris trace", "the latest call as a tree")
    yield Padding(Fitting(tries), (0, 0, 1, 2))
    yield Text("Ctrl-C stops everything.", style="dim")
