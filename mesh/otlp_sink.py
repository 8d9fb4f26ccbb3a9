"""OTLP over gRPC and over HTTP, for requests that are encoded already.

The SDK's exporters do the work: endpoint, headers, TLS, compression, timeout and retry are theirs, by the
standard OTEL_EXPORTER_OTLP_* variables. Only their encoding is left out, and that takes names they do not
promise (`_translate_data`, `_count_data`, `_client`): tests/mesh/test_telemetry.py fails if one moves.
"""

from typing import Any, cast

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SpanExportResult


class OtlpGrpcSink:
    """Sends to a collector's OTLP/gRPC receiver (default http://localhost:4317)."""

    def __init__(self) -> None:
        self._exporter = _ReadyGrpcExporter()
        self._closed = False

    def export(self, request: ExportTraceServiceRequest) -> bool:
        return not self._closed and self._exporter.send(request)

    def shutdown(self) -> None:
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()


class OtlpHttpSink:
    """Sends to a collector's OTLP/HTTP receiver (default http://localhost:4318/v1/traces)."""

    def __init__(self) -> None:
        self._exporter = _ReadyHttpExporter()
        self._closed = False

    def export(self, request: ExportTraceServiceRequest) -> bool:
        return not self._closed and self._exporter.send(request)

    def shutdown(self) -> None:
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()  # type: ignore[no-untyped-call]


class _ReadyGrpcExporter(GrpcExporter):
    def send(self, request: ExportTraceServiceRequest) -> bool:
        """`export`, of a request that is encoded already."""
        return self._export(cast("Any", request)) is SpanExportResult.SUCCESS

    def _translate_data(self, data: Any) -> ExportTraceServiceRequest:
        request: ExportTraceServiceRequest = data
        return request

    def _count_data(self, data: Any) -> int:
        return _count(data)


class _ReadyHttpExporter(HttpExporter):
    def send(self, request: ExportTraceServiceRequest) -> bool:
        return self._client.export(request.SerializeToString()).success


def _count(request: ExportTraceServiceRequest) -> int:
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
