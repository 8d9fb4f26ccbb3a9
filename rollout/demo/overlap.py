"""How many films two top tens have in common, over many requests. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

TOP: Final = 10
"""Films that each model recommends."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of so many pairs of answers, how many films stand in both tens, all added up: two integers, so that two ways to
    the same figure are equal or not, whatever the order they add in."""

    pairs: int
    common: int

    @classmethod
    def of(cls, pairs: Iterable[tuple[Sequence[int], Sequence[int]]]) -> Self:
        counts = [len({*one} & {*other}) for one, other in pairs]
        return cls(len(counts), sum(counts))

    @property
    def share(self) -> float:
        """The mean of the pairs, 0 to 1."""
        return self.common / (TOP * self.pairs) if self.pairs else 0.0
