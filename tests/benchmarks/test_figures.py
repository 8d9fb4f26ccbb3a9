"""Medians over the repeats, and ratios within each repeat."""

import pytest

from benchmarks.figures import Figures
from benchmarks.scenario import Scenario
from tests.benchmarks.samples import sample

MATRIX = Scenario(100, 4, 8, peers=("verdigris", "envoy"))
TRACED = Scenario(100, 4, 8, suite="traced", peers=("verdigris-traced", "envoy-traced"))


def test_cpu_is_per_call() -> None:
    figures = Figures()
    figures.add(MATRIX, "envoy", 1, sample(cpu=0.03, calls=1000))
    assert figures.median(MATRIX, "envoy", "cpu_us_per_call") == pytest.approx(30)


def test_a_ratio_is_the_median_of_the_repeats_own_ratios() -> None:
    """The machine was three times slower in the second repeat: it moved both."""
    figures = Figures()
    for repeat, (ours, theirs) in enumerate([(10, 20), (30, 60), (11, 20)]):
        figures.add(MATRIX, "verdigris", repeat, sample(mean=ours))
        figures.add(MATRIX, "envoy", repeat, sample(mean=theirs))
    assert figures.ratio(MATRIX, "verdigris", "envoy", "mean_us") == 0.5


def test_a_repeat_that_one_of_them_lacks_is_left_out() -> None:
    figures = Figures()
    figures.add(MATRIX, "verdigris", 1, sample(mean=10))
    figures.add(MATRIX, "verdigris", 2, sample(mean=90))
    figures.add(MATRIX, "envoy", 1, sample(mean=20))
    assert figures.ratio(MATRIX, "verdigris", "envoy", "mean_us") == 0.5


def test_what_was_not_measured_has_no_figure() -> None:
    figures = Figures()
    figures.add(MATRIX, "direct", 1, sample(cpu=None))
    assert figures.median(MATRIX, "direct", "cpu_us_per_call") is None
    assert figures.ratio(MATRIX, "direct", "envoy", "mean_us") is None


def test_the_same_shape_in_another_suite_is_another_scenario() -> None:
    figures = Figures()
    figures.add(MATRIX, "envoy", 1, sample(mean=1))
    figures.add(TRACED, "envoy", 1, sample(mean=2))
    assert figures.median(MATRIX, "envoy", "mean_us") == 1


def test_a_variants_row_in_json_has_the_ratio_to_envoys_variant_and_what_arrived() -> None:
    figures = Figures()
    figures.add(TRACED, "verdigris-traced", 1, sample(cpu=0.03, arrived=2.0))
    figures.add(TRACED, "envoy-traced", 1, sample(cpu=0.06, arrived=2.0))
    ours = next(row for row in figures.document() if row["peer"] == "verdigris-traced")
    assert ours["suite"] == "traced"
    assert ours["arrived_per_call"] == 2
    assert ours["ratio"]["envoy-traced"]["cpu_us_per_call"] == 0.5
