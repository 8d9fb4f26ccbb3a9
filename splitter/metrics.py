"""The splitter's figures for Prometheus: a collector that reads the data path's own counters when it is asked."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from splitter.control import Control
from splitter.observer import BOUNDS
from splitter.switch import Switch

_NANO = 1e-9


class SplitterCollector(Collector):
    """One per process; holds no figure of its own."""

    def __init__(self, control: Control, switch: Switch) -> None:
        self._control = control
        self._switch = switch

    def collect(self) -> Iterator[Metric]:
        yield from self._calls()
        yield from self._mirrors()
        yield from self._state()

    def _calls(self) -> Iterator[Metric]:
        service, observer = self._control.service, self._switch.observer
        calls = CounterMetricFamily(
            "verdigris_calls",
            "Calls as clients saw them.",
            labels=("service", "method", "color", "reason", "code"),
        )
        duration = HistogramMetricFamily(
            "verdigris_call_duration_seconds",
            "From a call's first header block to its status.",
            labels=("service", "method", "color", "reason", "code"),
        )
        for (method, color, reason, code), series in list(observer.calls.items()):
            labels = (service, method.decode("latin-1"), color, reason, code)
            calls.add_metric(labels, series.count)
            buckets, below = [], 0
            for bound, count in zip(BOUNDS, series.buckets, strict=False):
                below += count
                buckets.append((f"{bound * _NANO:g}", float(below)))
            buckets.append(("+Inf", float(series.count)))
            duration.add_metric(labels, buckets, series.total * _NANO)
        yield calls
        yield duration
        legs = CounterMetricFamily(
            "verdigris_legs",
            "Attempts as endpoints answered them; a leg that failed counts against its colour.",
            labels=("service", "color", "role", "code"),
        )
        for (color, role, code), number in observer.legs().items():
            legs.add_metric((service, color, role, code), number)
        yield legs
        spans = CounterMetricFamily(
            "verdigris_spans_lost", "Spans dropped because too many waited, or that could not be delivered."
        )
        spans.add_metric((), observer.tracer.lost)
        yield spans

    def _mirrors(self) -> Iterator[Metric]:
        service, mirrors = self._control.service, self._switch.mirrors
        started = CounterMetricFamily(
            "verdigris_mirrored",
            "Shadows begun; the sum of their outcomes and of those in flight.",
            labels=("service", "color"),
        )
        for color, number in list(mirrors.started.items()):
            started.add_metric((service, color), number)
        yield started
        outcomes = CounterMetricFamily(
            "verdigris_mirror",
            "Shadows ended: completed, failed, timed_out or dropped; detail is the status, or why it was dropped.",
            labels=("service", "color", "outcome", "detail"),
        )
        for (color, outcome, detail), number in list(mirrors.outcomes.items()):
            outcomes.add_metric((service, color, outcome, detail), number)
        yield outcomes
        yield _gauge("verdigris_mirror_in_flight", "Shadows under way.", len(mirrors.active))

    def _state(self) -> Iterator[Metric]:
        control, switch = self._control, self._switch
        yield _gauge("verdigris_in_flight", "Calls under way.", switch.in_flight)
        yield _gauge("verdigris_clients", "Client connections.", len(switch.clients))
        yield _gauge(
            "verdigris_revision", "Revision of the traffic document that is applied.", control.revision
        )
        refused = control.refused.revision if control.refused else 0
        yield _gauge(
            "verdigris_refused_revision", "Revision that was refused and is still current; 0: none.", refused
        )
        yield _gauge("verdigris_warnings", "Warnings in the status.", len(control.warnings))
        yield _gauge("verdigris_consul_up", "1 while Consul answers.", int(control.consul_up))
        endpoints = GaugeMetricFamily(
            "verdigris_endpoints", "Endpoints by colour and state.", labels=("color", "state")
        )
        for color, counts in control.endpoints.counts().items():
            for state, number in counts.items():
                endpoints.add_metric((color, state), number)
        yield endpoints


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
