"""The spans of one trace as a tree: which trace, who is whose child, in order of start. Pure but for the reading."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from mesh import contract
from mesh.tracefile import Span, read_spans

MOST: Final = 500
"""Spans of one trace that are shown; a client may put a thousand calls into one."""

SETTLED_AFTER: Final = 1.5
"""Seconds; a model server writes its spans once a second."""


@dataclass(frozen=True, slots=True)
class Node:
    """A span and the spans that name it as their parent."""

    span: Span
    children: tuple["Node", ...]


class Row(NamedTuple):
    """A span on a line of its own, with the lines that lead to it, and its parent."""

    guides: str
    span: Span
    parent: Span | None


def latest(path: Path) -> Span | None:
    """The span of the call that the splitter finished last; any newest span if it has finished none."""
    newest = None
    for span in islice(read_spans(path, newest_first=True), 10_000):
        if span.kind == "server" and contract.ATTR_REVISION in span.attributes:
            return span
        newest = newest or span
    return newest


def settles_in(span: Span, now: float) -> float:
    """Seconds until every program has written what belongs to the span's trace; `now` in unix seconds."""
    return max(0.0, span.end / 1e9 + SETTLED_AFTER - now)


def find(path: Path, trace_id: str) -> tuple[Node, ...]:
    """The trace with this id as its roots; nothing if there is none."""
    return tree(islice(read_spans(path, trace_id=trace_id), MOST))


def tree(spans: Iterable[Span]) -> tuple[Node, ...]:
    """Roots are the spans whose parents are not here; a span seen twice is one."""
    known = {span.span_id: span for span in spans}
    children: dict[str | None, list[Span]] = {}
    for span in sorted(known.values(), key=lambda each: (each.start, each.end)):
        children.setdefault(span.parent_id if span.parent_id in known else None, []).append(span)
    return tuple(_node(span, children, frozenset()) for span in children.get(None, ()))


def walk(nodes: Sequence[Node], above: Span | None = None, guides: str = "") -> Iterator[Row]:
    """Every span, top down."""
    for position, node in enumerate(nodes):
        is_last = position == len(nodes) - 1
        yield Row(guides + ("└─ " if is_last else "├─ "), node.span, above)
        yield from walk(node.children, node.span, guides + ("   " if is_last else "│  "))


def _node(span: Span, children: dict[str | None, list[Span]], above: frozenset[str]) -> Node:
    above |= {span.span_id}  # a file can hold anything, also a span that is its own ancestor
    below = (each for each in children.get(span.span_id, ()) if each.span_id not in above)
    return Node(span, tuple(_node(each, children, above) for each in below))
