"""One pair that disagrees, in the terminal: what was asked, both answers side by side, and how to see its trace."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rollout.view import paint
from shadow.report import words
from shadow.report.report import Difference, Disagreement
from shadow.report.sides import Mark, Side, lines

ROWS: Final = 10
"""Of one tensor; the page has more."""
_STYLES: Final = {Mark.SAME: "dim", Mark.MOVED: "yellow", Mark.DIFFERENT: "red"}


def disagreement(pair: Disagreement) -> Iterator[RenderableType]:
    """The lines of one pair."""
    bucket = f"  bucket {pair.bucket}" if pair.bucket is not None else ""
    yield Text.assemble(
        ("score ", "dim"),
        (f"{pair.score:.3g}", "bold red"),
        f"  {words.when(pair.at)}  {pair.method.rpartition('/')[2]}",
        (f"{bucket}  revision {pair.revision}", "dim"),
    )
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for tensors in pair.request.messages:
        for tensor in tensors:
            grid.add_row(
                "request", Text.assemble((tensor.name, "bold"), (f" {tensor.form} ", "dim"), tensor.values)
            )
    if pair.request.text:
        grid.add_row("request", Text(pair.request.text))
    for told in (pair.primary, pair.shadow):
        grid.add_row(paint.name(told.color), Text(words.told(told)))
    for each in pair.differences:
        if not each.agrees:
            grid.add_row("", Text.assemble((each.output, "bold"), f" {each.detail}"))
    if pair.error:
        grid.add_row("error", Text(pair.error, style="red"))
    if pair.trace_id:
        grid.add_row("trace", Text(f"verdigris trace {pair.trace_id}", style="cyan"))
    yield Padding(grid, (0, 0, 0, 2))
    tables = [
        _side(each, side, pair) for each in pair.differences if not each.agrees for side in each.sides[:1]
    ]
    if pair.other:
        texts = lines(pair.other[0].text, pair.other[1].text)
        tables = [
            _text(told.color, text) for told, text in zip((pair.primary, pair.shadow), texts, strict=True)
        ]
    if tables:
        beside = Table.grid(padding=(0, 3))
        beside.add_row(*tables[:3])
        yield Padding(beside, (0, 0, 0, 2))


def _text(color: str, text: Sequence[tuple[str, bool]]) -> RenderableType:
    shown = [Text(line, style=_STYLES[Mark.DIFFERENT] if differs else "dim") for line, differs in text[:ROWS]]
    left = [Text(f"… {len(text) - ROWS} more", style="dim")] if len(text) > ROWS else []
    return Group(paint.name(color), *shown, *left)


def _side(difference: Difference, side: Side, pair: Disagreement) -> RenderableType:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", show_edge=False)
    changes = any(each.change for each in side.rows[:ROWS])
    for title in ("", pair.primary.color, pair.shadow.color, *(["change"] if changes else [])):
        table.add_column(title, justify="right", overflow="ellipsis", no_wrap=True)
    for row in side.rows[:ROWS]:
        style = _STYLES[row.mark]
        cells = (Text(row.place, style="dim"), Text(row.primary), Text(row.shadow, style=style))
        table.add_row(*cells, *([Text(row.change, style="dim")] if changes else []))
    left = side.more + max(0, len(side.rows) - ROWS)
    if left:
        table.add_row("…", Text(f"{left} more", style="dim"))
    form = f" {side.primary or side.shadow}"
    return Group(Text.assemble((difference.output, "bold"), (form, "dim"), no_wrap=True), table)
