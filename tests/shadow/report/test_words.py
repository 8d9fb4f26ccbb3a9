"""Figures as people read them."""

import pytest

from shadow.report import words
from shadow.report.report import Accounting, Figure, Output, Subject
from shadow.verdict.verdict import State
from tests.shadow.report import example


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.99996, "99.996 %"),
        (0.00004, "0.004 %"),
        (0.9973, "99.7 %"),
        (None, "–"),
    ],
)
def test_a_share_is_100_percent_only_if_it_is_all_and_0_only_if_it_is_nothing(
    value: float | None, expected: str
) -> None:
    assert words.share(value) == expected


def test_a_share_of_errors_has_a_sign() -> None:
    assert words.share(0.0012, signed=True) == "+0.1 %"
    assert words.share(-0.02, signed=True) == "-2.0 %"
    assert words.share(0.0, signed=True) == "0 %"


def test_the_accounting_is_an_equation_that_closes() -> None:
    accounting = Accounting(1_000, 6, 3, 1, (("dropped", "bytes", 1), ("failed", "reset", 6)))
    assert (
        words.equation(accounting) == "1 010 mirrored = 1 000 compared + 6 failed + 3 timed out + 1 dropped"
    )
    assert words.reasons(accounting) == ["dropped: 1 bytes", "failed: 6 reset"]


def test_each_criterion_has_the_unit_of_what_it_bounds() -> None:
    pairs, agreement, _, errors, p50, _ = example.verdict().findings
    assert (words.wanted(pairs), words.interval(pairs)) == ("≥ 300", "")
    assert (words.wanted(agreement), words.interval(agreement)) == ("≥ 99 %", "99.5 … 99.9 %")
    assert words.wanted(errors) == "≤ 0.5 %"
    assert (words.wanted(p50), words.interval(p50)) == ("≤ 2 ×", "1.02 … 1.06 ×")


def test_how_many_pairs_are_missing_is_said_in_words() -> None:
    assert words.more(0) == ""
    assert words.more(1) == "about 1 more pair"
    assert words.more(None) == "more pairs would not decide it"
    assert words.headline(State.NOT_ENOUGH_DATA) == "NOT ENOUGH DATA"


def test_the_top_of_a_ranking_is_told_as_items_in_both() -> None:
    items = example.report().outputs[0]
    assert words.figures(items) == "5.423 of 10 in both; correlation 0.71"


def test_a_classifier_tells_how_many_rows_flip() -> None:
    figures = (
        Figure("flips", 0, 0, 1, 12, 300),
        Figure("rows", 1, 1, 1, 300, 300),
        Figure("first", 0, 0, 0, 0, 300),
    )
    assert words.figures(Output("label", "class", 300, 288, 0.96, 0.0, figures)) == "12 of 300 flip"


def test_a_colour_beside_itself_is_told_apart() -> None:
    assert words.legs(Subject("recommender", "green", ("blue",))) == ("blue", "green")
    assert words.legs(Subject("recommender", "blue", ("blue",), "replay")) == (
        "blue (primary)",
        "blue (replay)",
    )


def test_a_title_names_both_colours_and_the_replay() -> None:
    assert (
        words.title(Subject("recommender", "green", ("blue",), run="replay-1"))
        == "green against blue, replay replay-1"
    )
    assert words.period(Subject("recommender", "green")) == "no pairs"
