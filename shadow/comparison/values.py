"""Numbers beside numbers: within a tolerance, element by element.

NaN agrees with NaN in the same place, and an infinity with the same infinity: the question is whether the two models
answer alike, and a mask of -inf is as good an answer as any. `nonfinite` counts what only the shadow has of them.
"""

import sys
from typing import Final

import numpy as np

from mesh.shadowing import OutputRule
from shadow.comparison.part import Part
from shadow.comparison.scale import factor
from shadow.messages.tensors import Array

STEP: Final = 1 << 16
"""Elements at a time: what is in between stays in the processor's cache, and small."""
LARGEST: Final = sys.float_info.max
"""Stands for a figure beyond it: figures are finite."""


def values(primary: Array, shadow: Array, rule: OutputRule) -> Part:
    """Two arrays of numbers, of one shape."""
    before, after = primary.reshape(-1), shadow.reshape(-1)
    count = before.size
    if not count:
        return Part(True, 0, 0)
    good = nonfinite = 0
    max_abs = max_rel = 0.0
    with np.errstate(all="ignore"):
        for start in range(0, count, STEP):
            found = _step(before[start : start + STEP], after[start : start + STEP], rule)
            good += found[0]
            max_abs, max_rel = max(max_abs, found[1]), max(max_rel, found[2])
            nonfinite += found[3]
        figures = {"max_abs": min(max_abs, LARGEST), "max_rel": min(max_rel, LARGEST)}
        if nonfinite:
            figures["nonfinite"] = nonfinite
        if good == count:
            return Part(True, count, count, figures)
        scale = factor(before, after, rule)
        if scale is not None:
            figures["scale" if count > 1 else "ratio"] = scale
        moved = _moved(primary, shadow)
        if moved:
            figures["moved"] = moved
    return Part(False, good, count, figures, _detail(count - good, count, figures))


def _step(before: Array, after: Array, rule: OutputRule) -> tuple[int, float, float, int]:
    """How many agree, the largest difference, absolute and relative, and how many only the shadow has not finite."""
    exact = before.dtype.kind in "iu" and before.dtype.itemsize == 8
    distance = _integers_apart(before, after) if exact else None
    before = before.astype(np.float64)
    if distance is None:
        distance = np.abs(after - before)
    size = np.abs(before)
    within = distance <= rule.atol + rule.rtol * size
    max_abs = float(distance.max())
    relative = float((distance / size).max())
    if relative - relative == 0.0:  # neither NaN nor infinite: so is every element, and no primary's is 0
        return int(np.count_nonzero(within)), max_abs, relative, 0
    after = after.astype(np.float64)
    finite = np.isfinite(before) & np.isfinite(after)
    within = np.where(finite, within, (before == after) | (np.isnan(before) & np.isnan(after)))
    some = finite & (size > 0)
    return (
        int(np.count_nonzero(within)),
        float(distance.max(where=finite, initial=0.0)),
        float((distance / size).max(where=some, initial=0.0)),
        int(np.count_nonzero(~within & ~np.isfinite(after))),
    )


def _integers_apart(before: Array, after: Array) -> Array:
    """Exactly, before it is a float: the distance of two integers of 64 bits fits into 64 without a sign."""
    upper, lower = np.maximum(before, after), np.minimum(before, after)
    return (upper.view(np.uint64) - lower.view(np.uint64)).astype(np.float64)


def _moved(primary: Array, shadow: Array) -> int:
    """Rows whose largest element is at another place, of floats [rows, 2 or more]: they may be a classifier's that
    nobody told us of. Only a hint: ties and NaN are numpy's."""
    if primary.dtype.kind != "f" or primary.ndim != 2 or primary.shape[1] < 2:
        return 0
    return int(np.count_nonzero(primary.argmax(1) != shadow.argmax(1)))


def _detail(wrong: int, count: int, figures: dict[str, float]) -> str:
    told = f"{wrong} of {count} beyond the tolerance, by {figures['max_abs']:.3g} at most"
    if "scale" in figures:
        told += f"; {figures['scale']:.4g} × the primary's"
    if "nonfinite" in figures:
        told += f"; {figures['nonfinite']:.0f} NaN or infinite where the primary's are not so"
    return told
