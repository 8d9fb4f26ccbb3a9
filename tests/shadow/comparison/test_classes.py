"""Flips of the arg-max, against straightforward code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mesh.shadowing import OutputRule
from shadow.comparison.classes import classes

RULE = OutputRule()
NO_TIES = OutputRule(rtol=0, atol=0)

tables = hnp.array_shapes(min_dims=1, max_dims=3, min_side=2, max_side=5).flatmap(
    lambda shape: st.tuples(*[hnp.arrays("f4", shape, elements=st.integers(-3, 3))] * 2)
)


@given(tables)
def test_flips_are_those_of_numpy(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    before, after = drawn
    old, new = before.argmax(-1), after.argmax(-1)
    tied = np.take_along_axis(before, new[..., None], -1)[..., 0] == before.max(-1)
    tied &= np.take_along_axis(after, old[..., None], -1)[..., 0] == after.max(-1)
    flips = int(((old != new) & ~tied).sum())
    part = classes(before, after, NO_TIES)
    assert (part.figures["flips"], part.figures["rows"]) == (flips, old.size)
    assert (part.agrees, part.good, part.of) == (not flips, old.size - flips, old.size)


@given(tables)
def test_it_does_not_matter_which_is_the_primary(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    before, after = drawn
    assert classes(before, after, RULE).good == classes(after, before, RULE).good


def test_a_tie_within_tolerance_in_both_is_no_flip_and_in_one_it_is() -> None:
    before, after = np.array([[0.5, 0.4999999]]), np.array([[0.4999999, 0.5]])
    assert classes(before, after, RULE).agrees
    assert not classes(before, np.array([[0.4, 0.5]]), RULE).agrees


def test_values_may_differ_as_long_as_the_class_does_not_and_are_told() -> None:
    part = classes(np.array([[0.1, 0.2], [0.6, 0.3]]), np.array([[0.2, 0.4], [1.2, 0.6]]), RULE)
    assert part.agrees
    assert part.figures["scale"] == pytest.approx(2)


def test_a_single_column_is_a_probability() -> None:
    part = classes(np.array([[0.4], [0.6]]), np.array([[0.3], [0.2]]), RULE)
    assert (part.good, part.of) == (1, 2)
    assert part.detail == "1 of 2 rows have another class"


def test_figures_are_those_of_values_and_flips() -> None:
    part = classes(np.array([[0.4, 0.6]]), np.array([[0.6, 0.2]]), RULE)
    assert set(part.figures) == {"max_abs", "max_rel", "flips", "rows"}


def test_labels_are_classes_themselves() -> None:
    assert classes(np.array([b"cat", b"dog"], object), np.array([b"cat", b"cow"], object), RULE).good == 1
    assert classes(np.array(3), np.array(4), RULE).figures == {"flips": 1, "rows": 1}


def test_nobody_chooses_nan() -> None:
    nan = np.nan
    assert classes(np.array([[nan, 1, 2]]), np.array([[5, nan, 9.0]]), RULE).agrees
    assert not classes(np.array([[0.0, 1]]), np.array([[0.0, nan]]), RULE).agrees
    assert not classes(np.array([[0.0, 1]]), np.array([[nan, nan]]), RULE).agrees
    assert not classes(np.array([[1.0, 0]]), np.array([[nan, nan]]), RULE).agrees
    assert classes(np.array([[nan, nan]]), np.array([[nan, nan]]), RULE).agrees


def test_no_rows_agree() -> None:
    part = classes(np.empty((0, 3)), np.empty((0, 3)), RULE)
    assert (part.agrees, part.score) == (True, 1.0)
