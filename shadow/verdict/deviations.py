"""What is wrong with outputs, by name: unlike in kind, not finite, scaled, flipped, or simply different. Pure.

A deviation is named once its share of pairs is surely above the noise floor (Diffy's rule, with intervals instead of
two thresholds), or, where none was measured, above what the document's agreement allows. What no healthy model does
(an output that is missing, of another shape, or not finite) is named at first sight, unless the noise floor has it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from mesh.shadowing import CLASS, RANKING, SET, VALUES, Criteria
from shadow.verdict import words
from shadow.verdict.criteria import answered
from shadow.verdict.evidence import Evidence, Flags, Numbers, OutputEvidence
from shadow.verdict.noise import AboveNoise
from shadow.verdict.recurrence import recurrence
from shadow.verdict.tally import Tally

_MEASURED: Final = (VALUES, CLASS, RANKING, SET)
"""Measures that have figures wherever two tensors could be held beside each other."""
_ALIKE: Final = 0.02
"""Factors that differ by less than this, of their own distance from 1, are one factor."""
_ROUNDING: Final = 2e-4
"""Or by less than this, of themselves: twice the default tolerance."""
_DIFFERENT: Final = {
    VALUES: "is out of tolerance",
    RANKING: "has too few in common",
    SET: "has too few in common",
    "messages": "have another number",
}

Rule = Callable[[OutputEvidence], Flags]
"""Which of the compared pairs have something."""


def deviations(
    evidence: Evidence, noise: Evidence | None, criteria: Criteria, error: float
) -> tuple[str, ...]:
    """Each at most once per output, the gravest first."""
    floor = noise if noise and answered(noise).any() else None
    scored = {name for name, _ in criteria.scores}
    found: list[tuple[int, str]] = []
    for output in evidence.outputs:
        subject = _Subject(evidence, floor, output, 1.0 - criteria.agreement, error)
        found += subject.found(scored=output.name in scored)
    return tuple(text for _, text in sorted(found, key=lambda each: each[0]))


@dataclass(frozen=True, slots=True, eq=False)
class _Subject:
    """One output and what it is held against."""

    evidence: Evidence
    noise: Evidence | None
    output: OutputEvidence
    allowed: float
    error: float

    def found(self, *, scored: bool) -> Iterator[tuple[int, str]]:
        """How grave (0 is the gravest) and words."""
        output = self.output
        name = f"output {output.name}" if output.measure != output.name else output.name
        if self.real(unlike, allowed=0.0):
            yield 0, f"{name} is missing, or has another datatype or shape, in {self.share(unlike(output))}"
        if self.real(not_finite, allowed=0.0):
            yield 1, f"{name} is not finite in {self.share(not_finite(output))}"
        explained = unlike(output) | not_finite(output)
        if self.real(scaled, self.allowed):
            explained |= scaled(output)
            factor = _times(float(np.median(figure(output, "scale")[scaled(output)])))
            everywhere = self.count(scaled(output)) >= 0.995 * self.pairs
            where = "" if everywhere else f" in {self.share(scaled(output))}"
            yield 2, f"{name}: every value is {factor} × the primary's{where}"
        if scored:
            return  # how much it differs otherwise is what its score is there for
        if self.real(
            lambda other: ~other.agrees & ~explained if other is output else ~other.agrees, self.allowed
        ):
            yield 3, self.plain(name, ~output.agrees & ~explained)

    @property
    def pairs(self) -> int:
        return int(np.count_nonzero(answered(self.evidence)))

    def count(self, has: Flags) -> int:
        return int(np.count_nonzero(has & answered(self.evidence)))

    def real(self, rule: Rule, allowed: float) -> bool:
        mine = rule(self.output)[answered(self.evidence)]
        if self.noise is None:
            return Tally.of_flags(mine).above(allowed, self.error)
        rows, other = answered(self.noise), self.noise.output(self.output.name)
        noise = rule(other)[rows] if other else np.zeros(int(rows.sum()), np.bool_)
        return AboveNoise.of(mine, noise).below(1.0, self.error, mine.size)

    def share(self, has: Flags) -> str:
        """`3.1 % of 1 204 pairs`, and whether they are always those of the same keys."""
        rows = answered(self.evidence)
        told = f"{words.percent(self.count(has) / self.pairs)} of {words.plural(self.pairs, 'pair')}"
        where = recurrence(has[rows], self.evidence.bucket[self.evidence.compared[rows]])
        return f"{told}, {where}" if where and self.count(has) < self.pairs else told

    def plain(self, name: str, has: Flags) -> str:
        """That it differs, and what is known of how."""
        output, has = self.output, has & answered(self.evidence)
        if output.measure == "status":
            return f"another status in {self.share(has)}: {self.statuses(has)}"
        if output.measure == CLASS:
            return f"{name}: the best class is another one in {self.share(has)}"
        text = f"{name} {_DIFFERENT.get(output.measure, 'differs')} in {self.share(has)}"
        if output.measure in _MEASURED:
            text += f"; their mean score is {np.nanmean(output.scores[has]):.2f}"
        largest = figure(output, "max_abs")[has]
        if output.measure == VALUES and np.isfinite(largest).any():
            text += f", their largest difference {np.nanmedian(largest):.3g} in the median"
        return text

    def statuses(self, has: Flags) -> str:
        pairs = self.evidence.compared[has]
        both = np.stack([self.evidence.primary_status[pairs], self.evidence.shadow_status[pairs]])
        found, times = np.unique(both, axis=1, return_counts=True)
        primary, shadow = (self.evidence.statuses[each] for each in found[:, times.argmax()])
        return f"{'' if times.size == 1 else 'mostly '}{shadow} where the primary says {primary}"


def figure(output: OutputEvidence, name: str) -> Numbers:
    column = output.figures.get(name)
    return np.full(output.agrees.size, np.nan) if column is None else column


def unlike(output: OutputEvidence) -> Flags:
    """It disagrees and there is nothing to measure: the comparison has no figures then."""
    if output.measure not in _MEASURED:
        return np.zeros(output.agrees.size, np.bool_)
    has = ~output.agrees
    for column in output.figures.values():
        has &= np.isnan(column)
    return has


def not_finite(output: OutputEvidence) -> Flags:
    """NaN or an infinity of which the other leg has none, or not there."""
    flags: Flags = (figure(output, "nonfinite") > 0) & ~output.agrees
    return flags


def scaled(output: OutputEvidence) -> Flags:
    """One and the same factor, in most of the pairs that differ. (A single number always has *a* factor.)"""
    scale = figure(output, "scale")
    has = np.isfinite(scale)
    if not has.any():
        return has
    middle = float(np.median(scale[has]))
    apart = abs(middle - 1)
    one: Flags = has & (
        np.abs(scale - middle) <= min(apart / 2, max(_ALIKE * apart, _ROUNDING * abs(middle)))
    )
    most = 2 * np.count_nonzero(one) >= np.count_nonzero(has | ~output.agrees)
    return one if most else np.zeros(one.size, np.bool_)


def _times(factor: float) -> str:
    """`1.10`, `1.0003`, `0.0125`."""
    plain = abs(factor) >= 0.095 and abs(factor - 1) >= 0.0095
    return f"{factor:.2f}" if plain else f"{factor:.6g}"
