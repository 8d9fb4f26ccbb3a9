"""What is left of a disagreement when that of the primary with itself is taken out, as Diffy does. Pure.

Both shares are unknown. Bets against their difference need no interval of either: the i-th pair of the shadow and
the i-th of the noise make one number, 1 if only the first differs, -1 if only the second, and its mean is the
difference. Where the noise is less, it is held against the mean of a few of the shadow's pairs. And a difference is
not more than the shadow's own disagreement, whatever the noise. Wealth is divided among these bets.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from shadow.verdict.evidence import Flags
from shadow.verdict.tally import Tally
from shadow.verdict.wealth import enough

_BLOCKS: Final = (1, 4)
"""So many of the shadow's pairs for one of the noise: with 4, what the noise is uncertain by is nearly all."""
_HALVINGS: Final = 40
MOST_NOISE: Final = 0.5
"""Where the primary disagrees with itself more often than not, nothing is left to agree with: nobody is ready by that."""


@dataclass(frozen=True, eq=False)
class AboveNoise:
    """A gauge: agreement, 0 to 1."""

    differing: Tally
    noise: Tally
    beside: tuple[Tally, ...]
    """Of each of `_BLOCKS`: the differences, from -1 to 1, as halves of one more."""
    least: ClassVar[float] = 0.0
    most: ClassVar[float] = 1.0

    @classmethod
    def of(cls, differing: Flags, noise: Flags) -> "AboveNoise":
        """Both in the order of time."""
        return cls(
            Tally.of_flags(differing),
            Tally.of_flags(noise),
            tuple(_beside(differing, noise, each) for each in _BLOCKS),
        )

    @property
    def pairs(self) -> int:
        return round(self.differing.total)

    @property
    def observed(self) -> float | None:
        mine, noise = self.differing.mean, self.noise.mean
        return None if mine is None or noise is None else min(1.0, 1.0 - mine + noise)

    def low(self, error: float, pairs: int) -> float:
        supposed = self._supposed(pairs)
        refuted, stands = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (refuted + stands) / 2
            if supposed.above(middle, error, supposed.pairs):
                refuted = middle
            else:
                stands = middle
        return refuted

    def high(self, error: float, pairs: int) -> float:
        supposed = self._supposed(pairs)
        if not supposed.below(1.0, error, supposed.pairs):
            return 1.0
        stands, refuted = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (refuted + stands) / 2
            if supposed.below(middle, error, supposed.pairs):
                refuted = middle
            else:
                stands = middle
        return refuted

    def above(self, bound: float, error: float, pairs: int) -> bool:
        """An agreement of `bound` is a difference of 1 - bound, which is half of 2 - bound as tallies have it."""
        noise = self.noise.mean
        if noise is not None and noise > MOST_NOISE:
            return False
        supposed = self._supposed(pairs)
        beside = [each.complement.won(bound / 2) for each in supposed.beside]
        return _divided([supposed.differing.complement.won(bound), *beside]) >= enough(error)

    def below(self, bound: float, error: float, pairs: int) -> bool:
        return _divided([each.won(1 - bound / 2) for each in self._supposed(pairs).beside]) >= enough(error)

    def _supposed(self, pairs: int) -> "AboveNoise":
        """More pairs means more of both."""
        if pairs == self.pairs:
            return self
        factor = pairs / max(1, self.pairs)
        beside = tuple(each.scaled(factor) for each in self.beside)
        return AboveNoise(self.differing.scaled(factor), self.noise.scaled(factor), beside)


def _beside(differing: Flags, noise: Flags, block: int) -> Tally:
    number = min(differing.size // block, noise.size)
    mine = differing[: number * block].reshape(number, block).mean(1)
    return Tally.of((1 + mine - noise[:number]) / 2)


def _divided(wealth: list[float]) -> float:
    """ln of the mean of wealth, of which these are ln."""
    return float(np.logaddexp.reduce(wealth)) - float(np.log(len(wealth)))
