"""One factor is found where there is one, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.shadowing import OutputRule
from shadow.comparison.scale import factor
from shadow.comparison.values import values

RULE = OutputRule()
CHANCE = np.random.default_rng(5)


@given(
    st.lists(st.floats(0.01, 1e6) | st.floats(-1e6, -0.01), min_size=2, max_size=50),
    st.floats(0.01, 100).filter(lambda k: abs(k - 1) > 1e-3) | st.floats(-100, -0.01),
)
def test_a_factor_is_found(before: list[float], k: float) -> None:
    array = np.array(before, np.float32)
    found = values(array, array * np.float32(k), RULE).figures["scale"]
    assert found == pytest.approx(k, rel=1e-5)


@pytest.mark.parametrize("size", [2, 10, 1_001, 100_000])
def test_a_factor_is_found_through_a_few_that_do_not_follow_it(size: int) -> None:
    before = CHANCE.random(size) + 0.5
    after = before * 1.1
    after[: size // 25] = -1e9
    assert values(before, after, RULE).figures["scale"] == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CHANCE.random(100), CHANCE.random(100)),
        (np.arange(1.0, 101), np.arange(1.0, 101) + 3),
        (np.arange(1.0, 11), np.r_[np.arange(1.0, 10), 99]),
        (np.arange(1.0, 101), np.r_[np.arange(1.0, 100), 999]),
        (np.zeros(3), np.ones(3)),
        (np.array([np.nan, 1.0]), np.array([1.0, np.nan])),
        (np.array([1.0, 1.0]), np.array([np.inf, np.inf])),
        (np.array([1.0, 0, 0, 0]), np.array([2.0, 1, 1, 1])),
    ],
    ids=[
        "unrelated",
        "an offset",
        "one outlier",
        "one of many",
        "from zero",
        "NaN",
        "infinite",
        "zeros that are none",
    ],
)
def test_where_no_factor_explains_the_difference_there_is_none(before: object, after: object) -> None:
    assert factor(np.asarray(before), np.asarray(after), RULE) is None


def test_zeros_follow_any_factor_and_all_zeros_are_the_factor_0() -> None:
    before = np.array([0.0, 1, 2, 0])
    assert factor(before, before * 3, RULE) == 3
    assert factor(before, before * 0, RULE) == 0


def test_what_is_not_finite_has_no_say() -> None:
    before = np.r_[np.full(60, np.nan), np.arange(1.0, 41)]
    assert factor(before, before * 3, RULE) == 3


def test_the_detail_names_it() -> None:
    assert values(np.ones(4), np.full(4, 1.1), RULE).detail.endswith("; 1.1 × the primary's")


def test_of_a_single_value_there_is_always_a_ratio_which_is_no_scale_yet() -> None:
    figures = values(np.array([2.0]), np.array([3.0]), RULE).figures
    assert (figures["ratio"], "scale" in figures) == (1.5, False)
