"""Which measure an output gets: what the document says, else a guess from datatype, shape and the outputs beside it.

The guess looks at no element and at no name, so that it is the same for every pair of a model. Where it has no reason
for anything else it is strict: a difference that should not count is seen, one that should is not hidden.

    ids       an integer of 16 bits or more, or BYTES, beside floats of the same shape [K] or [N, K]: a ranking
    label     the same kind, beside floats of its shape and one axis more (or its last axis of 1): exact
    those     floats, beside such a label: class
    floats    else: values
    the rest  integers, BOOL, BYTES: exact
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mesh.datatypes import BF16, BY_NAME, BYTES
from mesh.shadowing import CLASS, EXACT, RANKING, VALUES, OutputRule

FLOATS: Final = frozenset(("FP16", "BF16", "FP32", "FP64"))
IDS: Final = frozenset(("INT16", "INT32", "INT64", "UINT16", "UINT32", "UINT64", BYTES.name))

RESOLUTION: Final[Mapping[str, float]] = {"FP16": 2.0**-10, BF16.name: 2.0**-7, "FP32": 2.0**-23}
"""The step from 1 to the next number."""

Shape = tuple[int, ...]
Described = tuple[str, str, Shape]
"""Name, datatype, shape."""

DEFAULT: Final = OutputRule()


@dataclass(frozen=True, slots=True)
class Planned:
    """How one output is compared."""

    measure: str
    rule: OutputRule
    scores: int | None = None
    """Of a ranking of ids: the place of the output that holds their scores."""


def plan(outputs: Sequence[Described], rules: Mapping[str, OutputRule]) -> tuple[Planned, ...]:
    """One for each output of an answer, in their order."""
    return tuple(
        _planned(number, each, outputs, rules.get(each[0], DEFAULT)) for number, each in enumerate(outputs)
    )


def _planned(number: int, output: Described, outputs: Sequence[Described], rule: OutputRule) -> Planned:
    _, datatype, shape = output
    measure = rule.measure or _guessed(output, outputs)
    if datatype in FLOATS or datatype not in BY_NAME:
        scores = None
    else:
        scores = next(
            (at for at, (_, other, its) in enumerate(outputs) if _floats(other) and its == shape), None
        )
    if measure == VALUES and datatype == BYTES.name:
        measure = EXACT  # there are no numbers in it
    if rule.rtol and rule.rtol < RESOLUTION.get(datatype, 0.0):
        rule = replace(rule, rtol=RESOLUTION[datatype])
    return Planned(measure, rule, scores if measure == RANKING else None)


def _guessed(output: Described, outputs: Sequence[Described]) -> str:
    _, datatype, shape = output
    if _floats(datatype):
        labelled = any(_ids(other) and _labels(its, shape) for _, other, its in outputs)
        return CLASS if labelled else VALUES
    ranked = len(shape) in (1, 2) and any(_floats(other) and its == shape for _, other, its in outputs)
    return RANKING if _ids(datatype) and ranked else EXACT


def _labels(label: Shape, scores: Shape) -> bool:
    """Whether the one can be the arg-max of the other, which needs two classes at least."""
    return len(scores) > 0 and scores[-1] > 1 and label in (scores[:-1], (*scores[:-1], 1))


def _floats(datatype: str) -> bool:
    return datatype in FLOATS


def _ids(datatype: str) -> bool:
    return datatype in IDS
