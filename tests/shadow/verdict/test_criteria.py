"""What the criteria measure, and how the error is shared."""

from dataclasses import replace

import numpy as np
import pytest

from mesh.shadowing import Criteria
from shadow.verdict.criteria import criteria_of
from shadow.verdict.criterion import Criterion
from shadow.verdict.evidence import Evidence
from tests.shadow.verdict.made import evidence, fail, fail_primary, output


def criterion(
    name: str, made: Evidence, criteria: Criteria | None = None, noise: Evidence | None = None
) -> Criterion:
    return next(each for each in criteria_of(made, noise, criteria or Criteria()) if each.name == name)


def flags(*rows: int, of: int) -> np.ndarray:
    return np.isin(np.arange(of), rows)


def test_ready_has_all_of_the_error_for_each_criterion_and_not_ready_shares_it() -> None:
    found = criteria_of(evidence(10), None, Criteria(scores=(("items", 0.6),)))
    assert [each.name for each in found] == ["agreement", "scores items", "errors", "p50", "p99"]
    assert [each.risk.ready for each in found] == pytest.approx([0.05] * 5)
    assert sum(each.risk.not_ready for each in found) == pytest.approx(0.05)
    assert criterion("errors", evidence(10)).risk.not_ready == pytest.approx(0.025)


def test_a_latency_that_does_not_matter_is_no_criterion() -> None:
    found = criteria_of(evidence(10), None, Criteria(p50=None, p99=None))
    assert [each.name for each in found] == ["agreement", "errors"]


def test_agreement_counts_pairs_that_both_answered() -> None:
    """A failure is an error, and not a disagreement too."""
    made = evidence(10)
    made = replace(made, agrees=~flags(1, 2, 3, of=10))
    made = fail_primary(fail(made, flags(1, of=10)), flags(2, of=10))
    gauge = criterion("agreement", made).gauge
    assert (gauge.pairs, gauge.observed) == (8, 7 / 8)


def test_agreement_counts_pairs_that_were_compared() -> None:
    made = replace(evidence(10), compared=np.array([0, 5, 6]), agrees=np.array([True, False, True]))
    made = fail(made, flags(5, of=10))
    assert (criterion("agreement", made).gauge.pairs, criterion("agreement", made).gauge.observed) == (2, 1.0)


def test_an_output_with_a_score_of_its_own_is_left_out_of_agreement() -> None:
    items = output("items", np.array([0.2, 0.7, 1.0, 0.9]), measure="ranking")
    label = output("label", np.array([1.0, 1.0, 1.0, 0.0]), measure="class")
    made = evidence(4, outputs=(items, label))
    assert criterion("agreement", made).gauge.observed == 0.25
    scored = Criteria(scores=(("items", 0.5),))
    assert criterion("agreement", made, scored).gauge.observed == 0.75
    assert criterion("scores items", made, scored).gauge.observed == pytest.approx(0.7)


def test_a_pair_that_agrees_in_every_output_and_yet_does_not_still_disagrees() -> None:
    made = evidence(2, outputs=(output("items", np.ones(2)),))
    made = replace(made, agrees=np.array([True, False]))
    assert criterion("agreement", made, Criteria(scores=(("items", 0.5),))).gauge.observed == 0.5


def test_pairs_without_an_output_say_nothing_of_its_score() -> None:
    made = evidence(4, outputs=(output("items", np.array([0.5, np.nan, np.nan, 0.7])),))
    gauge = criterion("scores items", made, Criteria(scores=(("items", 0.5),))).gauge
    assert (gauge.pairs, gauge.observed) == (2, 0.6)


def test_what_the_primary_disagrees_with_itself_is_taken_out() -> None:
    """Diffy's rule, with both intervals."""
    made, noise = evidence(20_000, differing=0.05), evidence(20_000, differing=0.05, seed=1)
    raw, above = criterion("agreement", made), criterion("agreement", made, noise=noise)
    assert raw.gauge.observed == pytest.approx(0.95, abs=0.005)
    assert above.gauge.observed == pytest.approx(1.0, abs=0.005)
    low, high = above.interval()
    assert 0.98 < low < 1.0 == high
    width = raw.interval()[1] - raw.interval()[0]
    assert above.gauge.observed - low > width / 2


def test_little_noise_measured_is_much_doubt() -> None:
    made = evidence(5_000, differing=0.05)
    little = criterion("agreement", made, noise=evidence(20, differing=0.05, seed=1)).interval()
    much = criterion("agreement", made, noise=evidence(5_000, differing=0.05, seed=1)).interval()
    assert little[0] < much[0]


def test_noise_without_answers_is_no_noise() -> None:
    made = evidence(100, differing=0.1)
    silent = fail(evidence(5), np.ones(5, np.bool_))
    assert criterion("agreement", made, noise=silent).interval() == criterion("agreement", made).interval()


def test_errors_are_what_fails_more_than_the_primary() -> None:
    made = fail(evidence(10), flags(0, 1, 2, of=10))
    assert criterion("errors", made).gauge.observed == pytest.approx(0.3)
    assert criterion("errors", fail_primary(made, flags(2, 3, of=10))).gauge.observed == pytest.approx(0.1)
    assert criterion("errors", fail_primary(evidence(10), flags(3, of=10))).gauge.observed == pytest.approx(
        -0.1
    )


def test_pairs_in_which_both_fail_cost_no_certainty() -> None:
    both = flags(*range(500), of=1_000)
    failing = criterion("errors", fail_primary(fail(evidence(1_000), both), both))
    assert failing.interval() == criterion("errors", evidence(1_000)).interval()


def test_latency_is_a_ratio_of_quantiles_where_both_are_known() -> None:
    made = evidence(3)
    made = replace(
        made,
        primary_latency=np.array([10.0, np.nan, 30.0]),
        shadow_latency=np.array([50.0, 1.0, np.inf]),
    )
    median, p99 = criterion("p50", made).gauge, criterion("p99", made).gauge
    assert (median.pairs, median.observed, p99.observed) == (2, 5.0, np.inf)


def test_a_shadow_that_times_out_is_slow_and_not_left_out() -> None:
    made = evidence(2_000)
    made = replace(
        made, shadow_latency=np.where(flags(*range(0, 2_000, 20), of=2_000), np.inf, made.shadow_latency)
    )
    low, high = criterion("p99", made).interval()
    assert low == high == np.inf
    assert criterion("p50", made).interval()[1] < 1.5


@pytest.mark.parametrize("name", ["agreement", "errors", "p50", "p99", "scores items"])
def test_the_interval_holds_what_was_seen(name: str) -> None:
    scores = np.random.default_rng(1).random(700)
    made = evidence(700, differing=0.1, failing=0.1, slower=1.4, outputs=(output("items", scores),))
    found = criterion(name, made, Criteria(scores=(("items", 0.5),)))
    low, high = found.interval()
    assert low <= found.gauge.observed <= high
    assert low < high
