"""What a traffic document says of its shadows, as values: what is recorded, how answers are compared, who is ready."""

from dataclasses import dataclass
from typing import Final

from mesh.traffic_rules import GRAIN

ALL: Final = "all"
DIFFERING: Final = "differing"
NONE: Final = "none"
PAYLOADS: Final = (ALL, DIFFERING, NONE)
"""Which pairs are kept with their requests and answers; the figures of a pair are always kept."""

VALUES: Final = "values"
CLASS: Final = "class"
RANKING: Final = "ranking"
SET: Final = "set"
EXACT: Final = "exact"
IGNORED: Final = "ignored"
MEASURES: Final = (VALUES, CLASS, RANKING, SET, EXACT, IGNORED)


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of pairs."""

    weight: int = GRAIN
    """Of the shadows, hundredths of a percent: the others are sent, and their pairs dropped as `not_sampled`."""
    payloads: str = ALL
    """One of `PAYLOADS`."""
    largest: int = 1 << 20
    """Bytes of a request or of an answer; pairs with more are not compared (`too_large`)."""


@dataclass(frozen=True, slots=True)
class OutputRule:
    """How one output is compared, and when it agrees."""

    measure: str = ""
    """One of `MEASURES`; empty: guessed from datatype and shape."""
    rtol: float = 1e-4
    atol: float = 1e-6
    """values, and the scores of a class or a ranking: |shadow - primary| <= atol + rtol * |primary|, each finite."""
    top: int = 10
    """ranking: so many of the best."""
    overlap: float = 1.0
    """ranking and set: agree if at least this share, 0 to 1, is in both."""


@dataclass(frozen=True, slots=True)
class Compare:
    """How the answers of a pair are compared."""

    outputs: tuple[tuple[str, OutputRule], ...] = ()
    """By the output's name; others are guessed."""
    comparator: str = ""
    """The name of an entry point in `verdigris.comparators`, which compares instead; empty: ours."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """When a colour is ready."""

    agreement: float = 0.99
    """Share of the pairs that agree, at least; above the noise floor where there is one."""
    scores: tuple[tuple[str, float], ...] = ()
    """By output: its mean score, 0 to 1, at least. An output that has one is left out of `agreement`."""
    errors: float = 0.005
    """Share of the pairs in which the shadow failed and the primary did not, less the opposite, at most."""
    p50: float | None = 2.0
    p99: float | None = 2.0
    """Latency of the shadow / of the primary, at most; None: it does not matter."""
    pairs: int = 300
    """As many, at least, before anything is ready."""
    confidence: float = 0.95
    """Of the verdict as a whole, however often one looks."""
