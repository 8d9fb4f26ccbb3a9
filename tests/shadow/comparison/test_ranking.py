"""What is in both lists, exactly, and how alike their order is, against SciPy."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from mesh.shadowing import OutputRule
from shadow.comparison import correlation
from shadow.comparison.correlation import kendall
from shadow.comparison.ranking import ranking, sets

RULE = OutputRule()

rows = st.lists(st.lists(st.integers(0, 15), min_size=4, max_size=4, unique=True), min_size=1, max_size=3)
ids = (
    st.tuples(rows, rows)
    .filter(lambda two: len(two[0]) == len(two[1]))
    .map(lambda two: tuple(map(np.array, two)))
)


@given(ids)
def test_common_and_top_are_the_sizes_of_intersections(drawn: tuple[Any, Any]) -> None:
    before, after = drawn
    common = sum(len(set(old) & set(new)) for old, new in zip(before.tolist(), after.tolist(), strict=True))
    for part in (ranking(before, after, RULE), sets(before, after, RULE)):
        assert (part.figures["common"], part.figures["top"]) == (common, before.size)
        assert part.score == common / before.size
        assert part.agrees is (common == before.size)


@given(ids)
def test_it_does_not_matter_which_is_the_primary(drawn: tuple[Any, Any]) -> None:
    before, after = drawn
    assert ranking(before, after, RULE).figures == ranking(after, before, RULE).figures
    assert sets(before, after, RULE).figures == sets(after, before, RULE).figures


@given(hnp.arrays("i8", st.integers(0, 20), elements=st.integers(0, 9)), st.randoms())
def test_a_permuted_set_agrees(before: Any, chance: Any) -> None:
    after = before.tolist()
    chance.shuffle(after)
    assert sets(before, np.array(after, "i8"), RULE).agrees


def test_nan_is_one_item_of_a_set() -> None:
    assert sets(np.array([np.nan, 1, np.nan]), np.array([1, np.nan, 1]), RULE).agrees


@pytest.mark.parametrize("size", [2, 10, correlation.BY_HAND, correlation.BY_HAND + 1, 200])
@given(data=st.data())
def test_the_correlation_is_kendalls_with_ties_as_scipy_has_it(size: int, data: st.DataObject) -> None:
    ranks = st.lists(st.integers(0, size // 2), min_size=size, max_size=size)
    left, right = data.draw(ranks), data.draw(ranks)
    expected = stats.kendalltau(left, right, variant="b").statistic
    found = kendall(left, right)
    if np.isnan(expected):
        assert found is None
    else:
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("count", [0, 1])
def test_of_fewer_than_two_there_is_no_correlation(count: int) -> None:
    assert kendall([1] * count, [1] * count) is None


def test_order_is_a_figure_and_not_a_disagreement() -> None:
    part = ranking(np.array([1, 2, 3]), np.array([3, 2, 1]), RULE)
    assert part.agrees
    assert part.figures == {"common": 3, "top": 3, "correlation": -1}


def test_the_correlation_is_over_what_both_have_by_their_places() -> None:
    before, after = np.array([7, 1, 2, 3, 9]), np.array([2, 1, 8, 6, 3])
    expected = stats.kendalltau([1, 2, 3], [1, 0, 4]).statistic
    assert ranking(before, after, RULE).figures["correlation"] == pytest.approx(expected)


@pytest.mark.parametrize(
    "scores", [[0.9, 0.5, 0.5, 0.1], [0.9, 0.50002, 0.5, 0.1], [3, np.inf, np.inf, np.nan], [np.inf, 3, 3, 1]]
)
def test_neighbours_whose_scores_are_within_tolerance_are_tied(scores: Any) -> None:
    items, scores = np.array([1, 2, 3, 4]), np.array(scores)
    moved, same = np.array([1, 3, 2, 4]), scores
    assert ranking(items, moved, RULE, (scores, same)).figures["correlation"] == pytest.approx(1)
    assert ranking(items, moved, RULE).figures["correlation"] < 1
    apart = np.array([0.9, 0.6, 0.5, 0.1])
    assert ranking(items, moved, RULE, (scores, apart)).figures["correlation"] < 1
    flat = np.full(4, 0.5)
    assert "correlation" not in ranking(items, items, RULE, (flat, flat)).figures


@pytest.mark.parametrize(("overlap", "agrees"), [(1.0, False), (0.81, False), (0.8, True), (0.0, True)])
def test_a_ranking_and_a_set_agree_from_the_overlap_that_the_document_names(
    overlap: float, agrees: bool
) -> None:
    before, after = np.arange(10), np.r_[np.arange(8), 77, 88]
    for part in (
        ranking(before, after, OutputRule(overlap=overlap)),
        sets(before, after, OutputRule(overlap=overlap)),
    ):
        assert part.agrees is agrees
        assert part.score == 0.8
        assert part.detail == ("" if agrees else "8 of 10 in both, without 8, 9")


def test_only_the_top_counts() -> None:
    before, after = np.arange(100), np.r_[np.arange(5), np.arange(50, 145)]
    assert ranking(before, after, OutputRule(top=10)).figures["common"] == 5
    assert ranking(before, after, OutputRule(top=5)).agrees


def test_every_row_has_to_agree() -> None:
    before, after = np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 9]])
    part = ranking(before, after, OutputRule(overlap=0.75))
    assert (part.agrees, part.good, part.of) == (False, 3, 4)


def test_a_shorter_list_lacks_what_it_lacks() -> None:
    part = ranking(np.arange(10)[None], np.arange(9)[None], RULE)
    assert (part.good, part.of, part.detail) == (9, 10, "9 of 10 in both, without 9")
    assert sets(np.arange(2), np.arange(3), RULE).score == pytest.approx(2 / 3)


def test_items_that_repeat_count_as_often_as_in_both() -> None:
    assert ranking(np.array([5, 5, 1]), np.array([5, 2, 1]), RULE).figures["common"] == 2


def test_of_scores_the_largest_come_first_and_their_places_are_the_items() -> None:
    before = np.array([[0.1, 0.9, 0.5, np.nan]], "f4")
    after = np.array([[0.2, 0.9, 0.1, 0.8]], "f4")
    part = ranking(before, after, OutputRule(top=2))
    assert (part.figures["common"], part.figures["top"]) == (1, 2)
    assert part.detail == "1 of 2 in both, without 2"


def test_of_equal_scores_the_first_come_first() -> None:
    before, after = np.random.default_rng(3).integers(0, 3, 1_000).astype("f4"), np.zeros(1_000, "f4")
    after[sorted(range(1_000), key=lambda at: -before[at])[:10]] = 1
    assert ranking(before, after, RULE).figures["common"] == 10


def test_bytes_are_items_too() -> None:
    before, after = np.array([b"a", b"b"], object), np.array([b"b", b"\xff"], object)
    assert ranking(before, after, RULE).detail == "1 of 2 in both, without a"
    assert ranking(after, before, RULE).detail == "1 of 2 in both, without \\xff"


@pytest.mark.parametrize("shape", [(0,), (0, 4), (4, 0)])
def test_no_items_agree(shape: tuple[int, ...]) -> None:
    for dtype in ("i8", "f4"):
        part = ranking(np.empty(shape, dtype), np.empty(shape, dtype), RULE)
        assert (part.agrees, part.score, part.figures) == (True, 1.0, {"common": 0, "top": 0})
    assert sets(np.empty(shape), np.empty(shape), RULE).agrees


def test_a_scalar_is_a_list_of_one() -> None:
    assert not sets(np.array(1), np.array(2), RULE).agrees
    assert ranking(np.array(1), np.array(1), RULE).agrees
    assert ranking(np.array(1.5), np.array(2.5), RULE).agrees
