"""What Verdigris is to keep: ratios to its peers, measured in one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.figures import Figures
from benchmarks.scenario import ALONE, BUSY, KIB, MATRIX, Scenario

CPU: Final = "cpu_us_per_call"
MEAN: Final = "mean_us"
WORDS: Final = {CPU: "CPU per call", MEAN: "mean latency"}


@dataclass(frozen=True, slots=True)
class Promise:
    """`column` of `ours` is at most so many times that of `theirs`."""

    scenario: Scenario
    column: str
    at_most: float
    to: str
    """envoy or haproxy: the proxy whose variant of the scenario's suite is the measure."""

    @property
    def ours(self) -> str:
        return self.scenario.variant("verdigris")

    @property
    def theirs(self) -> str:
        return self.scenario.variant(self.to)

    def __str__(self) -> str:
        return f"{WORDS[self.column]} at {self.scenario.name} ≤ {self.at_most:g} × {self.theirs}"

    def judge(self, figures: Figures) -> "Verdict | None":
        """None where one of the two was not measured."""
        ratio = figures.ratio(self.scenario, self.ours, self.theirs, self.column)
        return None if ratio is None else Verdict(self, ratio)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A promise, and the ratio that was measured."""

    promise: Promise
    ratio: float

    @property
    def kept(self) -> bool:
        return self.ratio <= self.promise.at_most

    def document(self) -> dict[str, Any]:
        return {"promise": str(self.promise), "ratio": round(self.ratio, 3), "kept": self.kept}


_CPU_WHEN_BUSY: Final = {
    (MATRIX, 100): {"envoy": 0.45, "haproxy": 1.0},
    (MATRIX, 64 * KIB): {"envoy": 0.6},
    ("traced", 100): {"envoy": 0.8},
    ("mirror", 100): {"envoy": 0.7},
}
_MEAN_WHEN_ALONE: Final = {"envoy": 0.75, "haproxy": 1.0}


def promises(scenarios: Sequence[Scenario]) -> list[Promise]:
    """CPU with 32 calls in flight; mean latency with one call in flight, at every payload of the matrix."""
    found = []
    for scenario in scenarios:
        flight = (scenario.connections, scenario.streams)
        if flight == BUSY:
            most = _CPU_WHEN_BUSY.get((scenario.suite, scenario.payload), {})
            found += [Promise(scenario, CPU, at_most, to) for to, at_most in most.items()]
        elif flight == ALONE and scenario.suite == MATRIX:
            found += [Promise(scenario, MEAN, at_most, to) for to, at_most in _MEAN_WHEN_ALONE.items()]
    return found


def verdicts(figures: Figures, scenarios: Sequence[Scenario]) -> list[Verdict]:
    """Of every promise that could be judged."""
    judged = (promise.judge(figures) for promise in promises(scenarios))
    return [verdict for verdict in judged if verdict is not None]
