"""What was measured, and what follows from it: medians over the repeats, and ratios to other peers.

A ratio is the median of the repeats' own ratios: two peers of one repeat were measured seconds apart, so a
machine that gets slower or faster during the run moves both.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, Generic, TypeVar

from benchmarks.load import MICROSECONDS, Load
from benchmarks.scenario import Scenario

COLUMNS: Final = ("cpu_us_per_call", "calls_per_second", "mean_us", "p50_us", "p99_us", "arrived_per_call")
YARDSTICKS: Final = ("envoy", "haproxy")


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement. `cpu` is in seconds; None when there is no proxy."""

    load: Load
    cpu: float | None
    arrived: float | None = None
    """Copies or spans that arrived, per call."""

    def column(self, name: str) -> float | None:
        if name == "cpu_us_per_call":
            return None if self.cpu is None else self.cpu / self.load.calls * MICROSECONDS
        return {
            "calls_per_second": self.load.throughput,
            "mean_us": self.load.mean,
            "p50_us": self.load.p50,
            "p99_us": self.load.p99,
            "arrived_per_call": self.arrived,
        }[name]


S = TypeVar("S", bound=Hashable)


@dataclass(slots=True)
class Samples(Generic[S]):
    """All samples of a run: by scenario (whatever one is to the benchmark) and peer, one per repeat."""

    samples: dict[tuple[S, str], dict[int, Sample]] = field(default_factory=dict)

    def add(self, scenario: S, peer: str, repeat: int, sample: Sample) -> None:
        self.samples.setdefault((scenario, peer), {})[repeat] = sample

    def values(self, scenario: S, peer: str, column: str) -> dict[int, float]:
        found = self.samples.get((scenario, peer), {})
        by_repeat = {repeat: sample.column(column) for repeat, sample in found.items()}
        return {repeat: value for repeat, value in by_repeat.items() if value is not None}

    def median(self, scenario: S, peer: str, column: str) -> float | None:
        values = self.values(scenario, peer, column)
        return median(values.values()) if values else None

    def ratio(self, scenario: S, peer: str, to: str, column: str) -> float | None:
        """`peer` divided by `to`, over the repeats that have both."""
        ours, theirs = self.values(scenario, peer, column), self.values(scenario, to, column)
        both = [ours[repeat] / theirs[repeat] for repeat in ours if theirs.get(repeat)]
        return median(both) if both else None


class Figures(Samples[Scenario]):
    """Those of proxies."""

    __slots__ = ()

    def document(self) -> list[dict[str, Any]]:
        """For JSON: a row per scenario and peer."""
        return [
            {
                "peer": peer,
                "suite": scenario.suite,
                "payload": scenario.payload,
                "connections": scenario.connections,
                "streams": scenario.streams,
                "calls": sum(sample.load.calls for sample in samples.values()),
                **{column: rounded(self.median(scenario, peer, column)) for column in COLUMNS},
                "repeats": {
                    column: [rounded(value) for value in self.values(scenario, peer, column).values()]
                    for column in COLUMNS
                },
                "ratio": {
                    to: {column: rounded(self.ratio(scenario, peer, to, column), 3) for column in COLUMNS}
                    for to in map(scenario.variant, YARDSTICKS)
                    if to != peer and (scenario, to) in self.samples
                },
            }
            for (scenario, peer), samples in sorted(self.samples.items(), key=lambda item: item[0][1])
        ]


def rounded(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)
