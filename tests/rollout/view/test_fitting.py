"""No terminal is too narrow for an answer."""

import io

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollout.view.fitting import Fitting


def shown(width: int) -> str:
    table = Table(box=None, show_edge=False)
    table.add_column("revision", no_wrap=True)
    table.add_column("split", no_wrap=True)
    table.add_column("note")
    table.add_column("seen by", overflow="fold")
    table.add_row(
        "12", Text("blue 33.33  green 66.67"), "why it was made, in a sentence", "host-1-0123456789abcdef"
    )
    table.add_row("13", Text("red 100"), "", "host-2")
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(Fitting(table))
    return out.getvalue()


@pytest.mark.parametrize("width", [10, 24, 40, 60, 80, 100, 200])
def test_every_word_is_there_at_any_width(width: int) -> None:
    said = "".join(shown(width).split())
    for word in ("12", "blue", "33.33", "66.67", "sentence", "13", "red", "host-2"):
        assert word in said
    assert "…" not in said
    assert max(map(len, shown(width).splitlines())) <= width


def test_it_is_a_table_where_there_is_room() -> None:
    assert shown(100).splitlines()[0].split() == ["revision", "split", "note", "seen", "by"]
    assert "revision" not in shown(40)


def test_what_is_empty_is_left_out_of_a_line() -> None:
    assert "13  red 100  host-2" in shown(40)
