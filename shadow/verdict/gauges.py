"""What is measured against a bound: a mean, an excess of failures, a ratio of quantiles. Pure.

Each can say what it would know if there were more pairs like those seen; that is how many more are needed is found.
"""

from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import ClassVar, Protocol

from shadow.verdict.quantiles import Sample
from shadow.verdict.tally import Tally


class Gauge(Protocol):
    """`pairs` is how many there are supposed to be, like those seen; `error` how often, at any time, it may be
    wrong."""

    least: ClassVar[float]
    """Of what the truth may be."""
    most: ClassVar[float]

    @property
    def pairs(self) -> int: ...

    @property
    def observed(self) -> float | None: ...

    def low(self, error: float, pairs: int) -> float:
        """Surely not above the truth."""

    def high(self, error: float, pairs: int) -> float:
        """Surely not below the truth."""

    def above(self, bound: float, error: float, pairs: int) -> bool:
        """Whether "the truth is at most `bound`" is refuted: as `low(…) > bound`, perhaps quicker."""

    def below(self, bound: float, error: float, pairs: int) -> bool:
        """Whether "the truth is at least `bound`" is refuted: as `high(…) < bound`, perhaps quicker."""


@dataclass(frozen=True, eq=False)
class Mean:
    """The mean of numbers from 0 to 1."""

    tally: Tally
    least: ClassVar[float] = 0.0
    most: ClassVar[float] = 1.0

    @property
    def pairs(self) -> int:
        return round(self.tally.total)

    @property
    def observed(self) -> float | None:
        mean = self.tally.mean
        return None if mean is None else self._told(mean)

    def low(self, error: float, pairs: int) -> float:
        return self._told(self._supposed(pairs).low(error))

    def high(self, error: float, pairs: int) -> float:
        return self._told(self._supposed(pairs).high(error))

    def above(self, bound: float, error: float, pairs: int) -> bool:
        return self._supposed(pairs).above(self._inside(bound), error)

    def below(self, bound: float, error: float, pairs: int) -> bool:
        return self._supposed(pairs).below(self._inside(bound), error)

    def _supposed(self, pairs: int) -> Tally:
        return self.tally if pairs == self.pairs else self.tally.scaled(pairs / max(1, self.pairs))

    def _told(self, inside: float) -> float:
        return self.least + (1 - self.least) * inside

    def _inside(self, told: float) -> float:
        return (told - self.least) / (1 - self.least)


class Excess(Mean):
    """The mean of numbers from -1 to 1, of which the tally has the halves of one more."""

    least: ClassVar[float] = -1.0


@dataclass(frozen=True, eq=False)
class Latency:
    """A quantile of the shadow's latency / the same of the primary's.

    The two belong to the same requests and are anything but independent: each end has half of the error for either.
    """

    share: float
    primary: Sample
    shadow: Sample
    least: ClassVar[float] = 0.0
    most: ClassVar[float] = inf

    @property
    def pairs(self) -> int:
        return self.primary.total

    @cached_property
    def observed(self) -> float | None:
        primary, shadow = self.primary.quantile(self.share), self.shadow.quantile(self.share)
        return None if primary is None or shadow is None else shadow / primary

    def low(self, error: float, pairs: int) -> float:
        most = self.primary.high(self.share, error / 2, pairs)
        return 0.0 if most == inf else self.shadow.low(self.share, error / 2, pairs) / most

    def high(self, error: float, pairs: int) -> float:
        least = self.primary.low(self.share, error / 2, pairs)
        return self.shadow.high(self.share, error / 2, pairs) / least if least else inf

    def above(self, bound: float, error: float, pairs: int) -> bool:
        return self.low(error, pairs) > bound

    def below(self, bound: float, error: float, pairs: int) -> bool:
        return self.high(error, pairs) < bound
