"""The mean of numbers in [0, 1], and between what it lies, however often one looks. Pure.

The confidence sequence is the set of means that no bet has refuted (`wealth`). What it rests on, and no more: given
all that came before, the next value has this mean. Where the mean wanders, a refuted claim says that it was not
true all the time.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from shadow.verdict.evidence import Flags, Numbers
from shadow.verdict.wealth import enough, log_wealth

_LARGEST: Final = 4_096
"""Distinct values; more are rounded to multiples of 1 / 4 096, always towards the wider interval."""
_HALVINGS: Final = 44


@dataclass(frozen=True, eq=False)
class Tally:
    """How often each value came."""

    values: Numbers
    """[v], 0 to 1, ascending."""
    counts: Numbers
    """[v]; above 0, need not be whole."""

    @classmethod
    def of_share(cls, hits: float, total: float) -> "Tally":
        """`hits` ones among `total` zeros and ones."""
        return cls(np.array([0.0, 1.0]), np.array([total - hits, hits], np.float64))

    @classmethod
    def of_flags(cls, flags: Flags) -> "Tally":
        return cls.of_share(int(np.count_nonzero(flags)), flags.size)

    @classmethod
    def of(cls, column: Numbers) -> "Tally":
        """nan is left out; what is outside of [0, 1] is moved to its edge."""
        values, counts = np.unique(np.clip(column[~np.isnan(column)], 0.0, 1.0), return_counts=True)
        return cls(values, counts.astype(np.float64))

    @cached_property
    def total(self) -> float:
        return float(self.counts.sum())

    @property
    def mean(self) -> float | None:
        return float(self.values @ self.counts) / self.total if self.total else None

    def scaled(self, factor: float) -> "Tally":
        """So many times as much of the same."""
        return Tally(self.values, self.counts * factor)

    @cached_property
    def complement(self) -> "Tally":
        """1 - x for each x, without loss where x was rounded: each side is rounded for itself."""
        return Tally(1.0 - self.values[::-1], self.counts[::-1])

    @cached_property
    def _rounded_down(self) -> tuple[Numbers, Numbers]:
        if self.values.size <= _LARGEST:
            return self.values, self.counts
        cells = np.floor(self.values * _LARGEST)
        counts = np.bincount(cells.astype(np.int64), weights=self.counts, minlength=_LARGEST + 1)
        here = np.flatnonzero(counts)
        return here / _LARGEST, counts[here].astype(np.float64)

    def won(self, mean: float) -> float:
        """ln of the wealth against "the mean is at most this"."""
        return float(log_wealth(*self._rounded_down, mean))

    def above(self, mean: float, error: float) -> bool:
        """Whether "the mean is at most this" is refuted; wrongly, at any time, with probability `error` at most."""
        return self.won(mean) >= enough(error)

    def below(self, mean: float, error: float) -> bool:
        """Whether "the mean is at least this" is refuted; likewise."""
        return self.complement.above(1.0 - mean, error)

    def low(self, error: float) -> float:
        """The lower end of the confidence sequence: at any time above the mean with probability `error` at most."""
        mean = self.mean
        if not mean:
            return 0.0
        refuted, stands = 0.0, mean  # against the mean that was seen no bet can have won anything
        for _ in range(_HALVINGS):
            middle = (refuted + stands) / 2
            if self.above(middle, error):
                refuted = middle
            else:
                stands = middle
        return refuted

    def high(self, error: float) -> float:
        """The upper end: at any time below the mean with probability `error` at most."""
        return 1.0 - self.complement.low(error)
