"""`python -m benchmarks.soak`: everything at once for minutes, and the splitter's memory over time.

Unary calls on ever new connections, streams, cancelled calls, calls that their server resets, clients that vanish,
an edit of the document every 0.7 s (mirrors, keys, a refused one), an endpoint restarted every 4 s, a tenth of
the calls traced, metrics scraped.

A line is fitted to what was resident after the warm-up. Exit codes: 0 it did not grow by more than the bound,
1 it did (beyond the 95 % interval of the line) or the splitter ended, 69 h2load is missing.
"""

import asyncio
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks import command, environment, markdown, report
from benchmarks.descriptors import raise_limit
from benchmarks.memory import MIB
from benchmarks.run import RUN_DIRECTORY, fresh_setup
from benchmarks.soak.mix import Mix
from benchmarks.soak.place import Place
from benchmarks.soak.plot import plot
from benchmarks.soak.trend import Point, Trend

EVERY = 1.0


@click.command(help=__doc__, context_settings=command.CONTEXT)
@click.option("--minutes", type=click.FloatRange(0.5), default=10.0, show_default=True)
@click.option(
    "--warm-up", type=click.FloatRange(0, 0.9), default=0.3, show_default=True, help="Share left out."
)
@click.option(
    "--bound", type=float, default=1.0, show_default=True, help="MiB it may grow after the warm-up."
)
@click.option("--plot", "plot_path", type=click.Path(path_type=Path, dir_okay=False), help="PNG of memory.")
@command.json_option
@command.markdown_option
def main(
    minutes: float,
    warm_up: float,
    bound: float,
    plot_path: Path | None,
    json_path: Path | None,
    markdown_path: Path | None,
) -> None:
    console = report.console()
    command.prepare(console, "h2load")
    raise_limit()
    where = environment.look()
    console.print(str(where), highlight=False, soft_wrap=True)
    with ExitStack() as stack:
        directory = fresh_setup()
        place = Place(directory, stack)
        mix = Mix(place, directory)
        points = asyncio.run(_soak(place, mix, minutes * 60, console))
        alive = place.splitter.running
        spans = place.collector.counts()["spans"]
    fitted = [point for point in points if point.seconds >= warm_up * minutes * 60]
    trend = Trend.of(fitted)
    lived = {**mix.counts, "edits": place.edits, "endpoint restarts": place.restarts, "spans": spans}
    grew = trend.exceeds(bound * MIB)
    lines = [
        *(f"{what}: {count:,}" for what, count in sorted(lived.items())),
        f"calls that failed: {dict(mix.failures) or 'none'}",
        f"resident: {points[0].resident / MIB:.1f} MiB at the start, {points[-1].resident / MIB:.1f} at the end,"
        f" {max(point.resident for point in points) / MIB:.1f} at most",
        f"after the warm-up it grew by {trend.growth / MIB:+.2f} ± {trend.doubt / MIB:.2f} MiB"
        f" in {trend.seconds / 60:.1f} minutes; the bound is {bound:g}: {'exceeded' if grew else 'kept'}",
        *([] if alive else ["the splitter ended before the soak"]),
    ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
    content: dict[str, Any] = {
        "environment": environment.document(where),
        "settings": {"minutes": minutes, "warm_up": warm_up, "bound_mib": bound},
        "lived": lived,
        "failures": dict(mix.failures),
        "trend": trend.document(),
        "points": [[round(point.seconds, 1), point.resident] for point in points],
    }
    for path in filter(None, (RUN_DIRECTORY / "soak.json", json_path)):
        report.write(path, content)
    for picture in filter(None, (RUN_DIRECTORY / "soak.png", plot_path)):
        plot(picture, points, trend, fitted[0].seconds)
    if markdown_path is not None:
        name = plot_path.name if plot_path is not None else "soak.png"
        text = "\n".join(f"- {line}" for line in lines) + f"\n\n![Resident memory over time]({name})\n"
        run = "python -m benchmarks.soak --markdown"
        markdown.write(markdown_path, markdown.page("Everything at once, for a while", where, run, text))
    sys.exit(1 if grew or not alive else 0)


async def _soak(place: Place, mix: Mix, seconds: float, console: Console) -> list[Point]:
    """Memory once a second while the mix runs."""
    began = time.monotonic()
    points: list[Point] = []
    with console.status("soaking") as status, suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            load = group.create_task(mix.run())
            while place.splitter.running:
                points.append(Point(time.monotonic() - began, place.splitter.resident()))
                calls = mix.counts["unary calls"]
                minutes = f"{points[-1].seconds / 60:.1f} of {seconds / 60:g} minutes"
                status.update(f"{minutes}, {points[-1].resident / MIB:.1f} MiB, {calls:,} unary calls")
                await asyncio.sleep(EVERY)
            load.cancel()
    return points


if __name__ == "__main__":
    main()
