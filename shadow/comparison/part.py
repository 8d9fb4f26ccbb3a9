"""One output in one message of both answers; parts of the same output, of all messages, become one `Difference`.

Counts and not shares are what parts hold, so that a mean over messages, and over pairs, is exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from shadow.comparison.difference import Difference

LONGEST: Final = 240
"""Characters of a detail, or of an output's name. What stands in them comes from models."""

SAME_SCALE: Final = 1e-3
"""Factors that differ by no more, of each other, are one factor."""

_FACTORS: Final = ("scale", "ratio")
_NO_COUNTS: Final = ("max_abs", "max_rel", "correlation", *_FACTORS)
"""Counts of parts are added up, these are not."""


@dataclass(frozen=True, slots=True)
class Part:
    """`good` of `of` elements, rows or places agree."""

    agrees: bool
    good: int
    of: int
    figures: Mapping[str, float] = field(default_factory=dict)
    detail: str = ""

    @property
    def score(self) -> float:
        return self.good / self.of if self.of else float(self.agrees)


def wrong(detail: str, **figures: float) -> Part:
    """What cannot agree at all: another datatype, another shape, an output that is missing."""
    return Part(False, 0, 1, figures, detail)


def together(output: str, measure: str, parts: Sequence[Part]) -> Difference:
    """The one fact that the parts are; at least one part."""
    if len(parts) == 1:
        part = parts[0]
        return Difference(output, measure, part.agrees, part.score, part.figures, part.detail)
    good, of = sum(each.good for each in parts), sum(each.of for each in parts)
    agrees = all(each.agrees for each in parts)
    detail = next((f"message {at + 1}: {each.detail}" for at, each in enumerate(parts) if each.detail), "")
    score = good / of if of else float(agrees)
    return Difference(output, measure, agrees, score, _figures(parts), detail)


def _figures(parts: Sequence[Part]) -> dict[str, float]:
    """Counts are added up, the largest difference is kept, correlations are averaged, one factor stays one."""
    joined: dict[str, float] = {}
    for part in parts:
        for name, figure in part.figures.items():
            if name not in _NO_COUNTS:
                joined[name] = joined.get(name, 0) + figure
    for name in ("max_abs", "max_rel"):
        found = _every(parts, name)
        if found:
            joined[name] = max(found)
    correlations = _every(parts, "correlation")
    if correlations:
        joined["correlation"] = sum(correlations) / len(correlations)
    for name in _FACTORS:
        factors = _every(parts, name)
        if factors and len(factors) == sum(not part.agrees for part in parts):
            factor = factors[0]
            if max(abs(each - factor) for each in factors) <= SAME_SCALE * abs(factor):
                joined[name] = factor
    return joined


def _every(parts: Sequence[Part], name: str) -> list[float]:
    return [part.figures[name] for part in parts if name in part.figures]


def short(text: str) -> str:
    """The text as a store and a terminal can hold it: on one line, printable, and not long."""
    if len(text) <= LONGEST and text.isprintable():
        return text
    text = "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text[: LONGEST + 1])
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
