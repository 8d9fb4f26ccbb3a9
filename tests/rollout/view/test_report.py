"""The report in the terminal: what has to be there, at every width, and nothing wider than the terminal."""

import io

import pytest
from rich.console import Console

from rollout.view.report import show
from shadow.report.report import Report
from shadow.verdict.verdict import State
from tests.shadow.report import example


def drawn(*reports: Report, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for line in show(reports):
        console.print(line)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_verdict_criteria_accounting_and_figures_are_there(width: int) -> None:
    text = drawn(example.report(), width=width)
    for expected in (
        "recommender  green against blue",
        "NOT READY",
        "criteria: the document in Consul, revision 41",
        "✗ output scores: every value is 1.10 × the primary's",
        "53.1 … 55.3 %",
        "≥ 60 %",
        "about 420 more pairs",
        "9 900 mirrored = 9 800 compared + 42 failed + 28 timed out + 30 dropped",
        "5.423 of 10 in both",
        "16.3 ms",
        f"verdigris trace {example.TRACE}",
        "2 more with --html FILE or --json",
    ):
        assert expected in text
    assert max(map(len, text.splitlines())) <= width


def test_both_answers_stand_side_by_side() -> None:
    lines = drawn(example.report(), width=120).splitlines()
    assert any(
        line.split() == ["8", "319", "2571", "8", "3.7", "4.07", "+0.45", "(+10", "%)"] for line in lines
    )


def test_of_a_shadow_without_pairs_only_the_verdict_is_there() -> None:
    text = drawn(example.empty())
    assert "NOT ENOUGH DATA" in text
    assert "0 mirrored = 0 compared + 0 failed + 0 timed out + 0 dropped" in text
    assert "environment" not in text


def test_what_a_model_says_is_no_markup() -> None:
    assert "<script>" in drawn(example.hostile(), width=200)


def test_what_differs_but_is_allowed_is_no_cross() -> None:
    text = drawn(example.report(State.READY))
    assert "• 5.1 × slower (median)" in text


def test_several_colours_come_one_after_the_other() -> None:
    text = drawn(example.report(State.READY), example.empty())
    assert text.index("READY") < text.index("NOT ENOUGH DATA")
