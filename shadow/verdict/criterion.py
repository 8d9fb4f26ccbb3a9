"""One criterion: a gauge, a bound, and on which side of it is good. Pure."""

from dataclasses import dataclass
from typing import Final

from shadow.verdict.gauges import Gauge
from shadow.verdict.verdict import State

_MOST: Final = 10**9
"""Pairs: what would need more is never decided."""


@dataclass(frozen=True, slots=True)
class Risk:
    """How often, at any time, it may be wrong to say so of one criterion."""

    ready: float
    not_ready: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will be decided if more pairs are like those seen."""

    state: State
    more: int | None
    """None: nothing will, and `state` is NOT_ENOUGH_DATA."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """`gauge` at least (or at most) `bound`."""

    name: str
    gauge: Gauge
    bound: float
    at_least: bool
    risk: Risk

    def interval(self) -> tuple[float, float]:
        """The end that may say ready has its risk, the other has that of not ready."""
        risk = self.risk if self.at_least else Risk(ready=self.risk.not_ready, not_ready=self.risk.ready)
        return self.gauge.low(risk.ready, self.gauge.pairs), self.gauge.high(risk.not_ready, self.gauge.pairs)

    def state(self, pairs: int) -> State:
        """As it would be with so many pairs."""
        good, bad = self.gauge.above, self.gauge.below
        if not self.at_least:
            good, bad = bad, good
        if self._asks_nothing or good(self.bound, self.risk.ready, pairs):
            return State.READY
        return State.NOT_READY if bad(self.bound, self.risk.not_ready, pairs) else State.NOT_ENOUGH_DATA

    @property
    def _asks_nothing(self) -> bool:
        return self.bound <= self.gauge.least if self.at_least else self.bound >= self.gauge.most

    def forecast(self) -> Forecast:
        """`more` is right to a hundredth of all pairs: it is a guess from the rates seen."""
        seen = self.gauge.pairs
        now = self.state(seen)
        if now != State.NOT_ENOUGH_DATA:
            return Forecast(now, 0)
        if not seen:
            return Forecast(now, None)
        undecided, decided = seen, 2 * seen
        while (state := self.state(decided)) == State.NOT_ENOUGH_DATA:
            if decided >= _MOST:
                return Forecast(state, None)
            undecided, decided = decided, 2 * decided
        while decided - undecided > max(1, decided // 100):
            middle = (undecided + decided) // 2
            if (there := self.state(middle)) == State.NOT_ENOUGH_DATA:
                undecided = middle
            else:
                decided, state = middle, there
        return Forecast(state, decided - seen)
