"""What is wrong with outputs, by name: not finite, missing, scaled, flipped, or simply different. Pure.

A deviation is named once its share of pairs is surely above the noise floor (Diffy's rule, with intervals instead
of two thresholds), or, where none was measured, above what the document's agreement allows. What no healthy model
does (an output that is missing or not finite) is named at the first sight if no noise floor has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from mesh.shadowing import CLASS, RANKING, SET, VALUES, Criteria
from shadow.verdict import words
from shadow.verdict.criteria import answered
from shadow.verdict.evidence import Evidence, Flags, Numbers, OutputEvidence
from shadow.verdict.recurrence import recurrence
from shadow.verdict.tally import Tally

_ALIKE: Final = 0.02
"""Factors that differ by less than this, of their own distance from 1, are one factor."""
_DIFFERENT: Final = {
    VALUES: "is out of tolerance",
    CLASS: "is another class",
    RANKING: "has too few in common",
    SET: "has too few in common",
    "messages": "has another number of messages",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What an output is held against."""

    noise: Evidence | None
    allowed: float
    error: float


def deviations(
    evidence: Evidence, noise: Evidence | None, criteria: Criteria, error: float
) -> tuple[str, ...]:
    judged = Judged(noise if noise and answered(noise).any() else None, 1.0 - criteria.agreement, error)
    scored = {name for name, _ in criteria.scores}
    found = [
        (rank, text)
        for output in evidence.outputs
        for rank, text in _of(evidence, output, judged, scored=output.name in scored)
    ]
    return tuple(text for _, text in sorted(found, key=lambda each: each[0]))


def _of(
    evidence: Evidence, output: OutputEvidence, judged: Judged, *, scored: bool
) -> Iterator[tuple[int, str]]:
    """Rank (the gravest is 0) and words of one output's deviations."""
    told = f"output {output.name}" if output.measure != output.name else output.name
    unsound = {"nonfinite": "is not finite", "missing": "is missing"}
    for rank, (figure, what) in enumerate(unsound.items()):
        has = _positive(output, figure)
        if _real(evidence, judged, has, _noise_of(judged, output, figure), allowed=0.0):
            yield rank, f"{told} {what} in {_share(evidence, has)}"
    scale = _figure(output, "scale")
    scaled = ~output.agrees & np.isfinite(scale)
    noise = judged.noise and judged.noise.output(output.name)
    noise_scaled = ~noise.agrees & np.isfinite(_figure(noise, "scale")) if noise else None
    if _real(evidence, judged, scaled, noise_scaled, judged.allowed):
        yield 2, f"{told}: {_factor(evidence, output, scaled, scale)}"
    else:
        scaled = np.zeros(scaled.size, np.bool_)
    if scored:
        return  # how much it differs otherwise is what its score is there for
    flips = _positive(output, "flips")
    if _real(evidence, judged, flips, _noise_of(judged, output, "flips"), judged.allowed):
        yield 3, f"{told}: the best class is another one in {_share(evidence, flips)}"
    else:
        flips = np.zeros(flips.size, np.bool_)
    explained = scaled | flips | _positive(output, "nonfinite") | _positive(output, "missing")
    rest = ~output.agrees & ~explained
    if _real(evidence, judged, rest, ~noise.agrees if noise else None, judged.allowed):
        yield 4, _plain(evidence, output, told, rest)


def _real(evidence: Evidence, judged: Judged, has: Flags, noise_has: Flags | None, allowed: float) -> bool:
    mine = Tally.of_flags(has[answered(evidence)])
    if judged.noise is None:
        return mine.low(judged.error) > allowed
    rows = answered(judged.noise)
    noise = Tally.of_flags(noise_has[rows] if noise_has is not None else np.zeros(int(rows.sum()), np.bool_))
    return mine.low(judged.error / 2) > noise.high(judged.error / 2)


def _figure(output: OutputEvidence, name: str) -> Numbers:
    column = output.figures.get(name)
    return np.full(output.agrees.size, np.nan) if column is None else column


def _positive(output: OutputEvidence, name: str) -> Flags:
    flags: Flags = _figure(output, name) > 0
    return flags


def _noise_of(judged: Judged, output: OutputEvidence, figure: str) -> Flags | None:
    noise = judged.noise and judged.noise.output(output.name)
    return _positive(noise, figure) if noise else None


def _share(evidence: Evidence, has: Flags) -> str:
    rows = answered(evidence)
    number, pairs = int(np.count_nonzero(has & rows)), int(np.count_nonzero(rows))
    where = recurrence((has & rows)[rows], evidence.bucket[evidence.compared[rows]]) if number < pairs else ""
    return f"{words.percent(number / pairs)} of {words.plural(pairs, 'pair')}" + (
        f", {where}" if where else ""
    )


def _factor(evidence: Evidence, output: OutputEvidence, scaled: Flags, scale: Numbers) -> str:
    rows = answered(evidence)
    least, middle, most = np.quantile(scale[scaled & rows], [0.1, 0.5, 0.9])
    everywhere = np.count_nonzero(scaled & rows) >= 0.995 * np.count_nonzero(rows)
    where = "" if everywhere else f" in {_share(evidence, scaled)}"
    if most - least <= _ALIKE * abs(middle - 1):
        return f"every value is {_times(middle)} × the primary's{where}"
    return f"each answer's values are one factor of the primary's, mostly {_times(least)} to {_times(most)} ×{where}"


def _times(factor: float) -> str:
    """`1.10`, `1.0003`, `0.0125`."""
    return f"{factor:.2f}" if abs(factor) >= 0.095 and abs(factor - 1) >= 0.0095 else f"{factor:.6g}"


def _plain(evidence: Evidence, output: OutputEvidence, told: str, rest: Flags) -> str:
    rows = answered(evidence)
    if output.measure == "status":
        pairs = evidence.compared[rest & rows]
        both = np.stack([evidence.primary_status[pairs], evidence.shadow_status[pairs]])
        found, times = np.unique(both, axis=1, return_counts=True)
        primary, shadow = found[:, times.argmax()]
        said = f"{evidence.statuses[shadow]} where the primary says {evidence.statuses[primary]}"
        return f"another status in {_share(evidence, rest)}: {'' if times.size == 1 else 'mostly '}{said}"
    text = f"{told} {_DIFFERENT.get(output.measure, 'differs')} in {_share(evidence, rest)}"
    scores = output.scores[rest & rows]
    if output.measure in (VALUES, RANKING, SET) and np.isfinite(scores).any():
        text += f"; their mean score is {np.nanmean(scores):.2f}"
    largest = _figure(output, "max_abs")[rest & rows]
    if output.measure == VALUES and np.isfinite(largest).any():
        text += f", their largest difference {np.nanmedian(largest):.3g} in the median"
    return text
