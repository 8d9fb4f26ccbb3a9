"""Numbers beside numbers, against straightforward code."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mesh.shadowing import OutputRule
from shadow.comparison import values as module
from shadow.comparison.values import values

RULE = OutputRule(rtol=1e-2, atol=1e-3)
EXACTLY = OutputRule(rtol=0, atol=0)


def slowly(before: list[float], after: list[float], rule: OutputRule) -> tuple[int, float, float, int]:
    """Good, largest absolute and relative difference, not finite in the second alone."""
    good = nonfinite = 0
    max_abs = max_rel = 0.0
    for old, new in zip(before, after, strict=True):
        if math.isfinite(old) and math.isfinite(new):
            distance = abs(new - old)
            good += distance <= rule.atol + rule.rtol * abs(old)
            max_abs = max(max_abs, distance)
            if old:
                max_rel = max(max_rel, min(distance / abs(old), module.LARGEST))
        else:
            same = old == new or (math.isnan(old) and math.isnan(new))
            good += same
            nonfinite += not same and not math.isfinite(new)
    return good, min(max_abs, module.LARGEST), max_rel, nonfinite


def pairs_of(dtype: str) -> st.SearchStrategy[Any]:
    """Two arrays of one shape; half of the second's elements are the first's."""

    def second(first: Any) -> st.SearchStrategy[Any]:
        other = hnp.arrays(dtype, first.shape)
        keep = hnp.arrays(bool, first.shape)
        return st.tuples(other, keep).map(lambda drawn: (first, np.where(drawn[1], first, drawn[0])))

    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
    return hnp.arrays(dtype, shapes).flatmap(second)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u1", "i4"])
@given(data=st.data())
def test_figures_are_those_of_straightforward_code(dtype: str, data: st.DataObject) -> None:
    before, after = data.draw(pairs_of(dtype))
    part = values(before, after, RULE)
    good, max_abs, max_rel, nonfinite = slowly(
        [float(each) for each in before.ravel()], [float(each) for each in after.ravel()], RULE
    )
    assert (part.good, part.of, part.agrees) == (good, before.size, good == before.size)
    if before.size:
        assert part.figures["max_abs"] == max_abs
        assert part.figures["max_rel"] == max_rel
        assert part.figures.get("nonfinite", 0) == nonfinite
    assert all(map(math.isfinite, part.figures.values()))


@given(data=st.data())
def test_large_arrays_are_looked_at_in_steps_and_mean_the_same(data: st.DataObject) -> None:
    before, after = data.draw(pairs_of("f4"))
    whole = values(before, after, RULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STEP", 2)
        assert values(before, after, RULE) == whole


@pytest.mark.parametrize(
    ("dtype", "before", "after"),
    [
        ("i8", -(2**63), 2**63 - 1),
        ("i8", 2**53, 2**53 + 1),
        ("u8", 2**64 - 1, 2**64 - 2),
        ("u8", 0, 2**64 - 1),
    ],
)
def test_integers_of_64_bits_differ_by_what_they_differ(dtype: str, before: int, after: int) -> None:
    part = values(np.array([before], dtype), np.array([after], dtype), EXACTLY)
    assert not part.agrees
    assert part.figures["max_abs"] == float(abs(after - before))


@pytest.mark.parametrize(
    ("before", "after", "agrees"),
    [
        (np.nan, np.nan, True),
        (np.nan, 1.0, False),
        (1.0, np.nan, False),
        (np.inf, np.inf, True),
        (np.inf, -np.inf, False),
        (np.inf, 1e300, False),
        (1e300, np.inf, False),
        (-0.0, 0.0, True),
        (1.7e308, -1.7e308, False),
    ],
)
def test_what_is_not_finite_agrees_with_itself_alone(before: float, after: float, agrees: bool) -> None:
    """Also with a relative tolerance, which of an infinity would be infinite."""
    assert values(np.array([before]), np.array([after]), OutputRule(rtol=0.5)).agrees is agrees


def test_what_only_the_shadow_has_not_finite_is_counted() -> None:
    before, after = np.array([np.nan, 1, 2, -np.inf, np.inf]), np.array([np.nan, np.nan, np.inf, 5, np.inf])
    assert values(before, after, RULE).figures["nonfinite"] == 2
    assert "nonfinite" not in values(before, before, RULE).figures


def test_a_largest_that_moved_is_a_hint_at_a_classifier_nobody_told_us_of() -> None:
    before = np.array([[0.1, 0.9], [0.8, 0.2]])
    assert values(before, before[:, ::-1].copy(), RULE).figures["moved"] == 2
    assert "moved" not in values(before[0], before[0, ::-1].copy(), RULE).figures


def test_a_detail_says_how_many_and_how_far() -> None:
    part = values(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.5, np.nan]), RULE)
    assert part.detail == (
        "2 of 3 beyond the tolerance, by 0.5 at most; 1 NaN or infinite where the primary's are not so"
    )
