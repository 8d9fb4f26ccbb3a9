"""Means and shares lie in their intervals, at every look."""

import numpy as np
import pytest
from scipy.stats import beta

from shadow.verdict.evidence import Numbers
from shadow.verdict.tally import Tally
from shadow.verdict.wealth import enough, log_wealth

RUNS = 400
PAIRS = 3_000
EVERY = np.arange(1, PAIRS + 1)


def ever_wrong(values: Numbers, drawn: Numbers, mean: float, error: float) -> tuple[int, int]:
    """Of how many runs the lower end was ever above the mean, and the upper end ever below, after any pair."""
    low = high = 0
    for run in drawn:
        counts = (run[:, np.newaxis] == values).cumsum(0, dtype=float)
        low += bool((log_wealth(values, counts, mean) >= enough(error)).any())
        high += bool((log_wealth(1 - values, counts, 1 - mean) >= enough(error)).any())
    return low, high


@pytest.mark.parametrize("share", [0.005, 0.5, 0.98])
def test_a_share_is_left_out_by_either_end_no_more_often_than_its_error(share: float) -> None:
    """400 shares, looked at after each of 3 000 pairs; an error of 10 %, so that 40 may be wrong."""
    drawn = (np.random.default_rng(7).random((RUNS, PAIRS)) < share).astype(float)
    low, high = ever_wrong(np.array([0.0, 1.0]), drawn, share, 0.1)
    assert low <= 40
    assert high <= 40
    assert low + high > 4, "an error that is never made is an interval that is too wide"


def test_the_difference_of_paired_failures_is_left_out_no_more_often_than_its_error() -> None:
    drawn = np.random.default_rng(8).choice([0.0, 0.5, 1.0], (RUNS, PAIRS), p=[0.005, 0.985, 0.01])
    low, high = ever_wrong(np.array([0.0, 0.5, 1.0]), drawn, 0.5025, 0.1)
    assert low <= 40
    assert high <= 40


def test_a_mean_of_scores_is_left_out_no_more_often_than_its_error() -> None:
    """The overlap of a top ten."""
    values = np.arange(11) / 10
    weights = np.array([1, 1, 1, 2, 2, 4, 8, 16, 20, 30, 15]) / 100
    drawn = np.random.default_rng(9).choice(values, (RUNS // 4, PAIRS), p=weights)
    low, high = ever_wrong(values, drawn, float(values @ weights), 0.1)
    assert low <= 10
    assert high <= 10


def test_the_ends_are_where_bets_stop_to_refute() -> None:
    tally = Tally.of(np.random.default_rng(1).beta(5, 1, 2_000).round(2))
    low, high = tally.low(0.05), tally.high(0.05)
    assert tally.above(low - 1e-9, 0.05)
    assert not tally.above(low + 1e-9, 0.05)
    assert tally.below(high + 1e-9, 0.05)
    assert not tally.below(high - 1e-9, 0.05)
    assert low < tally.mean < high


def test_a_share_interval_is_not_much_wider_than_one_for_a_single_look() -> None:
    """Clopper–Pearson is right once. Docs say: half as wide again, or nearly so."""
    for hits, pairs in ((0, 1_000), (40, 10_000), (400, 100_000)):
        once = beta.ppf(0.95, hits + 1, pairs - hits) - hits / pairs
        always = Tally.of_share(hits, pairs).high(0.05) - hits / pairs
        assert once < always < 2.3 * once


def test_without_an_error_a_share_is_bounded_after_so_many_pairs() -> None:
    """As docs/verdict.md says; a single look would need 598, 299 and 59."""
    needed = {
        bound: next(pairs for pairs in range(1, 2_000) if Tally.of_share(0, pairs).high(0.05) <= bound)
        for bound in (0.005, 0.01, 0.05)
    }
    assert needed == {0.005: 692, 0.01: 345, 0.05: 68}


def test_a_million_different_scores_are_a_few_thousand_and_none_is_made_more_certain() -> None:
    column = np.random.default_rng(2).beta(5, 1, 1_000_000)
    tally = Tally.of(column)
    few = Tally.of(np.floor(column * 1_000) / 1_000)
    assert tally._rounded_down[0].size <= 4_097
    assert tally.low(0.05) < column.mean() < tally.high(0.05)
    assert tally.high(0.05) - tally.low(0.05) < few.high(0.05) - few.low(0.05) + 1 / 2_048


def test_rounding_moves_the_lower_end_down_and_the_upper_end_up() -> None:
    values = (np.arange(5_000) + 0.5) / 5_000
    many = Tally(values, np.full(5_000, 100.0))
    assert (many._rounded_down[0] @ many._rounded_down[1]) / many.total < many.mean
    other = many.complement._rounded_down
    assert (other[0] @ other[1]) / many.total < 1 - many.mean


def test_scores_that_are_not_there_do_not_count_and_no_score_is_outside() -> None:
    tally = Tally.of(np.array([np.nan, 1.5, -1.0, 0.5]))
    assert list(tally.values) == [0.0, 0.5, 1.0]
    assert tally.total == 3


def test_nothing_is_known_of_nothing() -> None:
    empty = Tally.of(np.empty(0))
    assert (empty.mean, empty.low(0.05), empty.high(0.05)) == (None, 0.0, 1.0)


def test_more_of_the_same_makes_the_interval_narrower() -> None:
    tally = Tally.of_share(3, 100)
    assert (
        tally.low(0.05) < tally.scaled(10).low(0.05) < 0.03 < tally.scaled(10).high(0.05) < tally.high(0.05)
    )
