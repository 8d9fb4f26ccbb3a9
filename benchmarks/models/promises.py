"""What the model server is to keep: ratios to other ways to serve a model, measured in one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.figures import Samples
from benchmarks.models.peers import BATCHING, MLSERVER, OURS
from benchmarks.models.workload import BUSY, MEMORY_BOUND, PERCEPTRON, ROWS, TEN_MS, Scenario

CPU: Final = "cpu_us_per_call"
THROUGHPUT: Final = "calls_per_second"
WORDS: Final = {CPU: "CPU per call", THROUGHPUT: "throughput"}
FEW: Final = 8
"""Single runs that a batch of 32 has to cost less than, for a promise about batching to be about batching."""


@dataclass(frozen=True, slots=True)
class Promise:
    """`column` of `ours` is at most, or at least, so many times that of the best of `theirs`."""

    scenario: Scenario
    column: str
    bound: float
    ours: str
    theirs: tuple[str, ...]
    called: str

    @property
    def more_is_better(self) -> bool:
        return self.column == THROUGHPUT

    def __str__(self) -> str:
        sign = "≥" if self.more_is_better else "≤"
        return (
            f"{self.ours}: {WORDS[self.column]} at {self.scenario.name} {sign} {self.bound:g} × {self.called}"
        )

    def judge(self, figures: Samples[Scenario]) -> "Verdict | None":
        """By the one of `theirs` that makes it hardest; None where ours or all of theirs were not measured."""
        ratios = [figures.ratio(self.scenario, self.ours, each, self.column) for each in self.theirs]
        known = [ratio for ratio in ratios if ratio is not None]
        hardest = min if self.more_is_better else max
        return Verdict(self, hardest(known)) if known else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A promise, and the ratio that was measured."""

    promise: Promise
    ratio: float

    @property
    def kept(self) -> bool:
        bound = self.promise.bound
        return self.ratio >= bound if self.promise.more_is_better else self.ratio <= bound

    def document(self) -> dict[str, Any]:
        return {"promise": str(self.promise), "ratio": round(self.ratio, 3), "kept": self.kept}


_PERCEPTRON, _MEMORY_BOUND, _TEN_MS = (BUSY[each.name] for each in (PERCEPTRON, MEMORY_BOUND, TEN_MS))
PROMISES: Final = (
    Promise(
        _PERCEPTRON, THROUGHPUT, 1.8, OURS.name, tuple(each.name for each in MLSERVER), "the best MLServer"
    ),
    Promise(_PERCEPTRON, CPU, 1.15, OURS.name, ("bare",), "a bare handler"),
    Promise(_MEMORY_BOUND, THROUGHPUT, 1.3, BATCHING.name, (OURS.name,), "itself without batches"),
    Promise(_TEN_MS, THROUGHPUT, 0.97, OURS.name, ("in-process",), "the model alone"),
)


def verdicts(figures: Samples[Scenario]) -> list[Verdict]:
    """Of every promise that could be judged."""
    judged = (promise.judge(figures) for promise in PROMISES)
    return [verdict for verdict in judged if verdict is not None]


def about_batches(cost: float) -> str:
    """What a batch of the memory-bound model costs, and whether the promise about it stands on that."""
    enough = "less" if cost < FEW else "NOT less"
    return (
        f"{MEMORY_BOUND.name}: a batch of {ROWS} costs {cost:.1f} runs of one row; {enough} than the {FEW} "
        "that the promise is about"
    )


def describe(judged: Sequence[Verdict]) -> list[list[str]]:
    """Rows: promise, measured, kept or broken."""
    return [[str(each.promise), f"{each.ratio:.2f}", "kept" if each.kept else "broken"] for each in judged]
