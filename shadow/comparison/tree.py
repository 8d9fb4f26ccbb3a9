"""Two JSON values: which of their leaves are equal. Numbers within tolerance, the rest exactly."""

from collections.abc import Iterator
from math import isfinite
from typing import Any, Final

from mesh.shadowing import OutputRule
from shadow.comparison.part import Part, short

TOLD: Final = 3
"""Differences that are named."""
_MISSING: Final = object()


def trees(primary: Any, shadow: Any, rule: OutputRule) -> Part:
    """`good` and `of` are leaves: what is no object and no list, and what only one of both has."""
    good = of = 0
    told: list[str] = []
    for path, before, after in _leaves(primary, shadow):
        of += 1
        if _equal(before, after, rule):
            good += 1
        elif len(told) < TOLD:
            told.append(f"{_path(path)}: {_shown(after)} instead of {_shown(before)}")
    rest = of - good - len(told)
    if rest:
        told.append(f"and {rest} more")
    return Part(good == of, good, of, detail=short("; ".join(told)))


_Path = tuple[Any, ...]
"""The path to what holds this one, and the last step: a list linked backwards, so that a step costs nothing."""


def _leaves(primary: Any, shadow: Any) -> Iterator[tuple[_Path, Any, Any]]:
    """In the order of the primary; a stack instead of calls, because the depth is up to whoever answers."""
    waiting: list[tuple[_Path, Any, Any]] = [((), primary, shadow)]
    while waiting:
        path, before, after = waiting.pop()
        if isinstance(before, dict) and isinstance(after, dict):
            names = [*before, *(name for name in after if name not in before)]
            inside = [((path, name), before.get(name, _MISSING), after.get(name, _MISSING)) for name in names]
        elif isinstance(before, list) and isinstance(after, list):
            longer = range(max(len(before), len(after)))
            inside = [((path, at), _at(before, at), _at(after, at)) for at in longer]
        else:
            inside = []
        if inside:
            waiting += reversed(inside)
        else:
            yield path, before, after


def _at(values: list[Any], at: int) -> Any:
    return values[at] if at < len(values) else _MISSING


def _equal(before: Any, after: Any, rule: OutputRule) -> bool:
    if _number(before) and _number(after):
        if before == after:
            return True
        if isinstance(before, int) and isinstance(after, int):
            return False  # an id, or a count
        try:
            old, new = float(before), float(after)
        except OverflowError:  # an integer beyond what a float can be
            return False
        return isfinite(old) and isfinite(new) and abs(new - old) <= rule.atol + rule.rtol * abs(old)
    return type(before) is type(after) and bool(before == after)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _path(path: _Path) -> str:
    steps: list[str] = []
    while path:
        path, step = path
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
        if len(steps) > 100:
            steps.append("…")
            break
    return "$" + "".join(reversed(steps))


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "nothing"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return repr(value)[:40] if isinstance(value, str) else str(value)[:40]
