"""The end of the demo: a trace, a table of the stages, and every promise with its figures."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from mesh import contract
from mesh.tracefile import read_spans
from rollout.demo.promises import Promise
from rollout.demo.show import kept
from rollout.demo.stage import Stage
from rollout.local import COLORS, Mesh
from rollout.tracetree import Node, find
from rollout.view import paint
from rollout.view.trace import show as show_trace
from rollout.words import duration


def shadowed_trace(mesh: Mesh) -> tuple[Node, ...]:
    """The trace of a call that had a shadow: the fullest tree there is."""
    for span in read_spans(mesh.trace_file):
        if span.kind == "client" and span.attributes.get(contract.ATTR_ROLE) == contract.ROLE_SHADOW:
            return find(mesh.trace_file, span.trace_id)
    return ()


def show(
    stages: Sequence[Stage], promises: Sequence[Promise], trace: tuple[Node, ...]
) -> Iterator[RenderableType]:
    """Everything at a glance."""
    if trace:
        yield from _headline("The trace of one shadowed call")
        yield from (Padding(line, (0, 0, 0, 2)) for line in show_trace(trace))
    yield from _headline("Summary")
    yield Padding(_table(stages), (0, 0, 1, 2))
    for promise in promises:
        yield Padding(kept(promise), (0, 0, 0, 2))
    broken = sum(not promise.kept for promise in promises)
    if broken:
        yield Text(f"\n{broken} of {len(promises)} promises broken.", style="bold red")
    else:
        yield Text(f"\nAll {len(promises)} promises kept.", style="bold green3")


def _headline(text: str) -> Iterator[RenderableType]:
    yield Text()
    yield Rule(Text(text, style="bold"), align="left", style="dim")


def _table(stages: Sequence[Stage]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    table.add_column("stage")
    table.add_column("obeyed after", justify="right")
    for color in COLORS:
        table.add_column(paint.name(color), justify="right")
    for title in ("calls", "errors", "p50", "p99"):
        table.add_column(title, justify="right")
    for stage in stages:
        tally = stage.tally
        share = tally.share_of_users if stage.by_users else tally.share_of_calls
        table.add_row(
            stage.name,
            ", ".join(duration(each.obeyed.seconds) for each in stage.edits) or "–",
            *(_share(share(color), stage.target.get(color, 0.0)) for color in COLORS),
            str(tally.calls),
            str(tally.errors.total()),
            duration(tally.percentile(0.50)),
            duration(tally.percentile(0.99)),
        )
    return table


def _share(actual: float, target: float) -> Text:
    return Text.assemble(f"{actual:.1%}", (f" of {target:.0%}", "dim"))
