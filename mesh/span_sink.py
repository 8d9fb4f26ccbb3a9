"""Where finished spans go: one type wide, so that SDK spans and spans built by hand take the same way.

A sink takes ready OTLP requests. `export` may block for as long as a network takes: it is for a thread of
its own, never for the event loop.
"""

import sys
from collections.abc import Sequence
from typing import Protocol, TextIO

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from mesh.otlp_json import to_json


class SpanSink(Protocol):
    """Takes spans away."""

    def export(self, request: ExportTraceServiceRequest) -> bool:
        """Deliver the request, retrying as the sink sees fit; False if it is lost. Raises nothing."""

    def shutdown(self) -> None:
        """End retries and release everything; safe to call twice, and from another thread than `export`."""


class ConsoleSink:
    """Prints each request as a line of OTLP/JSON."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout

    def export(self, request: ExportTraceServiceRequest) -> bool:
        try:
            self._out.write(to_json(request) + "\n")
            self._out.flush()
        except (OSError, ValueError):  # ValueError: closed
            return False
        return True

    def shutdown(self) -> None:
        pass


class SeveralSinks:
    """Gives each request to all of them; it is delivered when all of them have delivered it."""

    def __init__(self, *sinks: SpanSink) -> None:
        self._sinks = sinks

    def export(self, request: ExportTraceServiceRequest) -> bool:
        delivered = [sink.export(request) for sink in self._sinks]  # to each, whatever the others say
        return all(delivered)

    def shutdown(self) -> None:
        for sink in self._sinks:
            sink.shutdown()


class SinkExporter(SpanExporter):
    """The SDK's exporter interface over a sink."""

    def __init__(self, sink: SpanSink) -> None:
        self._sink = sink

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        delivered = self._sink.export(encode_spans(spans))
        return SpanExportResult.SUCCESS if delivered else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self._sink.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True  # it holds nothing back
