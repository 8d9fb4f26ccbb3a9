"""The span of a call: child of the caller's `traceparent`, with children for its queueing and its compute.

A call that nobody samples costs a look at one header. Spans of phases are made after the call, from times, so
nothing of OpenTelemetry runs in a worker's thread.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, ParentBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mesh import contract

Metadata: TypeAlias = Callable[[], Iterable[tuple[str, str | bytes]] | None]
"""Reads the call's metadata, when somebody wants it."""

ATTR_MODEL: Final = "verdigris.model"
ATTR_MODEL_VERSION: Final = "verdigris.model_version"
ATTR_BATCH_SIZE: Final = "verdigris.batch_size"
"""Rows of the run that answered the call; of models with batching only."""

SERVER_FAULTS: Final = frozenset(
    ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
)
"""What makes a server's span an error (semantic conventions for gRPC); the rest is the client's."""

SAMPLED_FLAGS: Final = slice(53, 55)
"""Where the flags stand in a `traceparent` (W3C Trace Context, section 3.2): bit 0 is `sampled`."""


class Call(Protocol):
    """One call being observed."""

    def phase(self, name: str, start: int, end: int) -> None: ...
    def batch(self, rows: int) -> None: ...
    def model(self, name: str, version: str) -> None: ...
    def end(self, code: str, details: str) -> None: ...


class Tracing(Protocol):
    def begin(self, method: str, metadata: Metadata) -> Call:
        """`method` without its leading slash."""


class Untraced:
    """A call that nobody observes."""

    __slots__ = ()

    def phase(self, name: str, start: int, end: int) -> None:
        pass

    def batch(self, rows: int) -> None:
        pass

    def model(self, name: str, version: str) -> None:
        pass

    def end(self, code: str, details: str) -> None:
        pass


UNTRACED: Final = Untraced()


class NoTracing:
    """Tracing is off."""

    def begin(self, method: str, metadata: Metadata) -> Call:
        return UNTRACED


class SpanTracing:
    """A span for each call that the provider's sampler wants."""

    def __init__(
        self, provider: TracerProvider, *, service: str, color: str, address: str, port: int
    ) -> None:
        self._tracer = provider.get_tracer("model_server")
        self._propagator = TraceContextTextMapPropagator()
        self._obeys_callers = obeys_callers(provider)
        self._attributes: Mapping[str, str | int] = {
            contract.ATTR_RPC_SYSTEM: "grpc",
            contract.ATTR_SERVER_ADDRESS: address,
            contract.ATTR_SERVER_PORT: port,
            contract.ATTR_SERVICE: service,
            contract.ATTR_COLOR: color,
        }

    def begin(self, method: str, metadata: Metadata) -> Call:
        headers = {name: value for name, value in metadata() or () if isinstance(value, str)}
        parent = headers.get("traceparent")
        if parent and self._obeys_callers and _is_unsampled(parent):
            return UNTRACED
        context = self._propagator.extract(headers, Context())
        attributes = {
            **self._attributes,
            contract.ATTR_RPC_METHOD: method,
        }
        if (
            contract.HEADER_ROLE in headers
        ):  # else the first choice or the second: only the caller's span knows
            attributes[contract.ATTR_ROLE] = headers[contract.HEADER_ROLE]
        span = self._tracer.start_span(method, context, SpanKind.SERVER, attributes)
        return TracedCall(self._tracer, span) if span.is_recording() else UNTRACED


class TracedCall:
    """The span of one call, while it runs."""

    __slots__ = ("_phases", "_span", "_tracer")

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._phases: list[tuple[str, int, int]] = []

    def phase(self, name: str, start: int, end: int) -> None:
        self._phases.append((name, start, end))

    def batch(self, rows: int) -> None:
        self._span.set_attribute(ATTR_BATCH_SIZE, rows)

    def model(self, name: str, version: str) -> None:
        self._span.set_attributes({ATTR_MODEL: name, ATTR_MODEL_VERSION: version})

    def end(self, code: str, details: str) -> None:
        inside = set_span_in_context(self._span, Context())
        for name, start, end in self._phases:
            self._tracer.start_span(name, inside, start_time=start).end(end)
        self._span.set_attribute(contract.ATTR_RPC_STATUS, code)
        if code in SERVER_FAULTS:
            self._span.set_status(StatusCode.ERROR, details)
        self._span.end()


def tracing_of(provider: Any, *, service: str, color: str, address: str, port: int) -> Tracing:
    """Spans if the provider makes any."""
    if isinstance(provider, TracerProvider):
        return SpanTracing(provider, service=service, color=color, address=address, port=port)
    return NoTracing()


def obeys_callers(provider: TracerProvider) -> bool:
    """Whether a caller that did not sample decides for us too; asked once, by showing the sampler one."""
    sampler = provider.sampler
    if not isinstance(sampler, ParentBased):
        return False
    unsampled = SpanContext(1, 1, is_remote=True, trace_flags=TraceFlags(TraceFlags.DEFAULT))
    context = set_span_in_context(NonRecordingSpan(unsampled), Context())
    return sampler.should_sample(context, 1, "probe").decision is Decision.DROP


def _is_unsampled(traceparent: str) -> bool:
    try:
        return not int(traceparent[SAMPLED_FLAGS], 16) & TraceFlags.SAMPLED
    except ValueError:
        return False  # malformed: for the propagator to refuse
