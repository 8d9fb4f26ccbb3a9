"""Figures as plain values: copied from the data path in one go, added up over processes, sent as JSON.

By family and labels, `service` left out: every series of a sidecar has it. A histogram's value is its total (ns)
and then how many fell below each of `splitter.observer.BOUNDS`, and above them all.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from mesh.tls_live import LiveTLS
from splitter.control import Control
from splitter.recording import NoRecording, Recording
from splitter.switch import Switch
from splitter.watchdog import Watchdog

Labels = tuple[str, ...]
Value = int | float | list[int]
Figures = dict[str, dict[Labels, Value]]

EARLIEST: Final = frozenset(("verdigris_tls_certificate_expiry_timestamp_seconds",))
"""Families of which several processes together show the smallest value, and not the sum."""
SLICE: Final = 256
"""Series encoded in one go: a fraction of a millisecond."""


def of(switch: Switch, control: Control, watchdog: Watchdog) -> Figures:
    """What this data path has counted so far, and what is under way."""
    observer, mirrors = switch.observer, switch.mirrors
    upstreams = [
        connection
        for endpoints in (control.endpoints, control.shadow_endpoints)
        for pool in endpoints.pools.values()
        for connection in pool.connections
    ]
    return {
        "verdigris_calls_total": {
            (_text(method), color, reason, code): series.count
            for (method, color, reason, code), series in observer.calls.items()
        },
        "verdigris_call_duration_seconds": {
            (_text(method), color): [durations.total, *durations.buckets]
            for (method, color), durations in observer.durations.items()
        },
        "verdigris_legs_total": _copied(observer.legs().items()),
        "verdigris_resends_total": _alone(observer.resends),
        "verdigris_resends_refused_total": _alone(observer.resends_refused),
        "verdigris_ejections_total": _alone(observer.ejections),
        "verdigris_endpoint_ejected": {
            (endpoint.color, f"{endpoint.address}:{endpoint.port}", role): int(left_out)
            for (role, endpoint), left_out in control.ejections().items()
        },
        "verdigris_connection_faults_total": _copied(observer.faults.items()),
        "verdigris_stream_faults_total": _copied(observer.stream_faults.items()),
        "verdigris_mirrored_total": _copied(mirrors.started.items()),
        "verdigris_mirror_total": _copied(mirrors.outcomes.items()),
        "verdigris_mirror_in_flight": {(): len(mirrors.active)},
        "verdigris_connections": {("client",): len(switch.clients), ("upstream",): len(upstreams)},
        "verdigris_streams": {
            ("client",): switch.in_flight,
            ("upstream",): sum(len(connection.streams) for connection in upstreams),
        },
        "verdigris_spans_lost_total": {(): observer.tracer.lost},
        "verdigris_loop_stalls_total": {(): watchdog.stalls},
        "verdigris_loop_stalled_seconds_total": {(): watchdog.stalled},
    }


def of_pairs(recording: Recording | NoRecording) -> Figures:
    """What became of pairs; nothing where none are recorded."""
    if isinstance(recording, NoRecording):
        return {}
    return {
        "verdigris_pairs_total": _copied(recording.totals().items()),
        "verdigris_pairs_waiting_bytes": {(): recording.waiting},
        "verdigris_recorder_up": {(): int(recording.running)},
        "verdigris_recorder_restarts_total": {(): recording.restarts},
    }


def of_tls(sides: Mapping[str, LiveTLS[Any] | None], refused: Mapping[str, int]) -> Figures:
    """What became of certificates on either side, and of clients by why they were refused; nothing in plain text."""
    lives = {side: live for side, live in sides.items() if live is not None}
    figures: Figures = {}
    if "client" in lives:
        figures["verdigris_tls_refused_total"] = _alone(refused)
    if lives:
        figures["verdigris_tls_reloads_total"] = {
            (side, outcome): number
            for side, live in lives.items()
            for outcome, number in (("applied", live.reloads), ("refused", live.refused))
        }
        figures["verdigris_tls_certificate_expiry_timestamp_seconds"] = {
            (option.lstrip("-"),): expires
            for live in lives.values()
            for option, expires in live.expiries.items()
        }
    return figures


def _copied(items: Iterable[tuple[Labels, int]]) -> dict[Labels, Value]:
    return {labels: number for labels, number in items}  # noqa: C416  # a dict is invariant in its values


def _text(method: bytes) -> str:
    return method.decode("latin-1")


def _alone(counts: Mapping[str, int]) -> dict[Labels, Value]:
    return {(label,): number for label, number in counts.items()}


def total(several: Iterable[Figures]) -> Figures:
    """The sums, series by series; of `EARLIEST` the smallest value."""
    sums: Figures = {}
    for figures in several:
        for name, family in figures.items():
            into = sums.setdefault(name, {})
            for labels, value in family.items():
                before = into.get(labels)
                if before is None:
                    into[labels] = value
                elif isinstance(value, list) and isinstance(before, list):
                    into[labels] = [one + other for one, other in zip(before, value, strict=True)]
                elif not isinstance(value, list) and not isinstance(before, list):
                    into[labels] = min(before, value) if name in EARLIEST else before + value
    return sums


def without(figures: Figures, names: Iterable[str]) -> Figures:
    """The other families."""
    dropped = set(names)
    return {name: family for name, family in figures.items() if name not in dropped}


def to_json(figures: Figures) -> Iterator[str]:
    """The figures as JSON, a slice of at most `SLICE` series at a time: the caller lets the event loop turn."""
    lead = "{"
    for name, family in figures.items():
        yield f'{lead}"{name}":['
        rows = [[labels, value] for labels, value in family.items()]
        for start in range(0, len(rows), SLICE):
            yield ("," if start else "") + json.dumps(rows[start : start + SLICE])[1:-1]
        lead = "],"
    yield "]}"


def from_json(value: dict[str, Any]) -> Figures:
    """What `to_json` gave, decoded."""
    return {name: {tuple(labels): number for labels, number in family} for name, family in value.items()}
