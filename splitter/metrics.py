"""The splitter's figures as Prometheus reads them (text format 0.0.4): the families there are, and their rendering.

Rendered in slices, a generator's steps of at most `SLICE` lines: between two of them the caller lets the event loop
turn. (In a thread the same work would hold the interpreter's lock for 5 ms at a time.)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from mesh.build import COMPILED
from mesh.version import version
from splitter.figures import Figures, Labels
from splitter.observer import BOUNDS

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SLICE: Final = 512
"""Lines rendered in one go: a fraction of a millisecond."""
_NANO: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Family:
    """One metric; every series of it also has the label `service`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...] = ()


FAMILIES: Final = (
    Family(
        "verdigris_build_info",
        "gauge",
        "Always 1; which release this is, and whether its data path is compiled or interpreted.",
        ("version", "data_path"),
    ),
    Family(
        "verdigris_calls_total",
        "counter",
        "Calls as clients saw them.",
        ("method", "color", "reason", "code"),
    ),
    Family(
        "verdigris_call_duration_seconds",
        "histogram",
        "From a call's first header block to its status.",
        ("method", "color"),
    ),
    Family(
        "verdigris_legs_total",
        "counter",
        "Attempts as endpoints answered them; a leg that failed counts against its colour.",
        ("color", "role", "code"),
    ),
    Family("verdigris_resends_total", "counter", "Calls sent again, by why.", ("reason",)),
    Family(
        "verdigris_resends_refused_total",
        "counter",
        "Calls that could have been sent again and were not, by why.",
        ("reason",),
    ),
    Family(
        "verdigris_ejections_total",
        "counter",
        "Endpoints left out for a while because calls to them failed.",
        ("color",),
    ),
    Family(
        "verdigris_endpoint_ejected",
        "gauge",
        "Processes that leave the endpoint out for now because calls to it failed; 0: it is used.",
        ("color", "endpoint", "role"),
    ),
    Family(
        "verdigris_connection_faults_total",
        "counter",
        "Connections ended for their peer's fault.",
        ("side", "reason"),
    ),
    Family(
        "verdigris_stream_faults_total",
        "counter",
        "Streams refused or reset for a fault of their own.",
        ("side", "reason"),
    ),
    Family(
        "verdigris_tls_refused_total",
        "counter",
        "Clients turned away before their first byte of HTTP/2: handshake, plaintext, certificate, identity, alpn, "
        "timeout, hung_up or too_many.",
        ("reason",),
    ),
    Family(
        "verdigris_tls_reloads_total",
        "counter",
        "Times that certificate files had changed: applied, or refused because they cannot be used.",
        ("side", "outcome"),
    ),
    Family(
        "verdigris_tls_certificate_expiry_timestamp_seconds",
        "gauge",
        "When what is in use expires, by the option that names the file: the first certificate of a chain, the last "
        "of a bundle of CAs.",
        ("file",),
    ),
    Family(
        "verdigris_mirrored_total",
        "counter",
        "Shadows begun, of role shadow or noise; the sum of their outcomes and of those in flight.",
        ("color", "role"),
    ),
    Family(
        "verdigris_mirror_total",
        "counter",
        "Shadows ended: completed, failed, timed_out or dropped; detail is the status, or why it was dropped.",
        ("color", "role", "outcome", "detail"),
    ),
    Family("verdigris_mirror_in_flight", "gauge", "Shadows under way."),
    Family(
        "verdigris_pairs_total",
        "counter",
        "Shadows as the store accounts for them: compared, failed, timed_out, or dropped and why. With those under "
        "way, and those whose pairs are on their way to the store, they are all that were mirrored.",
        ("color", "role", "outcome", "reason"),
    ),
    Family("verdigris_pairs_waiting_bytes", "gauge", "Of pairs on their way to the store."),
    Family("verdigris_recorder_up", "gauge", "Recorders that run; each process that mirrors has one."),
    Family("verdigris_recorder_restarts_total", "counter", "Recorders that ended and were started again."),
    Family("verdigris_connections", "gauge", "Open connections, to clients and to endpoints.", ("side",)),
    Family(
        "verdigris_streams",
        "gauge",
        "Streams open on them; of the clients' side: calls in flight.",
        ("side",),
    ),
    Family(
        "verdigris_spans_lost_total",
        "counter",
        "Spans dropped because too many waited, or that could not be delivered.",
    ),
    Family(
        "verdigris_loop_stalls_total",
        "counter",
        "Times that an event loop did not turn for too long (--watchdog).",
    ),
    Family("verdigris_loop_stalled_seconds_total", "counter", "How long these took together."),
    Family("verdigris_workers", "gauge", "Processes that serve calls, and those that should.", ("state",)),
    Family(
        "verdigris_worker_restarts_total", "counter", "Workers that ended unasked and were started again."
    ),
    Family("verdigris_revision", "gauge", "Revision of the traffic document that is applied."),
    Family("verdigris_refused_revision", "gauge", "Revision that was refused and is still current; 0: none."),
    Family("verdigris_warnings", "gauge", "Warnings in the status."),
    Family("verdigris_consul_up", "gauge", "1 while Consul answers."),
    Family("verdigris_endpoints", "gauge", "Endpoints by colour and state.", ("color", "state")),
)


def state(status: Mapping[str, Any], *, consul_up: bool) -> Figures:
    """The figures of a status, as the status key says it, and which build says so."""
    return {
        "verdigris_build_info": {(version(), "compiled" if COMPILED else "interpreted"): 1},
        "verdigris_revision": {(): status["revision"]},
        "verdigris_refused_revision": {(): status["error"]["revision"] if status["error"] else 0},
        "verdigris_warnings": {(): len(status["warnings"])},
        "verdigris_consul_up": {(): int(consul_up)},
        "verdigris_endpoints": {
            (color, name): number
            for color, counts in status["endpoints"].items()
            for name, number in counts.items()
        },
    }


def render(service: str, figures: Figures) -> Iterator[str]:
    """The page, a slice at a time; families that the figures do not have are left out."""
    lines: list[str] = []
    for family in FAMILIES:
        series = figures.get(family.name)
        if series is None:
            continue
        lines.append(f"# HELP {family.name} {family.text}\n# TYPE {family.name} {family.kind}\n")
        for labels, value in series.items():
            known = _labels(service, family, labels)
            if isinstance(value, list):
                lines += _histogram(family.name, known, value)
            else:
                lines.append(f"{family.name}{{{known}}} {value}\n")
            if len(lines) >= SLICE:
                yield "".join(lines)
                lines.clear()
    yield "".join(lines)


def _labels(service: str, family: Family, values: Labels) -> str:
    pairs = [f'service="{service}"']
    for name, value in zip(family.labels, values, strict=True):
        if "\\" in value or '"' in value or "\n" in value:
            value = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        pairs.append(f'{name}="{value}"')
    return ",".join(pairs)


_BOUNDS: Final = tuple(f"{bound * _NANO:g}" for bound in BOUNDS)


def _histogram(name: str, labels: str, value: list[int]) -> Iterator[str]:
    below = 0
    for bound, count in zip(_BOUNDS, value[1:], strict=False):
        below += count
        yield f'{name}_bucket{{{labels},le="{bound}"}} {below}\n'
    below += value[-1]
    yield f'{name}_bucket{{{labels},le="+Inf"}} {below}\n'
    yield f"{name}_count{{{labels}}} {below}\n"
    yield f"{name}_sum{{{labels}}} {value[0] * _NANO}\n"
