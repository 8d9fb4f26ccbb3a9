"""`python -m benchmarks.shadows`: what a caller notices of a full shadow, and what it costs the splitter.

A client makes 200 calls a second, all to blue, with a full shadow to green, through splitters that take turns:
without a shadow (twice: the noise), with one that is well, dead, hanging or slow, and with a recorder that is killed
twice a second, or stopped (SIGSTOP). Then CPU per call of the splitter, 100 B, 32 in flight.

Exit codes: 0 measured and the promise kept, 1 a call failed or it was broken, 69 h2load is missing.
"""

import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

import click
from rich.box import SIMPLE_HEAD
from rich.progress import Progress
from rich.table import Table

from benchmarks import backend, command, environment, load, markdown, report
from benchmarks.load import LoadError
from benchmarks.peers.site import Site, Target
from benchmarks.run import RUN_DIRECTORY, fresh_setup
from benchmarks.shadows import measure
from benchmarks.shadows.measure import BUSY, Times
from benchmarks.shadows.variant import VARIANTS

AT_MOST: Final = 2.2
"""CPU of the splitter with a full shadow and its pairs recorded, by its CPU without a shadow."""
COMPARED: Final = ("no shadow", "shadow, not recorded", "shadow")
HEADINGS: Final = ("", "p50 µs", "p99 µs", "p50 ÷", "p99 ÷")
WARM_UP: Final = 2_000


@click.command(help=__doc__, context_settings=command.CONTEXT)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(0.5), default=3.0, show_default=True, help="Of each measurement."
)
@click.option("--calls", type=click.IntRange(200), default=4_000, show_default=True, help="For CPU per call.")
@command.json_option
@command.markdown_option
def main(rounds: int, seconds: float, calls: int, json_path: Path | None, markdown_path: Path | None) -> None:
    console = report.console()
    command.prepare(console, "h2load", "nghttpd")
    where = environment.look()
    console.print(f"{where}", highlight=False, soft_wrap=True)
    found = {each.name: Times([], []) for each in VARIANTS}
    costs: dict[str, list[float]] = {name: [] for name in COMPARED}
    with ExitStack() as stack, Progress(console=console, transient=True) as progress:
        directory = fresh_setup()
        targets = _start(directory, stack)
        task = progress.add_task("", total=rounds * (len(VARIANTS) + len(COMPARED)))
        try:
            for turn in range(rounds):
                order = turn % len(VARIANTS)
                for variant in VARIANTS[order:] + VARIANTS[:order]:
                    progress.update(task, description=variant.name, advance=1)
                    phase = asyncio.run(measure.times(variant, targets[variant.name], seconds, directory))
                    found[variant.name].p50.append(phase.p50)
                    found[variant.name].p99.append(phase.p99)
            for _ in range(rounds):
                for name in COMPARED:
                    progress.update(task, description=f"CPU: {name}", advance=1)
                    costs[name].append(measure.cpu(targets[name], calls, directory))
        except LoadError as error:
            console.print(f"[red]failed[/]: {error}")
            sys.exit(1)
    rows = [[name, *times.row(found["no shadow"])] for name, times in found.items()]
    table = Table(box=SIMPLE_HEAD)
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    lines = [_cost(name, costs) for name in COMPARED]
    ratio = _ratio(costs, "shadow")
    kept = ratio <= AT_MOST
    lines.append(f"promise: at most {AT_MOST:g} with a recorded shadow: {'kept' if kept else 'broken'}")
    for line in lines:
        console.print(line, highlight=False)
    times = {name: {"p50": each.p50, "p99": each.p99} for name, each in found.items()}
    content = {"environment": environment.document(where), "times": times, "cpu": costs, "ratio": ratio}
    for path in filter(None, (RUN_DIRECTORY / "shadows.json", json_path)):
        report.write(path, content)
    if markdown_path is not None:
        text = (
            "A client makes 200 calls a second over one connection, 100 B, all served by blue. Medians of"
            f" {rounds} rounds of {seconds:g} s, in turns; ÷: median of the ratios to “no shadow” in the same round.\n"
        )
        cost = "CPU of the splitter's process per call:\n\n" + "".join(f"- {line}\n" for line in lines)
        page = markdown.page(
            "What a shadow costs the caller",
            where,
            "python -m benchmarks.shadows --markdown",
            text,
            markdown.table(HEADINGS, rows),
            cost,
        )
        markdown.write(markdown_path, page)
    sys.exit(0 if kept else 1)


def _start(directory: Path, stack: ExitStack) -> dict[str, Target]:
    echo = backend.start(directory, stack)
    targets = {}
    for variant in VARIANTS:
        own = directory / variant.name.replace(" ", "-").replace(",", "")
        own.mkdir()
        targets[variant.name] = variant.start(Site(echo, own, stack))
        load.run(targets[variant.name].port, BUSY, calls=WARM_UP, directory=own)
    return targets


def _ratio(costs: dict[str, list[float]], name: str) -> float:
    return median(own / base for own, base in zip(costs[name], costs[COMPARED[0]], strict=True))


def _cost(name: str, costs: dict[str, list[float]]) -> str:
    return f"{name}: {median(costs[name]):.1f} µs, {_ratio(costs, name):.2f} ×"


if __name__ == "__main__":
    main()
