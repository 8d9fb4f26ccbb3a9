"""Growth is told from noise."""

import random

import pytest

from benchmarks.soak.trend import BLOCKS, Point, Trend

MIB = 1 << 20


def points(*, slope: float = 0, noise: float = 0, count: int = 600) -> list[Point]:
    chance = random.Random(7)
    return [Point(i, round(60 * MIB + slope * i + chance.gauss(0, noise))) for i in range(count)]


def test_a_line_is_found_exactly() -> None:
    trend = Trend.of(points(slope=1000))
    assert trend.slope == pytest.approx(1000)
    assert trend.error == pytest.approx(0, abs=1)
    assert trend.at(0) == pytest.approx(60 * MIB)
    assert trend.growth == pytest.approx(1000 * 599)


def test_noise_alone_is_no_growth() -> None:
    trend = Trend.of(points(noise=MIB))
    assert abs(trend.growth) <= 2 * trend.doubt
    assert not trend.exceeds(0.5 * MIB)


def test_growth_above_the_bound_is_found_under_noise() -> None:
    trend = Trend.of(points(slope=20_000, noise=MIB))
    assert trend.exceeds(5 * MIB)
    assert not trend.exceeds(20 * MIB)


def test_a_sample_that_is_repeated_makes_the_trend_no_surer() -> None:
    few = points(noise=MIB, count=BLOCKS)
    often = [Point(point.seconds + i / 100, point.resident) for point in few for i in range(50)]
    assert Trend.of(often).error == pytest.approx(Trend.of(few).error, rel=0.02)


def test_less_points_than_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        Trend.of(points(count=BLOCKS - 1))
