"""Quantiles of latencies, and between which ranks they lie, however often one looks. Pure.

A number x lies below the quantile of q unless at least a share q of the distribution is at most x. That share is
the mean of zeros and ones, so bets decide about it (`tally`); the interval holds the x for which they have not.
Though it speaks of every x, it is wrong only if it leaves out *one*: the true quantile. Whether that happens hangs
on a single sequence of zeros and ones ("is this latency at most the true quantile?"), and so on a single bet a
side: nothing has to be shared among the x, and the distribution may be any, with atoms and with infinities.
(Howard, Ramdas 2022, "Sequential estimation of quantiles with applications to A/B testing and best-arm
identification", bound all quantiles at once; for a few, this is sharper.)
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil, inf

import numpy as np

from shadow.verdict.evidence import Numbers
from shadow.verdict.tally import Tally


@lru_cache(maxsize=4_096)
def rank_below(total: int, share: float, error: float) -> int:
    """So many of `total` values, in order, lie surely below the quantile of `share` or are it: -1 if nothing is sure.

    Surely: at any time, with probability `error` of being wrong at most.
    """
    sure, unsure = -1, total + 1
    while unsure - sure > 1:
        middle = (sure + unsure) // 2
        if Tally.of_share(total - middle, total).above(1.0 - share, error):
            sure = middle
        else:
            unsure = middle
    return sure


@lru_cache(maxsize=4_096)
def rank_above(total: int, share: float, error: float) -> int:
    """The value of this rank, counted from 1, is surely at least the quantile of `share`: total + 1 if none is."""
    unsure, sure = 0, total + 1
    while sure - unsure > 1:
        middle = (sure + unsure) // 2
        if Tally.of_share(middle, total).above(share, error):
            sure = middle
        else:
            unsure = middle
    return sure


@dataclass(frozen=True, eq=False)
class Sample:
    """Numbers above 0, of which a quantile is asked; inf is one."""

    ordered: Numbers
    """Ascending."""

    @classmethod
    def of(cls, column: Numbers) -> "Sample":
        return cls(np.sort(column))

    @cached_property
    def total(self) -> int:
        return int(self.ordered.size)

    def quantile(self, share: float) -> float | None:
        """The smallest value which at least this share does not exceed."""
        return float(self.ordered[max(1, ceil(share * self.total)) - 1]) if self.total else None

    def low(self, share: float, error: float, total: int) -> float:
        """Its lower end if there were `total` values like these; 0 where they are too few."""
        rank = rank_below(total, share, error)
        return (
            float(self.ordered[min(rank * self.total // total, self.total - 1)])
            if rank >= 0 and total
            else 0.0
        )

    def high(self, share: float, error: float, total: int) -> float:
        """Its upper end if there were `total` values like these; inf where they are too few."""
        rank = rank_above(total, share, error)
        return float(self.ordered[-(-rank * self.total // total) - 1]) if rank <= total and total else inf
