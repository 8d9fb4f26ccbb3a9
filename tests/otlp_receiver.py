"""A real OTLP receiver for tests: OTLP/gRPC and OTLP/HTTP on free ports of 127.0.0.1, in this process.

    with OtlpReceiver() as receiver:
        ...OTEL_EXPORTER_OTLP_ENDPOINT=receiver.grpc_endpoint (or .http_endpoint)...
        spans = receiver.wait_for(lambda spans: len(spans) == 3)

From asyncio: `await asyncio.to_thread(receiver.wait_for, ...)`.
"""

import gzip
import threading
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it came."""

    request: ExportTraceServiceRequest
    headers: Mapping[str, str]
    protocol: str
    """grpc or http"""


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """One span with what its resource and its attributes say, for easy asserting."""

    span: Span
    resource: Mapping[str, Any]
    attributes: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def service(self) -> str:
        return str(self.resource.get("service.name", ""))

    @property
    def trace_id(self) -> str:
        return self.span.trace_id.hex()

    @property
    def span_id(self) -> str:
        return self.span.span_id.hex()

    @property
    def parent_id(self) -> str | None:
        return self.span.parent_span_id.hex() or None


class OtlpReceiver:
    """Collects what it is sent; refuses the next few when told to."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.attempts = 0
        self._spans: list[ReceivedSpan] = []
        self._refuse = 0
        self._changed = threading.Condition()

    @property
    def grpc_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.grpc_port}"

    @property
    def http_endpoint(self) -> str:
        """The base, for OTEL_EXPORTER_OTLP_ENDPOINT; traces go to /v1/traces under it."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def spans(self) -> list[ReceivedSpan]:
        with self._changed:
            return list(self._spans)

    def wait_for(
        self, fits: Callable[[list[ReceivedSpan]], object], timeout: float = 10.0
    ) -> list[ReceivedSpan]:
        """All spans so far, as soon as they fit; AssertionError with their names if they never do."""
        with self._changed:
            if not self._changed.wait_for(lambda: fits(self._spans), timeout):
                names = [f"{span.service}: {span.name}" for span in self._spans]
                raise AssertionError(f"after {timeout:g} s these spans do not fit: {names}")
            return list(self._spans)

    def refuse_next(self, count: int) -> None:
        """Answer the next `count` requests with UNAVAILABLE or 503, as a collector under load does."""
        with self._changed:
            self._refuse = count

    def clear(self) -> None:
        with self._changed:
            self.requests.clear()
            self._spans.clear()
            self.attempts = 0

    def take(self, received: Received) -> bool:
        """For the servers below: False if this one is to be refused."""
        with self._changed:
            self.attempts += 1
            if self._refuse:
                self._refuse -= 1
                return False
            self.requests.append(received)
            for resource_spans in received.request.resource_spans:
                resource = plain(resource_spans.resource.attributes)
                for scope_spans in resource_spans.scope_spans:
                    for span in scope_spans.spans:
                        self._spans.append(ReceivedSpan(span, resource, plain(span.attributes)))
            self._changed.notify_all()
            return True

    def start(self) -> None:
        self._threads = ThreadPoolExecutor(4)
        # so_reuseport would let two receivers share a port without a word
        self._grpc = grpc.server(self._threads, options=[("grpc.so_reuseport", 0)])
        add_TraceServiceServicer_to_server(_Servicer(self), self._grpc)  # type: ignore[no-untyped-call]
        self.grpc_port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        self._http = _HttpServer(self)
        self.http_port = self._http.server_port
        self._http_thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._http_thread.start()

    def stop(self) -> None:
        self._grpc.stop(grace=None).wait()
        self._threads.shutdown()
        self._http.shutdown()
        self._http.server_close()
        self._http_thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Servicer(TraceServiceServicer):
    def __init__(self, receiver: OtlpReceiver) -> None:
        self._receiver = receiver

    def Export(  # noqa: N802 - the protocol's name
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        headers = {key: str(value) for key, value in context.invocation_metadata()}
        if not self._receiver.take(Received(request, headers, "grpc")):
            context.abort(grpc.StatusCode.UNAVAILABLE, "refused by the test")
        return ExportTraceServiceResponse()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, receiver: OtlpReceiver) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = receiver


class _Handler(BaseHTTPRequestHandler):
    server: _HttpServer
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        encoding = self.headers.get("Content-Encoding", "identity")
        if self.path != "/v1/traces" or self.headers["Content-Type"] != "application/x-protobuf":
            return self._answer(404)
        if encoding == "gzip":
            body = gzip.decompress(body)
        elif encoding == "deflate":
            body = zlib.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        headers = {key.lower(): value for key, value in self.headers.items()}
        taken = self.server.receiver.take(Received(request, headers, "http"))
        return self._answer(200 if taken else 503)

    def _answer(self, status: int) -> None:
        body = ExportTraceServiceResponse().SerializeToString()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes as a dictionary of Python values."""
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return plain(value.kvlist_value.values)
    return getattr(value, kind)
