"""OTLP/JSON, both ways: a ready export request to one line of text, and a line back to small span values.

The text is the OTLP specification's "JSON Protobuf Encoding": protobuf's JSON mapping (camelCase, 64-bit
integers as strings, bytes in base64), but trace and span ids in hex and enums as numbers. An OpenTelemetry
Collector reads it (`otlpjsonfile`). Our reading is lenient: a field of another shape is left out.
"""

import json
import math
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
STATUSES: Final = ("unset", "ok", "error")


@dataclass(frozen=True, slots=True)
class Span:
    """One finished span. Ids are lower-case hex, `start` and `end` nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start: int
    end: int
    service: str = ""
    """The resource's `service.name`."""
    kind: str = ""
    """One of `KINDS`."""
    status: str = "unset"
    """One of `STATUSES`."""
    message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration(self) -> float:
        """Seconds."""
        return (self.end - self.start) / 1e9


# Writing. 7 µs a span of ten attributes; json_format.MessageToDict with json.dumps takes 43 µs, and a sampled
# call of the splitter pays for two. The trick is that most attributes of most spans were seen before.

_Writer = tuple[str, Callable[[Any], str]]
_writers: dict[FieldDescriptor, _Writer] = {}

_HEX: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_WIDE: Final = frozenset(
    {
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED64,
    }
)


def to_json(request: ExportTraceServiceRequest) -> str:
    """The request as one line, without the newline."""
    return _message(request)


def _message(message: Message) -> str:
    parts = []
    for descriptor, value in message.ListFields():
        writer = _writers.get(descriptor)
        if writer is None:
            writer = _writers[descriptor] = _writer(descriptor)
        parts.append(writer[0] + writer[1](value))
    return "{" + ",".join(parts) + "}"


def _writer(descriptor: FieldDescriptor) -> _Writer:
    write = _value_writer(descriptor)
    name = f"{quote(descriptor.json_name)}:"
    if descriptor.is_repeated:
        return name, lambda values: "[" + ",".join([write(value) for value in values]) + "]"
    return name, write


def _value_writer(descriptor: FieldDescriptor) -> Callable[[Any], str]:
    kind = descriptor.type
    if kind == FieldDescriptor.TYPE_MESSAGE:
        known = descriptor.message_type is KeyValue.DESCRIPTOR
        return (lambda value: _attribute(value.SerializeToString())) if known else _message
    if kind == FieldDescriptor.TYPE_STRING:
        return quote
    if kind == FieldDescriptor.TYPE_BYTES:
        if descriptor.name in _HEX:
            return lambda value: f'"{value.hex()}"'
        return lambda value: f'"{b64encode(value).decode()}"'
    if kind in _WIDE:
        return lambda value: f'"{value}"'
    if kind == FieldDescriptor.TYPE_BOOL:
        return lambda value: "true" if value else "false"
    if kind in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return _float
    return str  # enums and 32-bit integers


@lru_cache(maxsize=4096)
def _attribute(serialised: bytes) -> str:
    return _message(KeyValue.FromString(serialised))


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'


# Reading


def from_json(line: str | bytes) -> Iterator[Span]:
    """The spans of one line; ValueError if it is no export request at all."""
    document = json.loads(line)
    if not isinstance(document, dict):
        raise ValueError("an OTLP/JSON line must be an object")
    for resource_spans in _items(document, "resourceSpans"):
        resource = resource_spans.get("resource")
        described = _attributes(resource) if isinstance(resource, dict) else {}
        service = str(described.get("service.name", ""))
        for scope_spans in _items(resource_spans, "scopeSpans"):
            for item in _items(scope_spans, "spans"):
                yield _span(item, service)


def _span(item: Mapping[str, Any], service: str) -> Span:
    status = item.get("status")
    status = status if isinstance(status, dict) else {}
    return Span(
        trace_id=str(item.get("traceId", "")).lower(),
        span_id=str(item.get("spanId", "")).lower(),
        parent_id=str(item.get("parentSpanId", "")).lower() or None,
        name=str(item.get("name", "")),
        start=_integer(item.get("startTimeUnixNano")),
        end=_integer(item.get("endTimeUnixNano")),
        service=service,
        kind=_word(KINDS, item.get("kind")),
        status=_word(STATUSES, status.get("code")),
        message=str(status.get("message", "")),
        attributes=_attributes(item),
    )


def _items(holder: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    items = holder.get(name)
    return (item for item in (items if isinstance(items, list) else ()) if isinstance(item, dict))


def _attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {str(item.get("key", "")): _any(item.get("value")) for item in _items(holder, "attributes")}


def _any(value: object) -> Any:
    match value:
        case {"stringValue": str() as text}:
            return text
        case {"intValue": str() | int() as number}:
            return _integer(number)
        case {"doubleValue": str() | int() | float() as number}:
            return float(number)
        case {"boolValue": bool() as flag}:
            return flag
        case {"arrayValue": dict() as array}:
            return [_any(each) for each in _items(array, "values")]
        case {"kvlistValue": dict() as pairs}:
            return {str(item.get("key", "")): _any(item.get("value")) for item in _items(pairs, "values")}
        case {"bytesValue": str() as text}:
            return text
    return None


def _integer(value: object) -> int:
    try:
        return int(value) if isinstance(value, (str, int)) else 0
    except ValueError:
        return 0


def _word(words: tuple[str, ...], number: object) -> str:
    return words[number] if isinstance(number, int) and 0 <= number < len(words) else words[0]
