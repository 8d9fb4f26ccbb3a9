"""The tensors of one answer beside those of the other: matched by name, each by its measure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mesh.shadowing import CLASS, EXACT, IGNORED, RANKING, SET, VALUES, OutputRule
from shadow.comparison.classes import classes
from shadow.comparison.exact import exact
from shadow.comparison.guess import Planned, Shape, plan
from shadow.comparison.part import Part, short, wrong
from shadow.comparison.ranking import ranking, sets
from shadow.comparison.values import values
from shadow.messages.tensors import Tensor

KNOWN_PLANS: Final = 256
"""Of so many forms of answers; a model has few."""

Tensors = Sequence[Tensor]


class Outputs:
    """Compares the tensors of two answers by the rules of one document; remembers what it guessed."""

    __slots__ = ("_plans", "_rules")

    def __init__(self, rules: Mapping[str, OutputRule]) -> None:
        self._rules = rules
        self._plans: dict[tuple[tuple[str, str, Shape], ...], tuple[Planned, ...]] = {}

    def compare(self, primary: Tensors, shadow: Tensors) -> Iterator[tuple[str, str, Part]]:
        """Name, measure and finding of each output that either has; of a repeated name, each time."""
        planned = self._plan(primary)
        there = _by_name(shadow)
        for before, how in zip(primary, planned, strict=True):
            found = there.get(before.name)
            at = found.pop(0) if found else None
            if how.measure == IGNORED:
                continue
            if at is None:
                yield before.name, how.measure, wrong("the shadow has no such output", missing=1)
                continue
            after = shadow[at]
            scores = None
            if how.scores is not None:
                scores = _of_ranking(after, primary[how.scores], shadow)
            yield before.name, how.measure, _part(before, after, how, scores)
        extra = sorted(number for rest in there.values() for number in rest)
        if extra:
            for number, how in zip(range(len(shadow)), self._plan(shadow), strict=True):
                if number in extra and how.measure != IGNORED:
                    yield shadow[number].name, how.measure, wrong("only the shadow has this output")

    def _plan(self, tensors: Tensors) -> tuple[Planned, ...]:
        form = tuple([(each.name, each.datatype, each.shape) for each in tensors])
        known = self._plans.get(form)
        if known is None:
            if len(self._plans) >= KNOWN_PLANS:
                self._plans.clear()  # batches of every size: nothing is lost
            known = self._plans[form] = plan(form, self._rules)
        return known


def _by_name(tensors: Tensors) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, each in enumerate(tensors):
        found.setdefault(each.name, []).append(number)
    return found


def _of_ranking(after: Tensor, scores: Tensor, shadow: Tensors) -> tuple[Tensor, Tensor] | None:
    """The scores of both rankings, where the shadow's are like the primary's, and of its ranking's shape."""
    other = next((each for each in shadow if each.name == scores.name), None)
    if other is None or other.datatype != scores.datatype or other.shape != after.shape:
        return None
    return None if scores.fault or other.fault else (scores, other)


def _part(before: Tensor, after: Tensor, how: Planned, scores: tuple[Tensor, Tensor] | None) -> Part:
    if before.datatype != after.datatype:
        return wrong(short(f"datatype {after.datatype} instead of {before.datatype}"))
    if before.fault or after.fault:
        return _faulty(before, after)
    measure = how.measure
    if before.shape != after.shape and not _lists(measure, before.shape, after.shape):
        return wrong(short(f"shape {list(after.shape)} instead of {list(before.shape)}"))
    if measure == VALUES:
        return values(before.array, after.array, how.rule)
    if measure == RANKING:
        told = None if scores is None else (scores[0].array, scores[1].array)
        return ranking(before.array, after.array, how.rule, told)
    if measure == CLASS:
        return classes(before.array, after.array, how.rule)
    if measure == SET:
        return sets(before.array, after.array, how.rule)
    assert measure == EXACT, measure
    return exact(before.array, after.array)


def _lists(measure: str, before: Shape, after: Shape) -> bool:
    """Lists may be of another length: what is missing is missing in the overlap."""
    return measure in (RANKING, SET) and before[:-1] == after[:-1] and len(before) == len(after)


def _faulty(before: Tensor, after: Tensor) -> Part:
    """No model should answer so. If the primary does, its callers live with it: the same is no difference."""
    if before.fault and (before.shape, before.held) == (after.shape, after.held):
        return Part(True, 1, 1)
    if not before.fault:
        return wrong(short(f"the shadow's has {after.fault}"))
    return wrong(short(f"the primary's has {before.fault}; the shadow's is another"))
