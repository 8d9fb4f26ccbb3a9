"""What the primary disagrees with itself is taken out, with the doubt of both."""

import numpy as np
import pytest

from shadow.verdict.criterion import Criterion, Risk
from shadow.verdict.evidence import Flags
from shadow.verdict.noise import AboveNoise
from shadow.verdict.tally import Tally
from shadow.verdict.verdict import State

LOOKS = range(50, 2_001, 50)


def drawn(share: float, pairs: int, seed: int) -> Flags:
    return np.random.default_rng(seed).random(pairs) < share


def test_observed_is_the_difference_of_both_shares_and_no_more_than_all() -> None:
    mine, noise = np.arange(100) < 20, np.arange(50) < 5
    assert AboveNoise.of(mine, noise).observed == pytest.approx(0.9)
    assert AboveNoise.of(noise, mine).observed == 1.0
    assert AboveNoise.of(mine, noise[:0]).observed is None


@pytest.mark.parametrize("every", [1, 3, 10])
def test_the_truth_is_left_out_by_either_end_no_more_often_than_the_error(every: int) -> None:
    """200 shadows, 40 looks each, an error of 10 %; the noise has as many pairs, or a third, or a tenth. Whoever
    looks sees pairs that are not yet beside any of the noise."""
    truth = 1 - 0.1 + 0.06
    low = high = 0
    for seed in range(200):
        mine, noise = drawn(0.1, 2_000, seed), drawn(0.06, 2_000 // every, 10_000 + seed)
        gauges = [AboveNoise.of(mine[:look], noise[: look // every]) for look in LOOKS]
        low += any(each.above(truth, 0.1, each.pairs) for each in gauges)
        high += any(each.below(truth, 0.1, each.pairs) for each in gauges)
    assert low <= 20
    assert high <= 20


@pytest.mark.parametrize("every", [1, 5])
def test_the_ends_are_where_bets_stop_to_refute(every: int) -> None:
    gauge = AboveNoise.of(drawn(0.2, 3_000, 1), drawn(0.1, 3_000 // every, 2))
    low, high = gauge.low(0.05, 3_000), gauge.high(0.05, 3_000)
    assert 0.8 < low < 0.9 < high < 1.0
    assert gauge.above(low - 1e-9, 0.05, 3_000)
    assert not gauge.above(low + 1e-9, 0.05, 3_000)
    assert gauge.below(high + 1e-9, 0.05, 3_000)
    assert not gauge.below(high - 1e-9, 0.05, 3_000)


def test_where_nothing_disagrees_a_noise_floor_costs_little() -> None:
    """Be it of many pairs or of few: a difference is not more than the shadow's own disagreement."""
    without = 1 - Tally.of_share(0, 1_000).high(0.05)
    for pairs in (1_000, 50):
        beside = AboveNoise.of(np.zeros(1_000, np.bool_), np.zeros(pairs, np.bool_)).low(0.05, 1_000)
        assert 0.6 < (1 - without) / (1 - beside) <= 1


def test_without_noise_to_hold_it_against_no_disagreement_is_the_shadows() -> None:
    gauge = AboveNoise.of(np.ones(1_000, np.bool_), np.ones(0, np.bool_))
    assert (gauge.low(0.05, 1_000), gauge.high(0.05, 1_000)) == (pytest.approx(0.0, abs=0.01), 1.0)


def test_the_noise_of_the_same_kind_is_found_to_be_no_fault() -> None:
    gauge = AboveNoise.of(drawn(0.2, 20_000, 1), drawn(0.2, 20_000, 2))
    assert 0.98 < gauge.low(0.05, 20_000) < gauge.high(0.05, 20_000) == 1.0


def test_it_is_foretold_with_more_noise_measured_too() -> None:
    mine, noise = drawn(0.02, 60_000, 3), drawn(0.02, 60_000, 4)

    def at_least(pairs: int) -> Criterion:
        gauge = AboveNoise.of(mine[:pairs], noise[:pairs])
        return Criterion("agreement", gauge, 0.99, True, Risk(ready=0.05, not_ready=0.01))

    forecast = at_least(3_000).forecast()
    assert at_least(3_000).state(3_000) == State.NOT_ENOUGH_DATA
    assert forecast.more is not None
    assert 100 < forecast.more < 57_000
    assert at_least(60_000).state(60_000) == forecast.state == State.READY


def test_a_primary_that_disagrees_with_itself_more_often_than_not_makes_nobody_ready() -> None:
    """All of it is within the noise, and none of it is agreement."""
    everything = np.ones(3_000, np.bool_)
    gauge = AboveNoise.of(everything, everything)
    assert not gauge.above(0.99, 0.05, 3_000)
    assert gauge.low(0.05, 3_000) == 0.0
    criterion = Criterion("agreement", gauge, 0.99, True, Risk(0.05, 0.01))
    assert criterion.state(3_000) is State.NOT_ENOUGH_DATA
