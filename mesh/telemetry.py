"""Tracing by the standard OTEL_* variables: where spans go, what they say of their process, which are kept.

    OTEL_TRACES_EXPORTER                      otlp, console, file, none; several with commas
    OTEL_EXPORTER_OTLP_(TRACES_)PROTOCOL      grpc (default), http/protobuf
    OTEL_EXPORTER_OTLP_*                      endpoint, headers, TLS, compression, timeout: the SDK's
    OTEL_TRACES_SAMPLER, _ARG, OTEL_BSP_*     the SDK's
    OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES   win over what the program says of itself
    OTEL_SDK_DISABLED                         true: no tracing at all

Without an exporter and without an endpoint, spans go to the trace file if the program has one. A value nobody
knows is named in the log and taken as not set: tracing never stops a program. No globals are set.
"""

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.trace import NoOpTracerProvider

from mesh.span_sink import ConsoleSink, SeveralSinks, SinkExporter, SpanSink
from mesh.tracefile import TraceFile

__all__ = [
    "NoTracing",
    "SpanSink",
    "Tracing",
    "resource_for",
    "sampler_from_env",
    "span_sink",
    "tracer_provider",
]

log = logging.getLogger(__name__)

EXPORTER: Final = "OTEL_TRACES_EXPORTER"
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXPORTER_RULE: Final = "must be otlp, console, file or none, or several of them with commas"
PROTOCOL_RULE: Final = "must be grpc or http/protobuf"

BATCH_EVERY_MS: Final = 1000
"""Unless OTEL_BSP_SCHEDULE_DELAY says otherwise; the SDK's 5 s is long for someone who looks for a trace."""
SHUTDOWN_WITHIN: Final = 5.0
"""Seconds a collector that does not answer may hold up the end of a program; the SDK would take up to 30."""


class NoTracing(NoOpTracerProvider):
    """The provider when nothing is traced: spans cost nothing and only pass their parent on."""

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class _Provider(sdk.TracerProvider):
    def __init__(self, sink: SpanSink, sampler: Sampler, resource: Resource) -> None:
        super().__init__(sampler=sampler, resource=resource, shutdown_on_exit=False)
        self._sink = sink
        delay = None if "OTEL_BSP_SCHEDULE_DELAY" in os.environ else BATCH_EVERY_MS
        self.add_span_processor(BatchSpanProcessor(SinkExporter(sink), schedule_delay_millis=delay))

    def shutdown(self) -> None:
        """Deliver what is left, for `SHUTDOWN_WITHIN` seconds. Safe to call twice."""
        late = threading.Timer(SHUTDOWN_WITHIN, self._sink.shutdown)
        late.daemon = True
        late.start()
        try:
            super().shutdown()
        finally:
            late.cancel()


Tracing = sdk.TracerProvider | NoTracing


def tracer_provider(*, service_name: str, resource: Mapping[str, str], trace_file: Path | None) -> Tracing:
    """A provider of tracers for this process. Its `shutdown` delivers the rest and must be called."""
    sink = span_sink(trace_file)
    if sink is None:
        return NoTracing()
    return _Provider(sink, sampler_from_env(), resource_for(service_name, resource))


def resource_for(service_name: str, attributes: Mapping[str, str]) -> Resource:
    """What spans say of their process: these, under what the OTEL_* variables say."""
    described = Resource.create({SERVICE_NAME: service_name, **attributes})
    return described.merge(OTELResourceDetector().detect())


def sampler_from_env() -> Sampler:
    """The sampler of OTEL_TRACES_SAMPLER and its ARG, by the SDK's own reading of them."""
    return sdk.TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False).sampler


def span_sink(trace_file: Path | None) -> SpanSink | None:
    """Where the OTEL_* variables send spans; None: nowhere, so none need be made."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    made = [_make(name, trace_file) for name in _exporters(trace_file)]
    sinks = [sink for sink in made if sink is not None]
    return SeveralSinks(*sinks) if len(sinks) > 1 else next(iter(sinks), None)


def _exporters(trace_file: Path | None) -> list[str]:
    """Names of exporters: those asked for, else the default."""
    asked = [name.strip().lower() for name in os.environ.get(EXPORTER, "").split(",") if name.strip()]
    known = []
    for name in asked:
        if name not in ("otlp", "console", "file", "none"):
            _complain(EXPORTER, name, EXPORTER_RULE)
        elif name == "file" and trace_file is None:
            _complain(EXPORTER, name, "needs a trace file, and none is given")
        elif name not in known:
            known.append(name)
    if known:
        return [name for name in known if name != "none"]
    if any(os.environ.get(name, "").strip() for name in ENDPOINTS):
        return ["otlp"]
    return ["file"] if trace_file is not None else []


def _make(name: str, trace_file: Path | None) -> SpanSink | None:
    if name == "console":
        return ConsoleSink()
    if name == "file" and trace_file is not None:
        return TraceFile(trace_file)
    # Only now: the two exporters bring grpc and requests with them, 0.2 s of imports
    from mesh.otlp_sink import OtlpGrpcSink, OtlpHttpSink

    try:
        return OtlpHttpSink() if _protocol() == "http/protobuf" else OtlpGrpcSink()
    except Exception as error:  # the SDK raises many types for a bad OTEL_EXPORTER_OTLP_* value
        log.error("no traces over OTLP: an OTEL_EXPORTER_OTLP_* variable cannot be used: %s", error)
        return None


def _protocol() -> str:
    for variable in PROTOCOLS:
        value = os.environ.get(variable, "").strip().lower()
        if value in ("grpc", "http/protobuf"):
            return value
        if value:
            _complain(variable, value, PROTOCOL_RULE)
    return "grpc"


def _complain(variable: str, value: str, rule: str) -> None:
    log.warning("%s: %r %s; taken as not set", variable, value, rule)
