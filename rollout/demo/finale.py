"""The end of the demo: a trace, a table of the stages, and every promise with its figures."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from mesh import contract
from mesh.tracefile import read_spans
from mesh.words import duration
from rollout.demo.promises import Promise
from rollout.demo.show import kept
from rollout.demo.stage import Stage
from rollout.local import COLORS
from rollout.tracetree import Node, find
from rollout.view import paint
from rollout.view.trace import show as show_trace

if TYPE_CHECKING:
    from rollout.demo.pairs import Said

LEGEND: Final = (
    "Shares of users where a key makes calls sticky, else of calls. Latencies are a Python client's, through the "
    "splitter. Next film hit: the film that the user really rated next was among the ten recommended."
)


def trace_with(path: Path, role: str) -> tuple[Node, ...]:
    """The newest trace of a call that had a leg of this role: one to look at."""
    for span in read_spans(path, newest_first=True):
        if span.kind == "client" and span.attributes.get(contract.ATTR_ROLE) == role:
            return find(path, span.trace_id)
    return ()


def show(
    stages: Sequence[Stage],
    promises: Sequence[Promise],
    traces: Mapping[str, tuple[Node, ...]],
    said: Iterable[RenderableType],
) -> Iterator[RenderableType]:
    """Everything at a glance; `traces` by headline, without those that there are none of; `said` of the shadow."""
    for headline, trace in traces.items():
        if trace:
            yield from _headline(headline)
            yield from (Padding(line, (0, 0, 0, 2)) for line in show_trace(trace))
    yield from _headline("What the shadow says of green")
    yield from (Padding(line, (0, 0, 0, 2)) for line in said)
    yield from _headline("Summary")
    yield Padding(_table(stages), (0, 0, 0, 2))
    yield Padding(Text(LEGEND, style="dim"), (1, 2))
    for promise in promises:
        yield Padding(kept(promise), (0, 0, 0, 2))
    broken = sum(not promise.kept for promise in promises)
    if broken:
        yield Text(f"\n{broken} of {len(promises)} promises broken.", style="bold red")
    else:
        yield Text(f"\nAll {len(promises)} promises kept.", style="bold green3")


def verdict(said: "Said", command: str) -> Iterator[RenderableType]:
    """What the pairs of the shadow say, and the command that says more."""
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column()
    lines.add_row("pairs", ", ".join(f"{count} {outcome}" for outcome, count in said.outcomes.items()))
    lines.add_row(
        "top 10",
        Text.assemble(
            (f"{said.recorded.share:.2%}", "bold"),
            " of blue's films are among green's",
            (f"; of the two models alone, offline: {said.offline.share:.2%}", "dim"),
        ),
    )
    lines.add_row("noise", f"blue's own second answer: {said.noise.share:.2%}, in {said.noise.pairs} pairs")
    lines.add_row("verdict", Text.assemble(paint.name("green"), f" is {said.verdict.state}"))
    for finding in said.verdict.findings:
        lines.add_row("", Text(finding.words, style="dim"))
    lines.add_row("next", Text(command, style="bold"))
    yield lines


def _headline(text: str) -> Iterator[RenderableType]:
    yield Text()
    yield Rule(Text(text, style="bold"), align="left", style="dim")


def _table(stages: Sequence[Stage]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    table.add_column("stage", no_wrap=True)
    columns = (*map(paint.name, COLORS), *map(Text, ("calls", "errors", "p50", "p99")))
    for title in (Text("obeyed after"), *columns):
        table.add_column(title, justify="right", no_wrap=True)
    for stage in stages:
        tally = stage.tally
        share = tally.share_of_users if stage.by_users else tally.share_of_calls
        table.add_row(
            stage.name,
            ", ".join(duration(each.obeyed.seconds) for each in stage.edits) or "–",
            *(f"{share(color):.1%}" for color in COLORS),
            str(tally.calls),
            str(tally.errors.total()),
            duration(tally.percentile(0.50)),
            duration(tally.percentile(0.99)),
        )
    return table
