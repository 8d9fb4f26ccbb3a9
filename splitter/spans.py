"""Spans as bytes: OTLP `Span` messages from serialised templates, with ids and times filled in.

Protobuf merges concatenated messages, so a template and a few fixed fields are a whole span: 1 µs each, where the
SDK's `start_span` and encoder take 95. A template holds all that the spans of one kind of leg have in common.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status as StatusMessage
from opentelemetry.sdk.resources import Resource

from mesh import contract
from splitter.picker import NO_BUCKET

SERVER: Final = SpanMessage.SPAN_KIND_SERVER
CLIENT: Final = SpanMessage.SPAN_KIND_CLIENT
_FLAGS: Final = 0x101
"""Of a span: sampled, and it is known whether its parent is remote; it is not."""
_REMOTE_PARENT: Final = b"\x85\x01" + (_FLAGS | 0x200).to_bytes(4, "little")
"""The same field again, for a server span under its client's: of two, the last counts."""
_TEMPLATES: Final = 512
_TEMPLATE_LENGTH: Final = 2_048
"""Bytes; the methods that a client invents may be long, and are not worth remembering."""
# Server statuses that are the server's fault (OpenTelemetry semantic conventions for gRPC)
_SERVER_ERRORS: Final = frozenset(
    ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
)


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
    outcome: str = ""
    """Of a shadow."""


class Ended(NamedTuple):
    """A span that has ended: ids as hexadecimal ASCII (`parent_id` may be empty), times in nanoseconds."""

    key: SpanKey
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    start: int
    end: int
    bucket: int


class SpanEncoder:
    """Encodes the spans of one service and one process."""

    def __init__(self, *, service: str, resource: Resource) -> None:
        self._service = service
        self._templates: dict[SpanKey, bytes] = {}
        self._newest = 0
        """The highest revision that a template was made of: those before it will not be asked for long."""
        attributes = b"".join(
            _field(1, _attribute(name, value))
            for name, value in resource.attributes.items()
            if isinstance(value, str | int)
        )
        self._resource = _field(1, attributes)
        self._scope = _field(1, _field(1, b"verdigris"))

    def encode(self, spans: Iterable[Ended], *, offset: int) -> bytes:
        """The spans as fields of a `ScopeSpans` message; `offset` (ns) turns their times into Unix time."""
        encoded = bytearray()
        for key, trace_id, span_id, parent_id, start, end, bucket in spans:
            template = self._templates.get(key) or self._template(key)
            parts = [template, b"\x0a\x10", bytes.fromhex(trace_id.decode()), b"\x12\x08"]
            parts.append(bytes.fromhex(span_id.decode()))
            if parent_id:
                parts += (b"\x22\x08", bytes.fromhex(parent_id.decode()))
                if key.kind == SERVER:
                    parts.append(_REMOTE_PARENT)
            parts += (b"\x39", (start + offset).to_bytes(8, "little"))
            parts += (b"\x41", (end + offset).to_bytes(8, "little"))
            if bucket != NO_BUCKET:
                parts.append(_field(9, _attribute(contract.ATTR_BUCKET, bucket)))
            encoded += _field(2, b"".join(parts))
        return bytes(encoded)

    def request(self, encoded: bytes) -> ExportTraceServiceRequest:
        """What `encode` gave, once or several times in a row, as an export request."""
        resource_spans = self._resource + _field(2, self._scope + encoded)
        return ExportTraceServiceRequest.FromString(_field(1, resource_spans))

    def _template(self, key: SpanKey) -> bytes:
        span = SpanMessage(name=key.name, kind=key.kind, flags=_FLAGS)  # type: ignore[arg-type]
        pairs: list[tuple[str, str | int]] = [
            (contract.ATTR_RPC_SYSTEM, "grpc"),
            (contract.ATTR_RPC_METHOD, key.path.lstrip("/")),
            (contract.ATTR_RPC_STATUS, key.status),
            (contract.ATTR_SERVICE, self._service),
            (contract.ATTR_REVISION, key.revision),
        ]
        if key.color:
            pairs.append((contract.ATTR_COLOR, key.color))
        if key.role:
            pairs.append((contract.ATTR_ROLE, key.role))
        if key.reason:
            pairs.append((contract.ATTR_REASON, key.reason))
        if key.outcome:
            pairs.append((contract.ATTR_OUTCOME, key.outcome))
        if key.address:
            pairs += ((contract.ATTR_SERVER_ADDRESS, key.address), (contract.ATTR_SERVER_PORT, key.port))
        if key.status in _SERVER_ERRORS or (key.kind == CLIENT and key.status != "OK"):
            pairs.append(("error.type", key.status))
            span.status.code = StatusMessage.STATUS_CODE_ERROR
        template = span.SerializeToString() + b"".join(_field(9, _attribute(*pair)) for pair in pairs)
        if len(template) <= _TEMPLATE_LENGTH:
            if len(self._templates) >= _TEMPLATES or key.revision > self._newest:
                self._templates.clear()
                self._newest = max(self._newest, key.revision)
            self._templates[key] = template
        return template


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
