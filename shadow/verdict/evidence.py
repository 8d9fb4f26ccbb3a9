"""What a verdict is reached on, as columns: one shadow, all its pairs in the order of time.

The store fills it, `judge` reads it, and nobody changes it. Arrays, not rows: a million pairs are judged in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Flags: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

FAILURES: Final = frozenset(
    {
        "UNKNOWN",
        "DEADLINE_EXCEEDED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNIMPLEMENTED",
        "RESOURCE_EXHAUSTED",
    }
)
"""Statuses that are the server's fault. Others (INVALID_ARGUMENT, NOT_FOUND, …) are answers, to be compared."""


def no_flags() -> Flags:
    return np.empty(0, np.bool_)


def no_numbers() -> Numbers:
    return np.empty(0, np.float64)


def no_integers() -> Integers:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class OutputEvidence:
    """One output (or fact: `status`, `messages`) in all compared pairs; m rows, as `Evidence.agrees`."""

    name: str
    measure: str
    """As `Difference.measure`; where it changed, that of the last pair."""
    agrees: Flags
    """[m]; True where the pair has no such output."""
    scores: Numbers
    """[m], 0 to 1; nan where the pair has no such output."""
    figures: Mapping[str, Numbers] = field(default_factory=dict)
    """By name, as `Difference.figures`: [m]; nan where the pair has no such figure."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All pairs of one shadow: n were answered, failed or timed out, and m of them were compared.

    Dropped pairs are no rows here; `dropped` counts them. Both n and m may be 0.
    """

    primary_failed: Flags = field(default_factory=no_flags)
    """[n]; its status is one of `FAILURES`. A call whose client gave up did not fail."""
    shadow_failed: Flags = field(default_factory=no_flags)
    """[n]; its status is one of `FAILURES`, or its outcome is failed or timed_out."""
    primary_status: Integers = field(default_factory=no_integers)
    """[n]: positions in `statuses`."""
    shadow_status: Integers = field(default_factory=no_integers)
    """[n]: positions in `statuses`."""
    statuses: tuple[str, ...] = ()
    """Names of gRPC statuses; where none arrived, the outcome's word (`failed`, `timed_out`), or `canceled`."""
    primary_latency: Numbers = field(default_factory=no_numbers)
    """[n]: nanoseconds. nan where it is not known or says nothing: the leg failed, or the client gave up."""
    shadow_latency: Numbers = field(default_factory=no_numbers)
    """[n]: nanoseconds. nan as above; inf where it timed out (outcome timed_out): longer than any."""
    bucket: Integers = field(default_factory=no_integers)
    """[n]: 0 to 9 999, or `NO_BUCKET`."""
    compared: Integers = field(default_factory=no_integers)
    """[m]: ascending positions in the columns above, of the pairs below."""
    agrees: Flags = field(default_factory=no_flags)
    """[m]: `Comparison.agrees`."""
    scores: Numbers = field(default_factory=no_numbers)
    """[m]: `Comparison.score`."""
    outputs: tuple[OutputEvidence, ...] = ()
    """In the order of their names."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """By reason."""

    @property
    def pairs(self) -> int:
        """n."""
        return int(self.shadow_failed.size)

    def output(self, name: str) -> OutputEvidence | None:
        return next((each for each in self.outputs if each.name == name), None)
