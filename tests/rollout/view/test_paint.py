"""Bars and names: every share is seen, and every colour has a style."""

from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from mesh.traffic import GRAIN, Share
from rollout.view import paint
from tests.mesh.documents import colors, splits


@given(splits(), st.integers(10, 80))
def test_a_bar_is_as_wide_as_asked_and_shows_every_share(split: tuple[Share, ...], width: int) -> None:
    drawn = paint.bar(split, width)
    assert drawn.plain == "━" * width
    lengths = {paint.style(share.color): 0 for share in split}
    for span in drawn.spans:
        lengths[str(span.style)] += span.end - span.start
    assert all(lengths[paint.style(share.color)] for share in split if share.weight)


def test_a_bar_is_in_proportion() -> None:
    drawn = paint.bar([Share("blue", 7500), Share("green", 2500)], 40)
    assert [span.end - span.start for span in drawn.spans] == [30, 10]


def test_a_bar_of_nothing_is_empty() -> None:
    assert paint.bar([Share("blue", 0)], 40).plain == ""


@given(colors)
def test_every_colour_has_a_style_that_the_terminal_knows(color: str) -> None:
    assert Style.parse(paint.style(color)).color


def test_a_legend_names_every_colour_also_those_with_0() -> None:
    assert paint.legend([Share("blue", GRAIN), Share("green", 0)]).plain == "blue 100 %  green 0 %"
    assert paint.legend([Share("blue", 6667)], unit="").plain == "blue 66.67"
