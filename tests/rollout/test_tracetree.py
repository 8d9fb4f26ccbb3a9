"""Spans as a tree: parents first, in order of start, whatever the file holds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh import contract
from mesh.tracefile import Span
from rollout import tracetree
from rollout.tracetree import Node, tree, walk


def span(id: str, parent: str | None = None, *, start: int = 0, trace: str = "t", **more: object) -> Span:
    return Span(trace, id, parent, f"span {id}", start, start + 10, **more)  # type: ignore[arg-type]


def shape(nodes: tuple[Node, ...]) -> list[object]:
    return [
        [node.span.span_id, shape(node.children)] if node.children else node.span.span_id for node in nodes
    ]


def test_children_stand_under_their_parents_in_order_of_start() -> None:
    spans = [span("c", "a", start=5), span("b", "a", start=2), span("d", "b", start=3), span("a")]
    assert shape(tree(spans)) == [["a", [["b", ["d"]], "c"]]]


def test_a_span_whose_parent_is_elsewhere_is_a_root() -> None:
    """The client's own span, for one, is in the client's own file."""
    assert shape(tree([span("a", "client"), span("b", "a")])) == [["a", ["b"]]]


def test_a_span_written_twice_is_one() -> None:
    assert shape(tree([span("a"), span("a")])) == ["a"]


def test_spans_that_are_each_others_parents_do_no_harm() -> None:
    assert tree([span("a", "b"), span("b", "a")]) == ()
    assert tree([span("a", "a")]) == ()


def test_lines_lead_from_a_parent_to_its_children() -> None:
    rows = list(
        walk(tree([span("a"), span("b", "a", start=1), span("d", "b", start=1), span("c", "a", start=2)]))
    )
    assert [f"{row.guides}{row.span.span_id}" for row in rows] == ["└─ a", "   ├─ b", "   │  └─ d", "   └─ c"]
    assert [row.parent.span_id if row.parent else None for row in rows] == [None, "a", "b", "a"]


def call(id: str, trace: str) -> Span:
    return span(id, trace=trace, kind="server", attributes={contract.ATTR_REVISION: 3})


def test_the_latest_is_the_splitters_last_call_not_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Model servers write a second later, so the last lines belong to older calls."""
    spans = [call("1", "old"), call("2", "new"), span("3", trace="old")]

    def read(path: Path, *, newest_first: bool) -> Iterator[Span]:
        assert newest_first
        return reversed(spans)

    monkeypatch.setattr(tracetree, "read_spans", read)
    found = tracetree.latest(Path("anywhere"))
    assert found
    assert found.trace_id == "new"


def test_a_file_that_is_not_there_has_no_latest() -> None:
    assert tracetree.latest(Path("/nowhere/traces.jsonl")) is None


def test_a_trace_settles_a_moment_after_its_call() -> None:
    ended = Span("t", "a", None, "a", 0, 100 * 10**9)
    assert tracetree.settles_in(ended, 100.5) == pytest.approx(1.0)
    assert tracetree.settles_in(ended, 200) == 0
