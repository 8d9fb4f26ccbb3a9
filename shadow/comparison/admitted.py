"""What a user's comparator gave, as stores and reports can hold it; or what is wrong with it."""

import math
from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral, Real
from typing import Any, Final

import numpy as np

from shadow.comparison.difference import Difference
from shadow.comparison.part import LONGEST, short

MOST: Final = 256
"""Differences of one pair: each becomes a row in the store."""


class Refused(Exception):
    """Something else than Differences as they are promised; the text goes on after "comparator x gave"."""


def admitted(found: Iterable[Any], taken: set[str]) -> Iterator[Difference]:
    """The same, with Python's own numbers in place of numpy's; else Refused. `taken` are the names of facts."""
    names = set(taken)
    for each in found:
        if not isinstance(each, Difference):
            raise Refused(f"{type(each).__name__}: expected Differences")
        output = _text("output", each.output)
        if output in names:
            raise Refused(f"output {output!r} twice")
        names.add(output)
        if len(names) > MOST:
            raise Refused(f"more than {MOST} differences")
        if not isinstance(each.agrees, bool | np.bool_):
            raise Refused(f"output {output!r} with agrees {each.agrees!r}: expected True or False")
        score = _number(output, "score", each.score)
        if not 0 <= score <= 1:
            raise Refused(f"output {output!r} with score {score}: expected 0 to 1")
        figures = _figures(output, each.figures)
        yield Difference(
            output, _text("measure", each.measure), bool(each.agrees), score, figures, short(str(each.detail))
        )
    if len(names) == len(taken):
        raise Refused("no difference: expected one, agreeing or not, for each output")


def _figures(output: str, figures: Mapping[str, Any]) -> dict[str, float]:
    return {_text("figure", name): _number(output, name, figure) for name, figure in figures.items()}


def _text(what: str, value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable():
        return value
    raise Refused(f"{what} {short(repr(value))}: expected a text of 1 to {LONGEST} printable characters")


def _number(output: str, name: str, value: object) -> float:
    if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value):
        return int(value) if isinstance(value, Integral) else float(value)
    raise Refused(f"output {output!r} with {name} {short(repr(value))}: expected a finite number")
