"""Whether memory grew: a line through what was resident over time, and how sure it is (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any, Final, Self

BLOCKS: Final = 20
"""Samples a second apart resemble each other; the line goes through the means of so many blocks, so that its error
is not made small by counting the same thing often."""
T_QUANTILE: Final = 2.1
"""Student's t for 18 degrees of freedom at 95 %, two-sided."""


@dataclass(frozen=True, slots=True)
class Point:
    """Seconds since the start, bytes resident."""

    seconds: float
    resident: int


@dataclass(frozen=True, slots=True)
class Trend:
    """Bytes per second, the half-width of its 95 % interval, and where the line stands at second 0."""

    slope: float
    error: float
    start: float
    seconds: float
    """How long what was fitted lasted."""

    @classmethod
    def of(cls, points: Sequence[Point]) -> Self:
        """Least squares through block means; ValueError for fewer points than blocks."""
        if len(points) < BLOCKS:
            raise ValueError(f"{len(points)} points are too few for a trend: at least {BLOCKS}")
        bounds = [round(i * len(points) / BLOCKS) for i in range(BLOCKS + 1)]
        blocks = [points[a:b] for a, b in pairwise(bounds)]
        x = [fmean(point.seconds for point in block) for block in blocks]
        y = [fmean(point.resident for point in block) for block in blocks]
        mean_x, mean_y = fmean(x), fmean(y)
        spread = sum((each - mean_x) ** 2 for each in x)
        slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread
        start = mean_y - slope * mean_x
        rest = sum((b - start - slope * a) ** 2 for a, b in zip(x, y, strict=True))
        deviation = (rest / (BLOCKS - 2) / spread) ** 0.5
        return cls(slope, T_QUANTILE * deviation, start, points[-1].seconds - points[0].seconds)

    @property
    def growth(self) -> float:
        """Bytes over the time that was fitted."""
        return self.slope * self.seconds

    @property
    def doubt(self) -> float:
        """The half-width of the growth's 95 % interval."""
        return self.error * self.seconds

    def exceeds(self, bound: float) -> bool:
        """It grew by more than `bound` bytes, and not by chance."""
        return self.growth - self.doubt > bound

    def at(self, seconds: float) -> float:
        return self.start + self.slope * seconds

    def document(self) -> dict[str, Any]:
        return {
            "bytes_per_second": round(self.slope, 2),
            "error_95": round(self.error, 2),
            "growth_bytes": round(self.growth),
            "growth_error_95": round(self.doubt),
            "seconds": round(self.seconds, 1),
        }
