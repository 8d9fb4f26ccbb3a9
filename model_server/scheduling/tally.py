"""What is counted of one model: for Triton's statistics, and the metrics' histograms.

A tally is changed on the event loop only, so reading it there needs no lock.
"""

from bisect import bisect_left
from collections import Counter
from typing import Final

from model_server.scheduling.job import Execution
from model_server.scheduling.statistics import BatchStatistics, Duration, Statistics

MILLI: Final = 1_000_000
BOUNDS: Final = tuple(round(step * 10**power) for power in range(3, 10) for step in (10, 25, 50))
"""Upper bounds of the buckets of durations in nanoseconds: 10 µs to 50 s."""


class Tally:
    """The integers behind `Statistics`."""

    __slots__ = (
        "batches",
        "compute_buckets",
        "compute_ns",
        "fail_ns",
        "failures",
        "infer_ns",
        "inferences",
        "inline",
        "input_ns",
        "last",
        "output_ns",
        "queue_buckets",
        "queue_ns",
        "refused",
        "success",
        "success_ns",
    )

    def __init__(self) -> None:
        self.success = self.success_ns = self.fail_ns = 0
        self.queue_ns = self.input_ns = self.infer_ns = self.output_ns = self.compute_ns = 0
        self.inferences = self.last = 0
        self.inline = 0
        """Runs on the event loop."""
        self.batches: dict[int, list[int]] = {}
        """By rows: how many runs, and nanoseconds of their three steps."""
        self.queue_buckets = [0] * (len(BOUNDS) + 1)
        self.compute_buckets = [0] * (len(BOUNDS) + 1)
        self.failures: Counter[type[BaseException]] = Counter()
        self.refused: Counter[str] = Counter()
        """Calls that were never run, by why."""

    def ran(self, run: Execution) -> None:
        """A run succeeded; once for all its calls."""
        self.last = run.wall // MILLI
        batch = self.batches.get(run.rows)
        if batch is None:
            batch = self.batches[run.rows] = [0, 0, 0, 0]
        batch[0] += 1
        batch[1] += run.decoded - run.started
        batch[2] += run.ran - run.decoded
        batch[3] += run.ended - run.ran

    def succeeded(self, queued: int, rows: int, run: Execution) -> None:
        """One of its calls is answered."""
        queue, compute = run.started - queued, run.ended - run.started
        self.success += 1
        self.success_ns += queue + compute
        self.queue_ns += queue
        self.compute_ns += compute
        self.input_ns += run.decoded - run.started
        self.infer_ns += run.ran - run.decoded
        self.output_ns += run.ended - run.ran
        self.inferences += rows
        self.queue_buckets[bisect_left(BOUNDS, queue)] += 1
        self.compute_buckets[bisect_left(BOUNDS, compute)] += 1

    def failed(self, kind: type[BaseException], ns: int = 0) -> None:
        """A call ended otherwise, `ns` after it came."""
        self.failures[kind] += 1
        self.fail_ns += ns

    def add(self, other: "Tally") -> None:
        """Take over what another one counted."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.last = max(self.last, other.last)
        for mine, theirs in (
            (self.queue_buckets, other.queue_buckets),
            (self.compute_buckets, other.compute_buckets),
        ):
            mine[:] = map(int.__add__, mine, theirs)
        for rows, batch in other.batches.items():
            self.batches[rows] = list(map(int.__add__, self.batches.get(rows, [0, 0, 0, 0]), batch))
        self.failures.update(other.failures)
        self.refused.update(other.refused)

    def snapshot(self) -> Statistics:
        answered = self.success
        return Statistics(
            success=Duration(answered, self.success_ns),
            fail=Duration(self.failures.total(), self.fail_ns),
            queue=Duration(answered, self.queue_ns),
            compute_input=Duration(answered, self.input_ns),
            compute_infer=Duration(answered, self.infer_ns),
            compute_output=Duration(answered, self.output_ns),
            inference_count=self.inferences,
            execution_count=sum(batch[0] for batch in self.batches.values()),
            last_inference=self.last,
            batches=tuple(
                BatchStatistics(rows, *(Duration(count, ns) for ns in steps))
                for rows, (count, *steps) in sorted(self.batches.items())
            ),
        )


_SUMS: Final = (
    "success",
    "success_ns",
    "fail_ns",
    "queue_ns",
    "compute_ns",
    "input_ns",
    "infer_ns",
    "output_ns",
    "inferences",
    "inline",
)
