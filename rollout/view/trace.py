"""A trace for the eye: the tree of its spans, when each ran, how long, where and why."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mesh import contract
from mesh.tracefile import Span
from rollout.tracetree import Node, walk
from rollout.view import paint
from rollout.words import duration

WIDTH: Final = 24
"""Characters of the time line."""

_TOLD: Final = (contract.ATTR_REASON, contract.ATTR_BUCKET, contract.ATTR_REVISION)


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
    first = min(span.start for _, span in rows)
    length = max(max(span.end for _, span in rows) - first, 1)
    at = datetime.fromtimestamp(first / 1e9).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    yield Text.assemble(("trace ", "dim"), (rows[0][1].trace_id, "bold"), (f"  {at}", "dim"))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    for guides, span in rows:
        where = f"  {span.service}" if span.kind == "server" else ""
        name = Text.assemble((guides, "dim"), (span.name.rpartition("/")[2], _style(span)), (where, "dim"))
        table.add_row(name, duration(span.duration), _line(span, first, length), _attributes(span))
    yield table


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


def _attributes(span: Span) -> Text:
    told = Text()
    status = span.attributes.get(contract.ATTR_RPC_STATUS)
    if status and status != "OK":
        told.append(f"{status} ", style="bold red")
    for name in _TOLD:
        value = span.attributes.get(name)
        if value is not None:
            word = name.rpartition(".")[2]
            told.append(f"{value} " if name == contract.ATTR_REASON else f"{word} {value} ")
    address = span.attributes.get(contract.ATTR_SERVER_ADDRESS)
    if address and span.kind == "client":
        told.append(f"→ {address}:{span.attributes.get(contract.ATTR_SERVER_PORT)}")
    return told
