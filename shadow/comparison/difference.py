"""What a comparison finds, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Difference:
    """One output of both answers, or one fact of them (`status`), beside each other."""

    output: str
    """The tensor's name, once for all messages of a stream; `status` and `messages` are facts of the whole."""
    measure: str
    """How: values, class, ranking, set, exact, status, messages, json, bytes, or a comparator's name."""
    agrees: bool
    score: float
    """0 to 1: the share that agrees (of a ranking: the overlap of its top; of values: the share within tolerance)."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """By name, finite: max_abs, max_rel, scale (shadow / primary, where one factor explains the difference), flips,
    correlation, common (of a ranking: items in both tops), top (of how many), nonfinite, missing, …; all of them, and
    what they are, in docs/comparison.md."""
    detail: str = ""
    """What is different, in a few words, for a person; empty where it agrees."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two answers beside each other."""

    differences: tuple[Difference, ...]
    """Agreeing ones too."""
    error: str = ""
    """Why they could not be compared (a comparator that raised, an answer that is no message); else empty."""

    @property
    def agrees(self) -> bool:
        return not self.error and all(each.agrees for each in self.differences)

    @property
    def score(self) -> float:
        """The worst of its parts."""
        return 0.0 if self.error else min((each.score for each in self.differences), default=1.0)


def wordless(comparison: Comparison) -> Comparison:
    """Its figures alone: words may quote what was answered, and they were found before anything was redacted."""
    differences = tuple(replace(each, detail="") for each in comparison.differences)
    return Comparison(differences, comparison.error and "it could not be compared")
