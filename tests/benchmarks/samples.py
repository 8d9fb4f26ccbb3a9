"""Measurements that were never taken."""

from benchmarks.figures import Sample
from benchmarks.load import Load


def sample(
    *, cpu: float | None = 0.1, mean: float = 100.0, calls: int = 1000, arrived: float | None = None
) -> Sample:
    return Sample(Load(calls=calls, seconds=1.0, mean=mean, p50=mean, p99=2 * mean), cpu, arrived)
