"""Spans of calls, cheaply: decided and numbered on the hot path, built and encoded off it.

The data path appends a tuple per span; batches of tuples become OTLP `Span` messages by filling ids and times into
a serialised template (protobuf merges concatenated messages), 1 µs a span where the SDK's `start_span` and encoder
take 95. What is rare stays with the SDK: resource, sampler, exporter and their `OTEL_*` settings (`mesh.telemetry`).
"""

import asyncio
import logging
import queue
import random
import threading
from collections import deque
from time import perf_counter_ns, time_ns
from typing import Final, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status as StatusMessage
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import NonRecordingSpan as RemoteSpan
from opentelemetry.trace import SpanContext, TraceFlags, set_span_in_context

from mesh import contract
from mesh.http2.blocks import literal
from mesh.telemetry import SpanSink
from splitter.picker import NO_BUCKET
from splitter.request import is_sampled

SERVER: Final = SpanMessage.SPAN_KIND_SERVER
CLIENT: Final = SpanMessage.SPAN_KIND_CLIENT
MAX_WAITING: Final = 65_536
"""Spans that wait for encoding; beyond it the oldest are lost and counted."""
SLICE: Final = 64
"""Spans encoded in one go on the event loop: about 0.2 ms."""
FLUSH_EVERY: Final = 0.2
_TEMPLATES: Final = 4_096
# Server statuses that are the server's fault (OpenTelemetry semantic conventions for gRPC)
_SERVER_ERRORS: Final = frozenset(
    ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
)

log = logging.getLogger(__name__)


class SpanKey(NamedTuple):
    """Everything that spans have in common; one template each."""

    kind: int
    name: str
    path: str
    color: str
    role: str
    reason: str
    revision: int
    address: str
    port: int
    status: str


class Context:
    """The trace of one call: ids as hexadecimal ASCII, as they stand in `traceparent`."""

    __slots__ = ("flags", "parent_id", "sampled", "span_id", "trace_id")

    def __init__(self, trace_id: bytes, parent_id: bytes, *, sampled: bool) -> None:
        self.trace_id = trace_id
        self.parent_id = parent_id
        self.sampled = sampled
        self.flags = b"-01" if sampled else b"-00"
        self.span_id = b"%016x" % random.getrandbits(64)

    def leg(self) -> tuple[bytes, bytes]:
        """A new span id under the server span, and the `traceparent` field that tells it to the endpoint."""
        span_id = b"%016x" % random.getrandbits(64)
        return span_id, literal(b"traceparent", b"00-%b-%b%b" % (self.trace_id, span_id, self.flags))


class Tracer:
    """Decides per call, and keeps the finished spans until they are encoded."""

    enabled = True

    def __init__(self, *, service: str, sink: SpanSink, sampler: Sampler, resource: Resource) -> None:
        self.waiting: deque[tuple[SpanKey, bytes, bytes, bytes, int, int, int]] = deque()
        self.lost = 0
        self._service = service
        self._sampler = sampler
        self._roots = {"AlwaysOnSampler": True, "AlwaysOffSampler": False}.get(_root_name(sampler))
        self._follows_parent = type(sampler).__name__ == "ParentBased"
        self._sink = sink
        self._templates: dict[SpanKey, bytes] = {}
        self._head = _request_head(resource)
        self._batches: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._export, name="span export", daemon=True)
        self._thread.start()

    def begin(self, traceparent: bytes | None) -> Context | None:
        """The context for a call with this incoming `traceparent`; None where it passes on as it is."""
        sampled = is_sampled(traceparent) if traceparent is not None else None
        if traceparent is None or sampled is None:
            trace_id = b"%032x" % random.getrandbits(128)
            root = self._roots if self._roots is not None else self._ask(trace_id, None)
            return Context(trace_id, b"", sampled=root) if root or self._roots is None else None
        if not self._follows_parent:
            sampled = self._ask(traceparent[3:35], traceparent)
            return Context(traceparent[3:35], traceparent[36:52], sampled=sampled)
        return Context(traceparent[3:35], traceparent[36:52], sampled=True) if sampled else None

    def _ask(self, trace_id: bytes, traceparent: bytes | None) -> bool:
        parent = None
        if traceparent is not None:
            flags = TraceFlags(int(traceparent[53:55], 16))
            remote = SpanContext(
                int(trace_id, 16), int(traceparent[36:52], 16), is_remote=True, trace_flags=flags
            )
            parent = set_span_in_context(RemoteSpan(remote))
        result = self._sampler.should_sample(parent, int(trace_id, 16), "")
        return result.decision is Decision.RECORD_AND_SAMPLE

    def add(
        self,
        key: SpanKey,
        trace: Context,
        span_id: bytes,
        parent_id: bytes,
        start: int,
        end: int,
        bucket: int,
    ) -> None:
        """A span has ended; times of `perf_counter_ns`."""
        if len(self.waiting) >= MAX_WAITING:
            self.waiting.popleft()
            self.lost += 1
        self.waiting.append((key, trace.trace_id, span_id, parent_id, start, end, bucket))

    async def run(self) -> None:
        """Encode what has ended, a slice at a time; until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_EVERY)
            while self.waiting:
                self.encode()
                await asyncio.sleep(0)

    def encode(self) -> None:
        """Turn the oldest spans into one batch for the exporter."""
        offset = time_ns() - perf_counter_ns()
        spans = bytearray()
        for _ in range(min(SLICE, len(self.waiting))):
            key, trace_id, span_id, parent_id, start, end, bucket = self.waiting.popleft()
            template = self._templates.get(key) or self._template(key)
            parts = [template, b"\x0a\x10", bytes.fromhex(trace_id.decode()), b"\x12\x08"]
            parts.append(bytes.fromhex(span_id.decode()))
            if parent_id:
                parts += (b"\x22\x08", bytes.fromhex(parent_id.decode()))
            parts += (
                b"\x39",
                (start + offset).to_bytes(8, "little"),
                b"\x41",
                (end + offset).to_bytes(8, "little"),
            )
            if bucket != NO_BUCKET:
                parts.append(_field(9, _attribute(contract.ATTR_BUCKET, bucket)))
            spans += _field(2, b"".join(parts))
        self._batches.put(bytes(spans))

    def _template(self, key: SpanKey) -> bytes:
        span = SpanMessage(name=key.name, kind=key.kind, flags=0x101)  # type: ignore[arg-type]
        pairs: list[tuple[str, str | int]] = [
            (contract.ATTR_RPC_SYSTEM, "grpc"),
            (contract.ATTR_RPC_METHOD, key.path.lstrip("/")),
            (contract.ATTR_RPC_STATUS, key.status),
            (contract.ATTR_SERVICE, self._service),
            (contract.ATTR_COLOR, key.color),
            (contract.ATTR_REVISION, key.revision),
        ]
        if key.role:
            pairs.append((contract.ATTR_ROLE, key.role))
        if key.reason:
            pairs.append((contract.ATTR_REASON, key.reason))
        if key.address:
            pairs += ((contract.ATTR_SERVER_ADDRESS, key.address), (contract.ATTR_SERVER_PORT, key.port))
        if key.status in _SERVER_ERRORS or (key.kind == CLIENT and key.status != "OK"):
            pairs.append(("error.type", key.status))
            span.status.code = StatusMessage.STATUS_CODE_ERROR
        template = span.SerializeToString() + b"".join(_field(9, _attribute(*pair)) for pair in pairs)
        if len(self._templates) >= _TEMPLATES:
            self._templates.clear()
        self._templates[key] = template
        return template

    def _export(self) -> None:
        """The exporter's thread: one request per round, whatever has come together."""
        closing = False
        while not closing:
            batches = [self._batches.get()]
            while not self._batches.empty() and len(batches) < 16:
                batches.append(self._batches.get())
            closing = None in batches
            spans = b"".join(batch for batch in batches if batch)
            if not spans:
                continue
            scope = _field(1, _field(1, b"verdigris"))
            resource_spans = self._head + _field(2, scope + spans)
            try:
                self._sink.export(ExportTraceServiceRequest.FromString(_field(1, resource_spans)))
            except Exception:
                log.exception("spans could not be exported")
        self._sink.shutdown()

    def close(self) -> None:
        """Encode and export what is left; waits a bounded time."""
        while self.waiting:
            self.encode()
        self._batches.put(None)
        self._thread.join(timeout=5)


class NoTracer:
    """Nobody wants spans: a call's own `traceparent` passes on as it is."""

    enabled = False
    lost = 0

    def begin(self, traceparent: bytes | None) -> Context | None:
        return None

    def add(
        self,
        key: SpanKey,
        trace: Context,
        span_id: bytes,
        parent_id: bytes,
        start: int,
        end: int,
        bucket: int,
    ) -> None:
        raise AssertionError("no context was begun")

    async def run(self) -> None:
        await asyncio.Event().wait()

    def close(self) -> None:
        pass


def _root_name(sampler: Sampler) -> str:
    root = getattr(sampler, "_root", sampler) if type(sampler).__name__ == "ParentBased" else sampler
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

    return {id(ALWAYS_ON): "AlwaysOnSampler", id(ALWAYS_OFF): "AlwaysOffSampler"}.get(id(root), "")


def _request_head(resource: Resource) -> bytes:
    attributes = b"".join(
        _field(1, _attribute(name, value))
        for name, value in resource.attributes.items()
        if isinstance(value, str | int)
    )
    return _field(1, attributes)


def _attribute(name: str, value: str | int) -> bytes:
    any_value = AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
    return KeyValue(key=name, value=any_value).SerializeToString()


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited protobuf field."""
    size, head = len(payload), bytearray((number << 3 | 2,))
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    head.append(size)
    return bytes(head) + payload
