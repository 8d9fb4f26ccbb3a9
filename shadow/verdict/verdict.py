"""What a verdict says, as values."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Of one criterion, and of all together."""

    READY = "ready"
    """The interval lies on the good side of the bound, and there are as many pairs as are asked for."""
    NOT_READY = "not ready"
    """The interval lies on the bad side of the bound."""
    NOT_ENOUGH_DATA = "not enough data"
    """The bound lies inside the interval, or pairs are missing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One criterion."""

    criterion: str
    """`pairs`, `agreement`, `errors`, `p50`, `p99`, or `scores OUTPUT`."""
    state: State
    observed: float | None
    """A share (agreement, scores: 0 to 1; errors: -1 to 1), a ratio (p50, p99), a count; None before any."""
    interval: tuple[float, float]
    """In which the truth lies, with the confidence that this criterion has; a ratio may reach inf."""
    bound: float
    """What the document asks for, in the same unit."""
    pairs: int
    """How many it rests on."""
    more_pairs: int | None
    """So many more decide it (ready or not), if they are like those seen: 0 if decided, None if no number would."""
    words: str
    """One line for a person."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a shadow's colour is ready, and why."""

    state: State
    """READY if each finding is; NOT_READY if one is; else NOT_ENOUGH_DATA."""
    findings: tuple[Finding, ...]
    """In order: pairs, agreement, scores by output, errors, p50, p99; none that the document leaves out."""
    faults: tuple[str, ...]
    """What is wrong with the shadow, by name and with figures, the gravest first. They explain; they do not decide."""
    warnings: tuple[str, ...]
    """What is wrong with the evidence."""
    pairs: int
    """How many were judged."""
    more_pairs: int | None
    """So many more decide the verdict, if they are like those seen: 0 if decided, None if no number would."""
    confidence: float
    """Of the whole, however often one looks."""
