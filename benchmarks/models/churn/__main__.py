"""`python -m benchmarks.models.churn`: models that come and go, and clients that crash, for minutes.

A round is a few minutes of a server's life: models loaded, reloaded under calls, refused because their file is
broken, and unloaded; calls cancelled, calls whose deadline passes, streams left open, connections reset, a
client killed. After each round what the server holds is looked at when it rests.

A line is fitted to what was resident after the warm-up. Exit codes: 0 it did not grow by more than the bound and
nothing was left over, 1 it did, or a call failed that should not have.
"""

import asyncio
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from benchmarks import command, environment, markdown, report
from benchmarks.descriptors import raise_limit
from benchmarks.memory import MIB
from benchmarks.models.churn.mix import Mix
from benchmarks.models.churn.place import Held, Place
from benchmarks.run import RUN_DIRECTORY, fresh_setup
from benchmarks.soak.plot import plot
from benchmarks.soak.trend import BLOCKS, Point, Trend

WARM_UP: Final = 30
"""Rounds until every thread has been started, every pool has grown, and the heap has been cut up as much as this mix
does it. The server's one heap takes 23 for that; with a heap for each thread there was no end to it (decision 8)."""


@click.command(help=__doc__, context_settings=command.CONTEXT)
@click.option("--minutes", type=click.FloatRange(0.5), default=5.0, show_default=True)
@click.option(
    "--bound", type=float, default=8.0, show_default=True, help="MiB it may grow after the warm-up."
)
@click.option("--plot", "plot_path", type=click.Path(path_type=Path, dir_okay=False), help="PNG of memory.")
@command.json_option
@command.markdown_option
def main(
    minutes: float,
    bound: float,
    plot_path: Path | None,
    json_path: Path | None,
    markdown_path: Path | None,
) -> None:
    console = report.console()
    raise_limit()
    where = environment.look()
    console.print(str(where), highlight=False, soft_wrap=True)
    with ExitStack() as stack:
        directory = fresh_setup()
        place = Place(directory, stack)
        mix = Mix(place, directory)
        before, after, points = asyncio.run(churn(place, mix, minutes * 60, console))
    trend = Trend.of(points)
    grew = trend.exceeds(bound * MIB)
    left = left_over(before, after)
    lines = [
        *(f"{what}: {count:,}" for what, count in sorted(mix.counts.items())),
        f"what should not have happened: {dict(mix.failures) or 'nothing'}",
        f"tasks {after.tasks}, threads {len(after.threads)} (native {after.native_threads}), sessions "
        f"{after.sessions}, descriptors {after.descriptors}; left over: {', '.join(left) or 'nothing'}",
        f"objects of its own classes: {before.objects} after the warm-up, {after.objects} at the end",
        f"in use of the heap: {before.in_use / MIB:.2f} MiB after the warm-up, {after.in_use / MIB:.2f} at the end",
        f"resident: {before.resident / MIB:.1f} MiB after the warm-up, {after.resident / MIB:.1f} at the end; "
        f"it grew by {trend.growth / MIB:+.2f} ± {trend.doubt / MIB:.2f} MiB in {trend.seconds / 60:.1f} minutes;"
        f" the bound is {bound:g}: {'exceeded' if grew else 'kept'}",
    ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
    content = {
        "environment": environment.document(where),
        "settings": {"minutes": minutes, "bound_mib": bound},
        "lived": dict(mix.counts),
        "failures": dict(mix.failures),
        "left_over": left,
        "trend": trend.document(),
        "points": [[round(point.seconds, 1), point.resident] for point in points],
    }
    for path in filter(None, (RUN_DIRECTORY / "churn.json", json_path)):
        report.write(path, content)
    for picture in filter(None, (RUN_DIRECTORY / "churn.png", plot_path)):
        plot(picture, points, trend, points[0].seconds, of="Model server")
    if markdown_path is not None:
        name = plot_path.name if plot_path is not None else "churn.png"
        text = "\n".join(f"- {line}" for line in lines) + f"\n\n![Resident memory over time]({name})\n"
        run = "python -m benchmarks.models.churn --markdown"
        markdown.write(markdown_path, markdown.page("Models and clients that come and go", where, run, text))
    sys.exit(1 if grew or left or mix.failures else 0)


async def churn(place: Place, mix: Mix, seconds: float, console: Console) -> tuple[Held, Held, list[Point]]:
    """What it held after the warm-up and at the end, and its memory at rest after each round between."""
    await mix.ready()
    for _ in range(WARM_UP):
        await mix.round()
    after = before = await asyncio.to_thread(place.settled)
    began = time.monotonic()
    points: list[Point] = []
    with console.status("churning") as status:
        while time.monotonic() - began < seconds or len(points) < BLOCKS:
            await mix.round()
            after = await asyncio.to_thread(place.rest, before)
            points.append(Point(time.monotonic() - began, after.resident))
            minutes = f"{points[-1].seconds / 60:.1f} of {seconds / 60:g} minutes"
            status.update(f"{minutes}, {after.resident / MIB:.1f} MiB, {mix.counts['loads']:,} loads")
    return before, after, points


def left_over(before: Held, after: Held) -> list[str]:
    """What is not as it was, in words."""
    pairs = ((name, before.counted[name], value) for name, value in after.counted.items())
    return [f"{name}: {now} instead of {was}" for name, was, now in pairs if now != was]


if __name__ == "__main__":
    main()
