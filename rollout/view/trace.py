"""A trace for the eye: the tree of its spans, when each ran, how long, where and why."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mesh import contract
from mesh.tracefile import Span
from mesh.words import duration
from rollout.tracetree import Node, Row, walk
from rollout.view import paint

WIDTH: Final = 18
"""Characters of the time line."""
LONGEST_NAME: Final = 48
"""Characters of a name that the rest makes room for."""

_TOLD: Final = (
    (contract.ATTR_REASON, ""),
    (contract.ATTR_BUCKET, "bucket "),
    (contract.ATTR_REVISION, "rev "),
)


def as_data(roots: Sequence[Node]) -> list[dict[str, Any]]:
    """The tree for scripts."""
    return [
        {
            "trace_id": node.span.trace_id,
            "span_id": node.span.span_id,
            "name": node.span.name,
            "service": node.span.service,
            "kind": node.span.kind,
            "start": node.span.start,
            "seconds": node.span.duration,
            "status": node.span.status,
            "attributes": dict(node.span.attributes),
            "children": as_data(node.children),
        }
        for node in roots
    ]


def show(roots: Sequence[Node]) -> Iterator[RenderableType]:
    """The tree for people."""
    rows = list(walk(roots))
    first = min(row.span.start for row in rows)
    length = max(max(row.span.end for row in rows) - first, 1)
    at = datetime.fromtimestamp(first / 1e9).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    yield Text.assemble(("trace ", "dim"), (rows[0].span.trace_id, "bold"), (f"  {at}", "dim"))
    named = [(row, _name(row)) for row in rows]
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=min(LONGEST_NAME, max(len(name) for _, name in named)))
    table.add_column(no_wrap=True, min_width=7, justify="right")
    table.add_column(no_wrap=True, min_width=WIDTH)
    table.add_column(overflow="fold", style="dim")
    for row, name in named:
        line, told = _line(row.span, first, length), _attributes(row.span, row.parent)
        table.add_row(name, duration(row.span.duration), line, told)
    yield table


def _name(row: Row) -> Text:
    """The method or leg in its colour; a server's span also says which program that was."""
    where = f"  {row.span.service}" if row.span.kind == "server" else ""
    name = row.span.name.rpartition("/")[2]
    return Text.assemble((row.guides, "dim"), (name, _style(row.span)), (where, "dim"))


def _style(span: Span) -> str:
    color = span.attributes.get(contract.ATTR_COLOR)
    return f"bold {paint.style(str(color))}" if color else "bold"


def _line(span: Span, first: int, length: int) -> Text:
    begin = min(int((span.start - first) * WIDTH / length), WIDTH - 1)
    end = max(begin + 1, min(WIDTH, round((span.end - first) * WIDTH / length)))
    line = Text("·" * begin, style="dim")
    line.append("━" * (end - begin), style=_style(span))
    line.append("·" * (WIDTH - end), style="dim")
    return line


def _attributes(span: Span, parent: Span | None) -> Text:
    """What is worth knowing and does not stand in the line above already."""
    above = parent.attributes if parent else {}
    words = []
    for name, word in _TOLD:
        value = span.attributes.get(name)
        if value is not None and value != above.get(name):
            words.append(f"{word}{value}")
    address = span.attributes.get(contract.ATTR_SERVER_ADDRESS)
    if address and span.kind == "client":
        words.append(f"→ {address}:{span.attributes.get(contract.ATTR_SERVER_PORT)}")
    told = Text(" ".join(words))
    status = span.attributes.get(contract.ATTR_RPC_STATUS)
    return Text.assemble((f"{status} ", "bold red"), told) if status and status != "OK" else told
