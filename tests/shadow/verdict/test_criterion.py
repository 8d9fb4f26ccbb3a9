"""When a criterion is decided, and how many more pairs decide it."""

import numpy as np
import pytest

from shadow.verdict.criterion import Criterion, Risk
from shadow.verdict.gauges import Excess, Gauge, Latency, Mean
from shadow.verdict.quantiles import Sample
from shadow.verdict.tally import Tally
from shadow.verdict.verdict import State

RISK = Risk(ready=0.05, not_ready=0.0125)


def at_least(bound: float, gauge: Gauge) -> Criterion:
    return Criterion("x", gauge, bound, True, RISK)


def at_most(bound: float, gauge: Gauge) -> Criterion:
    return Criterion("x", gauge, bound, False, RISK)


def share(hits: int, pairs: int) -> Mean:
    return Mean(Tally.of_share(hits, pairs))


def failures(only_shadow: int, pairs: int) -> Excess:
    return Excess(Tally(np.array([0.0, 0.5, 1.0]), np.array([0.0, pairs - only_shadow, only_shadow])))


def test_the_state_follows_from_the_interval() -> None:
    for hits in (850, 880, 900, 920, 950):
        found = at_least(0.9, share(hits, 1_000))
        low, high = found.interval()
        expected = State.READY if low >= 0.9 else State.NOT_READY if high < 0.9 else State.NOT_ENOUGH_DATA
        assert found.state(1_000) == expected
    assert at_least(0.9, share(950, 1_000)).state(1_000) == State.READY
    assert at_least(0.9, share(850, 1_000)).state(1_000) == State.NOT_READY


def test_at_most_is_the_other_way_round() -> None:
    assert at_most(0.005, failures(0, 1_000)).state(1_000) == State.READY
    assert at_most(0.005, failures(50, 1_000)).state(1_000) == State.NOT_READY


@pytest.mark.parametrize("pairs", [20, 100, 500])
@pytest.mark.parametrize("gauge", [share(1, 1), share(99, 100), share(49, 50), share(9, 10)], ids=str)
def test_so_many_more_decide_it(gauge: Mean, pairs: int) -> None:
    """And a hundredth fewer do not."""
    gauge = Mean(gauge.tally.scaled(pairs / gauge.pairs))
    found = at_least(0.97, gauge)
    forecast = found.forecast()
    assert forecast.more is not None
    assert found.state(gauge.pairs + forecast.more) == forecast.state != State.NOT_ENOUGH_DATA
    if forecast.more:
        earlier = gauge.pairs + forecast.more - max(1, (gauge.pairs + forecast.more) // 99)
        assert found.state(earlier) == State.NOT_ENOUGH_DATA


def test_what_is_decided_needs_no_more() -> None:
    assert at_least(0.9, share(1_000, 1_000)).forecast().more == 0


def test_without_an_error_so_many_more_would_show_less_than_half_a_percent_of_errors() -> None:
    assert at_most(0.005, failures(0, 500)).forecast().more == pytest.approx(192, abs=7)


def test_a_rate_that_is_the_bound_is_never_decided() -> None:
    forecast = at_least(0.9, share(900, 1_000)).forecast()
    assert (forecast.state, forecast.more) == (State.NOT_ENOUGH_DATA, None)


def test_nothing_is_foretold_from_nothing() -> None:
    assert at_least(0.9, share(0, 0)).forecast().more is None


def test_all_of_something_is_never_shown_but_one_exception_refutes_it() -> None:
    assert at_least(1.0, share(100_000, 100_000)).forecast().more is None
    assert at_least(1.0, share(99_999, 100_000)).state(100_000) == State.NOT_READY


def test_a_bound_that_asks_for_nothing_is_met() -> None:
    assert at_least(0.0, share(0, 10)).state(10) == State.READY
    assert at_most(1.0, failures(10, 10)).state(10) == State.READY


def test_a_shadow_that_only_fails_where_the_primary_does_not_is_found_by_either_rate() -> None:
    """Between -1 and 1: what the primary fails alone counts for the shadow."""
    better = Excess(Tally(np.array([0.0, 0.5, 1.0]), np.array([30.0, 960.0, 10.0])))
    low, high = at_most(0.005, better).interval()
    assert -0.06 < low < -0.02 < high < 0.005


def test_a_latency_is_foretold_from_the_quantiles_seen() -> None:
    drawn = np.random.default_rng(1).lognormal(0, 0.3, (2, 4_000))
    few, many = (
        at_most(2.0, Latency(0.99, Sample.of(drawn[0, :pairs]), Sample.of(drawn[1, :pairs])))
        for pairs in (400, 4_000)
    )
    forecast = few.forecast()
    assert few.state(400) == State.NOT_ENOUGH_DATA
    assert forecast.state == many.state(4_000) == State.READY
    assert forecast.more is not None
    assert 0 < forecast.more < 2_000
