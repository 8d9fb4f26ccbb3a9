"""The model server's figures as Prometheus reads them: made from the scheduler's tallies when somebody asks.

So a call pays for some integers, and nothing of Prometheus runs in it. A series lives as long as the server, whatever
is reloaded: counters never go back.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from model_server.scheduling.job import SECOND
from model_server.scheduling.scheduler import Scheduler
from model_server.scheduling.tally import BOUNDS, Tally
from model_server.transport.status import CODES

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
MODEL: Final = ("service", "color", "model", "version")
SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Upper bounds of the buckets of rows."""
_SECONDS: Final = [f"{bound / SECOND:g}" for bound in BOUNDS]
_CANCELLED: Final = "CANCELLED"


class Metrics(Collector):
    """`service` and `color` are labels of every series. To be asked on the event loop, as the tallies are."""

    def __init__(self, scheduler: Scheduler, *, service: str, color: str) -> None:
        self._scheduler = scheduler
        self._labels = (service, color)
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def page(self) -> bytes:
        """All of them, as `CONTENT_TYPE`."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        return ()  # nobody else is in the registry whose names ours could be

    def collect(self) -> Iterator[Metric]:
        tallies: dict[tuple[str, ...], Tally] = {
            (*self._labels, *key): tally for key, tally in sorted(self._scheduler.tallies().items())
        }
        yield _counter(
            "verdigris_model_requests",
            "Calls of a model that is loaded, by what became of them.",
            "code",
            {labels: _codes(tally) for labels, tally in tallies.items()},
        )
        yield _counter(
            "verdigris_model_rejected",
            "Calls that were never run, by why.",
            "reason",
            {labels: tally.refused for labels, tally in tallies.items()},
        )
        yield _counter(
            "verdigris_model_runs",
            "Runs of the model that succeeded, by where.",
            "where",
            {labels: _places(tally) for labels, tally in tallies.items()},
        )
        yield _durations(
            "verdigris_model_queue_seconds",
            "How long answered calls waited for their run.",
            {labels: (tally.queue_buckets, tally.queue_ns) for labels, tally in tallies.items()},
        )
        yield _durations(
            "verdigris_model_compute_seconds",
            "How long the run took that answered a call, from its bytes to the answer's.",
            {labels: (tally.compute_buckets, tally.compute_ns) for labels, tally in tallies.items()},
        )
        yield _sizes(tallies)
        yield self._gauge("verdigris_model_waiting", "Calls that wait for a thread.", self._scheduler.waiting)
        yield self._gauge("verdigris_model_running", "Runs in threads.", self._scheduler.running)

    def _gauge(self, name: str, text: str, value: int) -> Metric:
        family = GaugeMetricFamily(name, text, labels=MODEL[:2])
        family.add_metric(self._labels, value)
        return family


def _codes(tally: Tally) -> Mapping[str, int]:
    counts = {"OK": tally.success}
    for kind, count in tally.failures.items():
        known = CODES.get(kind) if issubclass(kind, Exception) else None
        code = known.name if known else _CANCELLED if kind is asyncio.CancelledError else "INTERNAL"
        counts[code] = counts.get(code, 0) + count
    return counts


def _places(tally: Tally) -> Mapping[str, int]:
    runs = sum(batch[0] for batch in tally.batches.values())
    return {"thread": runs - tally.inline, "loop": tally.inline}


def _counter(name: str, text: str, label: str, series: Mapping[tuple[str, ...], Mapping[str, int]]) -> Metric:
    family = CounterMetricFamily(name, text, labels=(*MODEL, label))
    for labels, counts in series.items():
        for value, count in counts.items():
            family.add_metric((*labels, value), count)
    return family


def _durations(name: str, text: str, series: Mapping[tuple[str, ...], tuple[Sequence[int], int]]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=MODEL)
    for labels, (buckets, ns) in series.items():
        family.add_metric(labels, _buckets(_SECONDS, buckets), ns / SECOND)
    return family


def _sizes(tallies: Mapping[tuple[str, ...], Tally]) -> Metric:
    family = HistogramMetricFamily(
        "verdigris_model_batch_size", "Rows that ran together; 1 for a model without batching.", labels=MODEL
    )
    for labels, tally in tallies.items():
        buckets = [0] * (len(SIZES) + 1)
        for rows, (count, *_) in tally.batches.items():
            buckets[next((n for n, size in enumerate(SIZES) if rows <= size), len(SIZES))] += count
        total = sum(rows * count for rows, (count, *_) in tally.batches.items())
        family.add_metric(labels, _buckets([*map(str, SIZES)], buckets), total)
    return family


def _buckets(bounds: Sequence[str], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Prometheus counts in each bucket what is in the smaller ones too."""
    return list(zip((*bounds, "+Inf"), accumulate(counts), strict=True))
