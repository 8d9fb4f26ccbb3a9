"""`python -m benchmarks.scale`: 1 000 connections and 10 000 calls at once, and the memory they cost.

Each proxy is started anew for each crowd: resident memory of all its processes before, at the peak and after.

Exit codes: 0 measured and promises kept, 1 a call failed or a promise was broken, 69 h2load is missing.
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks import command, environment, markdown, report, witness
from benchmarks.descriptors import raise_limit
from benchmarks.load import LoadError
from benchmarks.memory import MIB
from benchmarks.peers import BY_NAME
from benchmarks.peers.site import Site
from benchmarks.process import StartError
from benchmarks.run import RUN_DIRECTORY, fresh_setup
from benchmarks.scale import measure
from benchmarks.scale.crowd import CROWDS, Crowd
from benchmarks.scale.measure import Held

PEERS: Final = ("verdigris", "envoy", "haproxy")
HEADINGS: Final = ("peer", "before", "peak", "after", "after ÷ before", "open at once", "failed")
NEEDED: Final = 2 * 1_000 + 1_000
"""Descriptors: a proxy has one towards each client and, if it must, as many towards the backend; and some."""


@click.command(help=__doc__, context_settings=command.CONTEXT)
@click.option("--only", multiple=True, type=click.Choice(PEERS), help="These peers.")
@click.option("--quick", is_flag=True, help="A hundredth of the crowd: does everything work?")
@click.option("--calls", type=click.IntRange(100), default=50_000, show_default=True, help="Unary calls.")
@command.json_option
@command.markdown_option
def main(
    only: tuple[str, ...], quick: bool, calls: int, json_path: Path | None, markdown_path: Path | None
) -> None:
    console = report.console()
    command.prepare(console, "h2load")
    if (limit := raise_limit()) < NEEDED:
        console.print(f"{limit} file descriptors are allowed, {NEEDED} are needed: ulimit -Hn")
        sys.exit(1)
    crowds = tuple(Crowd(each.connections // 10, each.streams // 10) for each in CROWDS) if quick else CROWDS
    where = environment.look()
    console.print(f"{where}, {limit} file descriptors", highlight=False, soft_wrap=True)
    found: list[Held] = []
    left_out: dict[str, str] = {}
    for name in only or PEERS:
        for kind in (*crowds, None):
            with console.status(f"{name}: {kind.name if kind else 'unary calls'}"):
                try:
                    found.append(_measure(name, kind, crowds[0], calls // 10 if quick else calls))
                except (_Missing, StartError, OSError, RuntimeError, LoadError) as error:
                    left_out[name] = str(error)
    for crowd in dict.fromkeys(each.crowd for each in found):
        table = Table(title=f"{crowd}: resident MiB", title_justify="left", box=SIMPLE_HEAD)
        for heading in HEADINGS:
            table.add_column(heading, justify="left" if heading == "peer" else "right", no_wrap=True)
        for row in rows(found, crowd):
            table.add_row(*row)
        console.print(table)
    broken = [line for each in found if each.peer == "verdigris" for line in complaints(each)]
    for line in broken:
        console.print(f"[red]broken[/]: {line}", highlight=False)
    for name, reason in left_out.items():
        console.print(f"left out {name}: {reason}", highlight=False, markup=False)
    content = {
        "environment": environment.document(where),
        "left_out": left_out,
        "broken": broken,
        "results": [each.document() for each in found],
    }
    for path in filter(None, (RUN_DIRECTORY / "scale.json", json_path)):
        report.write(path, content)
    if markdown_path is not None:
        markdown.write(markdown_path, page(found, where, left_out))
    sys.exit(1 if broken or "verdigris" in left_out else 0)


class _Missing(Exception):
    """The peer is not installed."""


def _measure(name: str, crowd: Crowd | None, busy: Crowd, calls: int) -> Held:
    """Of a held crowd; None: of the busy one."""
    peer = BY_NAME[name]
    if reason := peer.missing():
        raise _Missing(reason)
    with ExitStack() as stack:
        directory = fresh_setup()
        backend = witness.start("echo", "backend", directory, stack)
        target = peer.start(Site(backend.port, directory, stack))
        assert target.process is not None
        measure.warm_up(target, directory)
        if crowd is not None:
            return measure.held(name, target, target.process, crowd)
        return measure.busy(name, target, target.process, busy, calls, directory)


def complaints(held: Held) -> list[str]:
    """Promises that the splitter did not keep with this crowd."""
    found = []
    if held.failed:
        found.append(f"{held.crowd}: {held.failed} calls failed: {dict(held.failures)}")
    if held.peak > measure.MOST_RESIDENT:
        found.append(f"{held.crowd}: {held.peak / MIB:.0f} MiB at the peak, not at most 150")
    if held.left > measure.MOST_LEFT:
        found.append(f"{held.crowd}: {held.left:.2f} times as much resident after it, not at most 1.10")
    return found


def rows(found: list[Held], crowd: str) -> list[list[str]]:
    return [
        [
            each.peer,
            *(f"{size / MIB:.1f}" for size in (each.before, each.peak, each.after)),
            f"{each.left:.2f}",
            f"{each.open_at_once:,}",
            f"{each.failed:,}",
        ]
        for each in found
        if each.crowd == crowd
    ]


def page(found: list[Held], where: environment.Environment, left_out: dict[str, str]) -> str:
    parts = ["Resident memory in MiB of all processes of the proxy; each was started anew for each crowd.\n"]
    for crowd in dict.fromkeys(each.crowd for each in found):
        parts += [f"## {crowd}\n", markdown.table(HEADINGS, rows(found, crowd))]
    parts += [f"Left out: {name}: {reason}\n" for name, reason in left_out.items()]
    return markdown.page("Many at once", where, "python -m benchmarks.scale --markdown", *parts)


if __name__ == "__main__":
    main()
