"""One factor that explains a difference: shadow = k × primary."""

from typing import Final

import numpy as np

from mesh.shadowing import OutputRule
from shadow.messages.tensors import Array

ENOUGH: Final = 0.95
"""Of the elements must agree once the primary's are multiplied: a few may be clipped, or stand for 'never'."""
FOR_MEDIAN: Final = 1_024
FOR_CHECK: Final = 1 << 16
"""Elements that are looked at, evenly spread: a factor shows in a sample."""


def factor(primary: Array, shadow: Array, rule: OutputRule) -> float | None:
    """k, the median of shadow / primary, if with it as many as `ENOUGH` of the finite elements are within tolerance.

    None also for a k that is 1 within rtol, and where there is nothing but zeros to multiply. Of a single element there
    is nearly always a k. Two flat arrays, of one size.
    """
    before, after = _spread(primary, FOR_CHECK), _spread(shadow, FOR_CHECK)
    finite = np.isfinite(before) & np.isfinite(after)
    if not finite.all():
        before, after = before[finite], after[finite]
    ratios = _ratios(before, after)
    if not ratios.size:
        return None
    ratios.sort()
    k = float(ratios[ratios.size // 2])
    if not np.isfinite(k) or abs(k - 1) <= rule.rtol:
        return None
    expected = k * before
    fits = np.abs(after - expected) <= rule.atol + rule.rtol * np.abs(expected)
    return k if np.count_nonzero(fits) >= ENOUGH * before.size else None


def _ratios(before: Array, after: Array) -> Array:
    """The array to be sorted; not a view of anything."""
    some = before != 0
    if not some.all():
        before, after = before[some], after[some]
    return _spread(after, FOR_MEDIAN) / _spread(before, FOR_MEDIAN)


def _spread(array: Array, most: int) -> Array:
    step = -(-array.size // most) or 1
    return array[::step].astype(np.float64)
