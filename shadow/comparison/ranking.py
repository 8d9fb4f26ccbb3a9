"""Lists in which the place matters (a ranking, best first), and lists in which it does not (a set): what is in both.

A list is the last axis; the others are rows. `common` and `top` are exact integers: sums of them over pairs give the
exact mean overlap. An item that is there twice counts twice.
"""

from collections import Counter
from collections.abc import Sequence
from math import inf, nan, prod
from typing import Any

import numpy as np

from mesh.shadowing import OutputRule
from shadow.comparison.correlation import kendall
from shadow.comparison.part import Part, short, wrong
from shadow.messages.tensors import Array

Row = Sequence[Any]


def ranking(
    primary: Array, shadow: Array, rule: OutputRule, scores: tuple[Array, Array] | None = None
) -> Part:
    """Items in their order; `scores`, of the same shapes as these, say which neighbours are tied: within tolerance.

    Of floats, the items are the places of the last axis, and the largest comes first.
    """
    if primary.dtype.kind == "f":
        ties: list[tuple[Row, Row]]
        (before, before_scores), (after, after_scores) = _sorted(primary, rule), _sorted(shadow, rule)
        ties = list(zip(before_scores, after_scores, strict=False))
    else:
        before, after = _lists(primary, rule.top), _lists(shadow, rule.top)
        ties = [] if scores is None else list(zip(*[_lists(each, rule.top) for each in scores], strict=False))
    if len(before) != len(after):
        return wrong(f"{len(after)} rows instead of {len(before)}")
    agrees, common, top, detail = True, 0, 0, ""
    correlations = []
    for row, (old, new) in enumerate(zip(before, after, strict=True)):
        shared, most = overlap(old, new), max(len(old), len(new))
        common, top = common + shared, top + most
        if shared < most and shared / most < rule.overlap:
            agrees = False
            detail = detail or f"{shared} of {most} in both{_without(old, new)}"
        old_scores, new_scores = ties[row] if ties else (None, None)
        correlation = _correlation(old, new, old_scores, new_scores, rule)
        if correlation is not None:
            correlations.append(correlation)
    figures: dict[str, float] = {"common": common, "top": top}
    if correlations:
        figures["correlation"] = sum(correlations) / len(correlations)
    return Part(agrees, common, top, figures, detail)


def sets(primary: Array, shadow: Array, rule: OutputRule) -> Part:
    """Items in any order."""
    before, after = _lists(primary, None), _lists(shadow, None)
    if len(before) != len(after):
        return wrong(f"{len(after)} rows instead of {len(before)}")
    agrees, common, top, detail = True, 0, 0, ""
    for old, new in zip(map(_distinct, before), map(_distinct, after), strict=True):
        shared, most = len(old & new), max(len(old), len(new))
        common, top = common + shared, top + most
        if shared < most and shared / most < rule.overlap:
            agrees = False
            detail = detail or f"{shared} of {most} in both{_without(list(old), new)}"
    return Part(agrees, common, top, {"common": common, "top": top}, detail)


def overlap(old: Row, new: Row) -> int:
    """How many items are in both, each as often as it is in both."""
    left, right = set(old), set(new)
    if len(left) == len(old) and len(right) == len(new):
        return len(left & right)
    return (Counter(old) & Counter(new)).total()


def _correlation(
    old: Row, new: Row, old_scores: Row | None, new_scores: Row | None, rule: OutputRule
) -> float | None:
    """Kendall's tau-b over the items that both have, by their places."""
    if old == new and old_scores is None:
        return 1.0 if len(set(old)) > 1 else None
    before, after = _places(old, old_scores, rule), _places(new, new_scores, rule)
    both = [item for item in before if item in after]
    return kendall([before[item] for item in both], [after[item] for item in both])


def _places(row: Row, scores: Row | None, rule: OutputRule) -> dict[Any, int]:
    """The place of each item; those whose scores are within tolerance of the first of them share its place."""
    places: dict[Any, int] = {}
    if scores is None:
        for at, item in enumerate(row):
            places.setdefault(item, at)
        return places
    place, first, room = 0, nan, 0.0
    for at, (item, score) in enumerate(zip(row, scores, strict=False)):
        if score != first and not abs(score - first) <= room:  # what is infinite equals itself, NaN nothing
            place, first = at, score
            room = rule.atol + rule.rtol * abs(score) if abs(score) < inf else 0.0
        places.setdefault(item, place)
    return places


def _rows(array: Array) -> int:
    return prod(array.shape[:-1])


def _lists(array: Array, top: int | None) -> list[list[Any]]:
    """The rows, of each the first so many."""
    if not array.ndim:
        return [[array.item()]]
    if array.ndim == 1:
        return [array[:top].tolist()]
    found: list[list[Any]] = array.reshape(_rows(array), array.shape[-1])[:, :top].tolist()
    return found


def _sorted(array: Array, rule: OutputRule) -> tuple[list[list[Any]], list[list[Any]]]:
    """Places and scores of the largest of each row; of equal ones the first comes first, NaN last."""
    table = array.reshape(_rows(array), array.shape[-1] if array.ndim else 1)
    order = np.argsort(-table, axis=1, kind="stable")[:, : rule.top]
    return order.tolist(), np.take_along_axis(table, order, axis=1).tolist()


def _distinct(row: list[Any]) -> set[Any]:
    """NaN is one item, though it does not equal itself."""
    return {None if item != item else item for item in row}


def _without(old: Row, new: Any) -> str:
    there = set(new)
    lost = [item for item in old if item not in there][:3]
    return short(f", without {', '.join(map(_shown, lost))}") if lost else ""


def _shown(item: Any) -> str:
    return item[:40].decode(errors="backslashreplace") if isinstance(item, bytes) else str(item)
