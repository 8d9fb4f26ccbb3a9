"""What is counted and traced of calls: plain integers and tuples on the hot path, read by others at their leisure."""

from bisect import bisect_left
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from mesh import contract
from splitter.outcome import COMPLETED, FAILED, TIMED_OUT
from splitter.picker import NO_BUCKET
from splitter.spans import CLIENT, SERVER, SpanKey
from splitter.tracing import Context, NoTracer, Tracer

if TYPE_CHECKING:
    from splitter.call import Call
    from splitter.shadowcall import ShadowCall

BOUNDS: Final = tuple(
    round(seconds * 1e9)
    for seconds in (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
)
"""Upper bounds of the latency histogram, in nanoseconds."""
MAX_METHODS: Final = 256
"""Methods counted by name; a client that invents names cannot grow the metrics beyond it."""
MAX_METHOD_LENGTH: Final = 256
OTHER: Final = b"/other"
_SHADOW_STATUS: Final = {COMPLETED: "", FAILED: "", TIMED_OUT: "DEADLINE_EXCEEDED"}
"""By outcome; empty: the detail is a gRPC status. Others were dropped."""


class Durations:
    """How long calls of one method and colour took: in all (ns), and how many up to each bound."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.total = 0
        self.buckets = [0] * (len(BOUNDS) + 1)


class Series:
    """Calls with the same labels: how many; `durations` they share with others of their method and colour."""

    __slots__ = ("count", "durations")

    def __init__(self, durations: Durations) -> None:
        self.count = 0
        self.durations = durations


@mypyc_attr(allow_interpreted_subclasses=True)
class Observer:
    """One per switch."""

    def __init__(self, tracer: Tracer | NoTracer) -> None:
        self.tracer = tracer
        self.calls: dict[tuple[bytes, str, str, str], Series] = {}
        """By method, colour, reason and status: what clients saw."""
        self.durations: dict[tuple[bytes, str], Durations] = {}
        """By method and colour: a histogram is many series, so it has few labels."""
        self.failed_legs: dict[tuple[str, str, str], int] = {}
        """By colour, role and status: attempts after which the call went on elsewhere."""
        self.resends: dict[str, int] = {}
        """By reason: calls sent again."""
        self.resends_refused: dict[str, int] = {}
        """By reason: calls that could have been sent again, and were not."""
        self.ejections: dict[str, int] = {}
        """By colour: endpoints left out for a while because calls to them failed."""
        self.faults: dict[tuple[str, str], int] = {}
        """By side (client or upstream) and reason: connections that we ended for their peer's fault."""
        self.stream_faults: dict[tuple[str, str], int] = {}
        """By side and reason: streams that we refused or reset for a fault of their own."""
        self._methods: set[bytes] = set()

    def call(self, call: "Call", status: str) -> None:
        """A call has ended for its client."""
        now = perf_counter_ns()
        elapsed = now - call.started
        color = call.target.color
        series = self.calls.get((call.path, color, call.reason, status))
        if series is None:
            series = self._series(call.path, color, call.reason, status)
        series.count += 1
        durations = series.durations
        durations.total += elapsed
        durations.buckets[bisect_left(BOUNDS, elapsed)] += 1
        trace = call.trace
        if trace is not None and trace.sampled:
            path = call.path.decode("latin-1")
            key = SpanKey(
                SERVER, path.lstrip("/"), path, color, "", call.reason, call.table.revision, "", 0, status
            )
            self.tracer.add(key, trace, trace.span_id, trace.parent_id, call.started, now, call.bucket)
            if call.attempts:
                self._leg_span(call, trace, status, now)

    def _series(self, path: bytes, color: str, reason: str, status: str) -> Series:
        if path not in self._methods:
            if len(self._methods) < MAX_METHODS and len(path) <= MAX_METHOD_LENGTH:
                self._methods.add(path)
            else:
                path = OTHER
        known = self.calls.get((path, color, reason, status))
        if known is None:
            durations = self.durations.setdefault((path, color), Durations())
            known = self.calls[path, color, reason, status] = Series(durations)
        return known

    def resend(self, reason: str) -> None:
        """A call is sent again."""
        self.resends[reason] = self.resends.get(reason, 0) + 1

    def resend_refused(self, reason: str) -> None:
        """A call that could have been sent again is not: `budget`, for instance."""
        self.resends_refused[reason] = self.resends_refused.get(reason, 0) + 1

    def ejection(self, color: str) -> None:
        """An endpoint of this colour is left out for a while."""
        self.ejections[color] = self.ejections.get(color, 0) + 1

    def fault(self, side: str, reason: str) -> None:
        """A connection has been ended for its peer's fault."""
        self.faults[side, reason] = self.faults.get((side, reason), 0) + 1

    def stream_fault(self, side: str, reason: str) -> None:
        """A stream has been refused or reset for a fault of its own."""
        self.stream_faults[side, reason] = self.stream_faults.get((side, reason), 0) + 1

    def failed_leg(self, call: "Call", status: str) -> None:
        """An attempt has failed, and the call goes on elsewhere."""
        key = (call.target.color, call.role, status)
        self.failed_legs[key] = self.failed_legs.get(key, 0) + 1
        trace = call.trace
        if trace is not None and trace.sampled:
            self._leg_span(call, trace, status, perf_counter_ns())

    def legs(self) -> dict[tuple[str, str, str], int]:
        """Attempts by colour, role and status: what endpoints did; a leg that failed counts against its colour."""
        legs = dict(self.failed_legs)
        for (_, color, reason, status), series in self.calls.items():
            if color:
                role = contract.ROLE_FALLBACK if reason == contract.REASON_FALLBACK else contract.ROLE_PRIMARY
                legs[color, role, status] = legs.get((color, role, status), 0) + series.count
        return legs

    def _leg_span(self, call: "Call", trace: Context, status: str, now: int) -> None:
        color, endpoint = call.target.color, call.pool.endpoint
        span = SpanKey(
            CLIENT,
            f"{call.role} {color}",
            call.path.decode("latin-1"),
            color,
            call.role,
            call.reason,
            call.table.revision,
            endpoint.address,
            endpoint.port,
            status,
        )
        self.tracer.add(span, trace, call.leg_span, trace.span_id, call.leg_started, now, call.bucket)

    def shadow(self, shadow: "ShadowCall", outcome: str, detail: str) -> None:
        """A shadow has its outcome."""
        trace = shadow.trace
        if trace is None or not trace.sampled:
            return
        endpoint = shadow.pool.endpoint
        status = _SHADOW_STATUS.get(outcome, "UNAVAILABLE" if detail == "no_endpoint" else "CANCELLED")
        span = SpanKey(
            CLIENT,
            f"{shadow.role} {shadow.color}",
            shadow.path.decode("latin-1"),
            shadow.color,
            shadow.role,
            "",
            shadow.revision,
            endpoint.address,
            endpoint.port,
            status or detail,
            outcome,
        )
        self.tracer.add(span, trace, shadow.span, trace.span_id, shadow.started, perf_counter_ns(), NO_BUCKET)
