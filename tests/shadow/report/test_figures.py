"""Figures from columns of pairs."""

import numpy as np
import pytest

from shadow.report import figures
from shadow.verdict.evidence import Evidence, OutputEvidence

MS = 1e6


def evidence(**columns: object) -> Evidence:
    three = {
        "primary_failed": np.zeros(3, np.bool_),
        "shadow_failed": np.array([False, False, True]),
        "primary_status": np.zeros(3, np.int64),
        "shadow_status": np.array([0, 0, 1]),
        "statuses": ("OK", "timed_out"),
        "primary_latency": np.array([1, 2, 3]) * MS,
        "shadow_latency": np.array([2 * MS, 4 * MS, np.inf]),
        "bucket": np.zeros(3, np.int64),
        "compared": np.array([0, 1]),
        "agrees": np.array([True, False]),
        "scores": np.array([1.0, 0.4]),
    }
    return Evidence(**{**three, **columns})  # type: ignore[arg-type]


def test_the_mean_score_of_a_ranking_is_exact() -> None:
    """Top-k overlap, as it is computed offline: common items / all items."""
    common = np.array([7.0, 10.0, 3.0])
    output = OutputEvidence(
        "items", "ranking", common == 10, common / 10, {"common": common, "top": np.full(3, 10.0)}
    )
    (made,) = figures.outputs(evidence(outputs=(output,)))
    assert made.score == pytest.approx(20 / 30, abs=0)
    assert (made.pairs, made.agreeing, made.worst) == (3, 1, 0.3)
    assert made.figure("common").total == 20  # type: ignore[union-attr]


def test_pairs_without_an_output_do_not_count_for_it() -> None:
    nan = np.nan
    output = OutputEvidence(
        "late", "values", np.array([True, False]), np.array([nan, 0.5]), {"max_abs": np.array([nan, 2.0])}
    )
    never = OutputEvidence("never", "values", np.array([True, True]), np.array([nan, nan]))
    (made,) = figures.outputs(evidence(outputs=(output, never)))
    assert (made.name, made.pairs, made.agreeing, made.score) == ("late", 1, 0, 0.5)
    assert [(each.name, each.pairs, each.median) for each in made.figures] == [("max_abs", 1, 2.0)]


def test_tensors_come_before_facts() -> None:
    one = np.array([1.0, 1.0])
    names = [("messages", "messages"), ("scores", "values"), ("status", "status")]
    outputs = tuple(OutputEvidence(name, measure, one == 1, one) for name, measure in names)
    assert [each.name for each in figures.outputs(evidence(outputs=outputs))] == [
        "scores",
        "messages",
        "status",
    ]


def test_a_score_of_exactly_1_has_a_bin_of_its_own() -> None:
    scores = np.array([1.0, 0.9999, 0.0, 0.05])
    output = OutputEvidence("x", "values", scores == 1, scores)
    (made,) = figures.outputs(evidence(outputs=(output,)))
    assert made.histogram == (1, 1, *(0,) * 17, 1, 1)
    assert sum(made.histogram) == made.pairs


def test_a_quantile_among_those_that_timed_out_is_not_known() -> None:
    found = evidence()
    edges = figures.edges(found.primary_latency, found.shadow_latency)
    primary, shadow = figures.primary(found, edges), figures.shadow(found, edges)
    assert primary.latency["p50"] == pytest.approx(0.002)
    assert shadow.latency["p50"] == pytest.approx(0.004)
    assert shadow.latency["p99"] is None
    ratios = figures.ratios(primary, shadow)
    assert (ratios["p50"], ratios["p99"]) == (pytest.approx(2.0), None)


def test_every_latency_that_is_known_is_in_the_histogram() -> None:
    found = evidence()
    edges = figures.edges(found.primary_latency, found.shadow_latency)
    assert sum(figures.primary(found, edges).histogram) == 3
    assert sum(figures.shadow(found, edges).histogram) == 2


def test_statuses_are_counted_the_most_frequent_first() -> None:
    shadow = figures.shadow(evidence(), ())
    assert (shadow.pairs, shadow.failed, shadow.statuses) == (3, 1, (("OK", 2), ("timed_out", 1)))


def test_no_pairs_have_no_figures() -> None:
    nothing = Evidence()
    assert figures.outputs(nothing) == ()
    assert figures.edges(nothing.primary_latency, nothing.shadow_latency) == ()
    assert figures.primary(nothing, ()).latency["p50"] is None
