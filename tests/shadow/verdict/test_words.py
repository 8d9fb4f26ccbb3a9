"""Figures are told with as many digits as say something."""

import math

import pytest

from shadow.verdict import words


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.0, "0 %"),
        (-0.0, "0 %"),
        (1.0, "100 %"),
        (0.987, "98.7 %"),
        (0.9996, "99.960 %"),
        (0.004, "0.40 %"),
        (0.00005, "0.005 %"),
        (-0.02, "-2.0 %"),
    ],
)
def test_a_share_is_told_from_nothing_and_from_everything(share: float, told: str) -> None:
    assert words.percent(share) == told


def test_a_narrow_interval_has_more_digits() -> None:
    assert words.between(0.5, 0.6) == "50.0 to 60.0 %"
    assert words.between(0.98974, 0.99049) == "98.974 to 99.049 %"


def test_a_bound_is_told_as_it_was_written() -> None:
    assert [words.asked(each) for each in (0.99, 0.005, 0.9999, 1.0)] == ["99 %", "0.5 %", "99.99 %", "100 %"]


def test_a_guess_has_two_digits_and_is_not_too_low() -> None:
    assert [words.about(each) for each in (0, 7, 99, 101, 1_234, 99_001)] == [
        "0",
        "7",
        "99",
        "110",
        "1 300",
        "100 000",
    ]


def test_ratios_have_the_digits_that_matter() -> None:
    assert [words.ratio(each) for each in (1.031, 5.13, 123.4, math.inf)] == ["1.03", "5.1", "123", "∞"]
    assert words.between_ratios(0.5, 2.0) == "0.50 to 2.00"
    assert words.between_ratios(0.5, math.inf) == "0.50 or more"
    assert words.between_ratios(0.0, 2.0) == "up to 2.00"
    assert words.between_ratios(0.0, math.inf) == "or any other"
