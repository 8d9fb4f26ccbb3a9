"""Quantiles lie in their intervals, at every look, whatever the distribution."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable

import numpy as np
import pytest

from shadow.verdict.evidence import Numbers
from shadow.verdict.quantiles import Sample, rank_above, rank_below

RUNS = 200
PAIRS = 2_000
LOOKS = range(20, PAIRS + 1, 20)
ERROR = 0.1

DRAWS: dict[str, tuple[Callable[[np.random.Generator], Numbers], Callable[[float], float]]] = {
    "uniform": (lambda chance: chance.random(PAIRS), lambda share: share),
    "steps": (
        lambda chance: np.ceil(chance.random(PAIRS) * 10),  # the quantile of 0.5 is 5, of 0.99 it is 10
        lambda share: float(np.ceil(share * 10)),
    ),
    "timeouts": (
        lambda chance: np.where(chance.random(PAIRS) < 0.02, np.inf, 1.0),
        lambda share: 1.0 if share <= 0.98 else np.inf,
    ),
}


@pytest.mark.parametrize("share", [0.5, 0.99])
@pytest.mark.parametrize("draw", DRAWS)
def test_a_quantile_is_left_out_by_either_end_no_more_often_than_its_error(draw: str, share: float) -> None:
    """200 samples, 100 looks each: 20 of either may be wrong."""
    make, quantile = DRAWS[draw]
    truth = quantile(share)
    low = high = 0
    for seed in range(RUNS):
        drawn = make(np.random.default_rng(seed))
        at_most, less = (drawn <= truth).cumsum(), (drawn < truth).cumsum()
        # the lower end is above the truth if as many values are at most the truth as are surely at most the quantile
        low += any(at_most[look - 1] <= rank_below(look, share, ERROR) for look in LOOKS)
        high += any(less[look - 1] >= rank_above(look, share, ERROR) for look in LOOKS)
    assert low <= 20
    assert high <= 20


def test_the_ends_are_values_that_were_seen() -> None:
    drawn = np.random.default_rng(3).lognormal(0, 1, 3_000)
    sample = Sample.of(drawn)
    for share in (0.5, 0.99):
        low, middle, high = (
            sample.low(share, 0.05, 3_000),
            sample.quantile(share),
            sample.high(share, 0.05, 3_000),
        )
        assert low < middle < high
        assert {low, middle, high} <= set(drawn)


def test_the_ends_have_the_ranks_that_are_sure() -> None:
    """Held against a count: the lower end exceeds just as many values as surely lie below."""
    ordered: list[float] = []
    for each in np.random.default_rng(4).random(500):
        insort(ordered, each)
    sample = Sample.of(np.array(ordered))
    low, high = sample.low(0.5, 0.05, 500), sample.high(0.5, 0.05, 500)
    assert bisect_left(ordered, low) == rank_below(500, 0.5, 0.05)
    assert bisect_right(ordered, high) == rank_above(500, 0.5, 0.05)


def test_a_high_quantile_has_no_upper_end_before_so_many_values() -> None:
    """The largest of n is above p99 with a chance that falls as 0.99 ** n; at any time, 300 are too few."""
    assert Sample.of(np.arange(300.0)).high(0.99, 0.05, 300) == np.inf
    assert Sample.of(np.arange(400.0)).high(0.99, 0.05, 400) == 399.0


def test_nothing_is_known_of_nothing() -> None:
    empty = Sample.of(np.empty(0))
    assert (empty.quantile(0.5), empty.low(0.5, 0.05, 0), empty.high(0.5, 0.05, 0)) == (None, 0.0, np.inf)


def test_more_of_the_same_makes_the_interval_narrower() -> None:
    sample = Sample.of(np.arange(1.0, 101.0))
    assert sample.low(0.5, 0.05, 100) < sample.low(0.5, 0.05, 10_000) < 51
    assert sample.high(0.5, 0.05, 100) > sample.high(0.5, 0.05, 10_000) >= 50


def test_a_quantile_is_the_smallest_value_that_so_many_do_not_exceed() -> None:
    sample = Sample.of(np.arange(1.0, 101.0))
    assert (sample.quantile(0.5), sample.quantile(0.99), sample.quantile(0.991)) == (50.0, 99.0, 100.0)
