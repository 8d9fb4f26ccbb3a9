"""The class that a classifier chose, row by row: flips of the arg-max.

Scores decide as Python's max would, the first of equal ones. But where the two classes in question are tied
within tolerance in *both* answers, another choice is rounding and no flip. NaN is chosen by nobody.
"""

import numpy as np

from mesh.shadowing import OutputRule
from shadow.comparison.exact import equal
from shadow.comparison.part import Part
from shadow.comparison.values import values
from shadow.messages.tensors import Array


def classes(primary: Array, shadow: Array, rule: OutputRule) -> Part:
    """Two arrays of one shape: scores (the last axis are the classes; a single one is a probability), or labels."""
    if primary.dtype.kind != "f" or not primary.ndim:
        return _told(~equal(primary, shadow).reshape(-1), {})
    figures = {name: each for name, each in values(primary, shadow, rule).figures.items() if name != "moved"}
    if not primary.size:
        return Part(True, 0, 0, figures)
    with np.errstate(all="ignore"):
        before = primary.reshape(-1, primary.shape[-1]).astype(np.float64)
        after = shadow.reshape(-1, shadow.shape[-1]).astype(np.float64)
        if before.shape[1] == 1:
            before, after = np.hstack((0.5 - before, before - 0.5)), np.hstack((0.5 - after, after - 0.5))
        lacking, lacks = np.isnan(before), np.isnan(after)
        before[lacking], after[lacks] = -np.inf, -np.inf
        old, new = before.argmax(1), after.argmax(1)
        flipped = old != new
        if flipped.any():
            rows = np.arange(len(old))
            flipped &= ~(_tied(before, rows, old, new, rule) & _tied(after, rows, new, old, rule))
        flipped |= lacking.all(1) != lacks.all(1)
    return _told(flipped, figures)


def _tied(scores: Array, rows: Array, best: Array, other: Array, rule: OutputRule) -> Array:
    top = scores[rows, best]
    tied: Array = top - scores[rows, other] <= rule.atol + rule.rtol * np.abs(top)
    return tied


def _told(flipped: Array, figures: dict[str, float]) -> Part:
    rows, flips = flipped.size, int(np.count_nonzero(flipped))
    figures |= {"flips": flips, "rows": rows}
    detail = f"{flips} of {rows} rows have another class" if flips else ""
    return Part(not flips, rows - flips, rows, figures, detail)
