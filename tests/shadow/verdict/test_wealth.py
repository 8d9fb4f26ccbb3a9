"""Bets against a claim that is true win nothing in expectation."""

import numpy as np
import pytest
from scipy.stats import binom

from shadow.verdict.wealth import enough, log_wealth

BITS = np.array([0.0, 1.0])


@pytest.mark.parametrize("mean", [0.005, 0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("pairs", [1, 7, 200])
def test_wealth_is_one_on_average_where_the_mean_is_what_is_claimed(mean: float, pairs: int) -> None:
    """Summed over all that can happen: no chance in this test."""
    ones = np.arange(pairs + 1)
    wealth = log_wealth(BITS, np.stack([pairs - ones, ones], -1), mean)
    assert np.exp(wealth + binom.logpmf(ones, pairs, mean)).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("truth", [0.0, 0.1, 0.299])
def test_wealth_is_less_on_average_where_the_mean_is_below_what_is_claimed(truth: float) -> None:
    ones = np.arange(51)
    wealth = np.exp(log_wealth(BITS, np.stack([50 - ones, ones], -1), 0.3))
    assert wealth @ binom.pmf(ones, 50, truth) < 1.0


def test_wealth_is_one_on_average_for_three_values_too() -> None:
    """-1, 0 and 1 as they are counted of failures, in two pairs."""
    share = np.array([0.2, 0.5, 0.3])
    values = np.array([0.0, 0.5, 1.0])
    counts = np.array([np.eye(3)[a] + np.eye(3)[b] for a in range(3) for b in range(3)])
    chance = np.outer(share, share).ravel()
    assert np.exp(log_wealth(values, counts, float(values @ share))) @ chance == pytest.approx(1.0)


def test_wealth_falls_as_the_claimed_mean_rises() -> None:
    """So what is refuted is everything below one number, which is the end of an interval."""
    counts = np.array([3.0, 5.0, 9.0])
    wealth = [
        float(log_wealth(np.array([0.0, 0.25, 1.0]), counts, mean)) for mean in np.linspace(0.001, 1, 200)
    ]
    assert np.all(np.diff(wealth) < 0)


def test_nothing_seen_is_nothing_won() -> None:
    assert float(log_wealth(BITS, np.zeros(2), 0.5)) == pytest.approx(0.0)


def test_a_mean_of_nothing_is_refuted_by_anything_but_zeros() -> None:
    assert list(log_wealth(BITS, np.array([[5, 0], [5, 1]]), 0.0)) == [0.0, np.inf]


def test_a_claim_that_may_never_be_refuted_wrongly_is_never_refuted() -> None:
    assert enough(0.0) == np.inf
