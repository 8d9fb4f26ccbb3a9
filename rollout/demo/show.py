"""The story on a terminal: each stage as it happens, its figures when it is over. Plain lines into a pipe."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from mesh.traffic import GRAIN, Share
from mesh.words import duration
from rollout.demo.promises import Promise
from rollout.demo.requests import Log
from rollout.demo.stage import Edit, Stage
from rollout.demo.tally import Tally
from rollout.local import COLORS
from rollout.view import paint
from rollout.view.change import obeyed as convergence


class Terminal:
    """Shows the story on `console`."""

    def __init__(self, console: Console, log: Log) -> None:
        self._console = console
        self._log = log
        self._count = 0

    def opens(self, stage: Stage) -> None:
        self._count += 1
        self._console.print()
        headline = Text.assemble((f"{self._count}  {stage.title}", "bold"), (f"  {stage.why}", "dim"))
        self._console.print(Rule(headline, align="left", style="dim", characters="─"))

    def edited(self, made: Edit) -> None:
        self._console.print(Text.assemble(("$ ", "dim"), (made.command, "bold")))
        if made.says:
            self._console.print(Text(f"  {made.says}", style="dim"))
        measured = made.obeyed
        after = duration(measured.seconds) if measured.in_time else "never"
        words = Text.assemble("  obeyed after ", (after, "bold"), (f" ({measured.shown_by}); ", "dim"))
        for line in convergence(made.convergence):
            self._console.print(words + line if isinstance(line, Text) else line)
            words = Text("  ")

    def happened(self, what: str, seconds: float) -> None:
        self._console.print(Text.assemble(("⚡ ", "yellow"), what, " after ", (duration(seconds), "bold")))

    def watching(self, stage: Stage, calls: int) -> AbstractContextManager[object]:
        if not self._console.is_terminal:
            return nullcontext()
        return Live(
            console=self._console,
            get_renderable=lambda: _moment(stage.tally, calls),
            refresh_per_second=8,
            transient=True,
        )

    def closes(self, stage: Stage) -> None:
        self._console.print(Padding(Group(*self._figures(stage)), (0, 0, 0, 2)))
        for promise in stage.promises:
            self._console.print(Padding(kept(promise), (0, 0, 0, 2)))

    def _figures(self, stage: Stage) -> Iterator[RenderableType]:
        tally = stage.tally
        yield paint.bar(shares(tally))
        yield _colors(stage)
        fast, slow = duration(tally.percentile(0.5)), duration(tally.percentile(0.99))
        yield Text(f"{tally.calls} calls, {tally.errors.total()} errors, latency p50 {fast}, p99 {slow}")
        if stage.by_users:
            yield from self._examples(tally)

    def _examples(self, tally: Tally) -> Iterator[RenderableType]:
        for color in COLORS:
            user = min(tally.users_of(color), default=None)
            if user is not None:
                films = " · ".join(self._log.title(item) for item in tally.answers[user][1][:3])
                yield Text.assemble(
                    (f"user {user} is served by ", "dim"),
                    paint.name(color),
                    (f": {films} …", "dim"),
                    no_wrap=True,
                    overflow="ellipsis",
                )


def kept(promise: Promise) -> Text:
    """A promise with its mark."""
    mark = ("✓ ", "green3") if promise.kept else ("✗ ", "bold red")
    return Text.assemble(mark, promise.what, (f"  {promise.figures}", "dim"))


def _moment(tally: Tally, calls: int) -> RenderableType:
    """Where a stage stands while it runs; asked by another thread, so it looks at each counter once."""
    line = Table.grid(padding=(0, 2))
    counts = Text(f"{tally.calls}/{calls} calls")
    errors = tally.errors.total()
    line.add_row(
        paint.bar(shares(tally)),
        ProgressBar(total=calls, completed=tally.calls, width=20),
        counts,
        Text(f"{errors} errors", style="bold red" if errors else "dim"),
    )
    return Padding(line, (0, 0, 0, 2))


def shares(tally: Tally) -> list[Share]:
    """The shares of the calls answered, for a bar."""
    counts = dict(tally.colors)
    total = sum(counts.values()) or 1
    return [Share(color, counts.get(color, 0) * GRAIN // total) for color in COLORS]


def _colors(stage: Stage) -> Table:
    tally = stage.tally
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", show_edge=False)
    for title in ("", "calls", "", "users", "", "target", "next film hit"):
        table.add_column(title, justify="right" if title else "left")
    for color in COLORS:
        target, calls = stage.target.get(color, 0.0), tally.colors[color]
        if not target and not calls:
            continue
        aim = f"{target:.0%} of the {'users' if stage.by_users else 'calls'}"
        users = str(len(tally.users_of(color)))
        of_calls, of_users = f"{tally.share_of_calls(color):.1%}", f"{tally.share_of_users(color):.1%}"
        hits = f"{tally.hits[color] / calls:.1%}" if calls else ""
        table.add_row(paint.name(color), str(calls), of_calls, users, of_users, aim, hits)
    return table
