"""What `mesh.otlp_json` promises: protobuf's own JSON with OTLP's differences, and spans read back from it."""

import json
import math
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    EntityRef,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from mesh.otlp_json import Span as ReadSpan
from mesh.otlp_json import from_json, to_json

text = st.text(max_size=8)
count = st.integers(0, 2**32 - 1)
nanos = st.integers(0, 2**64 - 1)
values = st.recursive(
    st.builds(AnyValue)
    | st.builds(AnyValue, string_value=text)
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1))
    | st.builds(AnyValue, double_value=st.floats())
    | st.builds(AnyValue, bytes_value=st.binary(max_size=5)),
    lambda inner: (
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=2)))
        | st.builds(
            AnyValue,
            kvlist_value=st.builds(
                KeyValueList, values=st.lists(st.builds(KeyValue, key=text, value=inner), max_size=2)
            ),
        )
    ),
    max_leaves=4,
)
attributes = st.lists(st.builds(KeyValue, key=text, value=values), max_size=3)
links = st.builds(
    Span.Link,
    trace_id=st.binary(min_size=16, max_size=16),
    span_id=st.binary(min_size=8, max_size=8),
    trace_state=text,
    attributes=attributes,
    flags=count,
)
events = st.builds(Span.Event, time_unix_nano=nanos, name=text, attributes=attributes)
spans = st.builds(
    Span,
    trace_id=st.binary(min_size=16, max_size=16),
    span_id=st.binary(min_size=8, max_size=8),
    parent_span_id=st.just(b"") | st.binary(min_size=8, max_size=8),
    trace_state=text,
    flags=count,
    name=text,
    kind=st.integers(0, 5),
    start_time_unix_nano=nanos,
    end_time_unix_nano=nanos,
    attributes=attributes,
    dropped_attributes_count=count,
    events=st.lists(events, max_size=2),
    links=st.lists(links, max_size=2),
    status=st.none() | st.builds(Status, message=text, code=st.integers(0, 2)),
)
scopes = st.builds(
    ScopeSpans,
    scope=st.none() | st.builds(InstrumentationScope, name=text, version=text, attributes=attributes),
    spans=st.lists(spans, max_size=2),
    schema_url=text,
)
resources = st.builds(
    Resource, attributes=attributes, entity_refs=st.lists(st.builds(EntityRef, type=text), max_size=1)
)
requests = st.builds(
    ExportTraceServiceRequest,
    resource_spans=st.lists(
        st.builds(
            ResourceSpans,
            resource=st.none() | resources,
            scope_spans=st.lists(scopes, max_size=2),
            schema_url=text,
        ),
        max_size=2,
    ),
)


def by_protobuf(request: ExportTraceServiceRequest) -> Any:
    """The mapping by protobuf's own library, then OTLP's hex ids put in by walking the messages beside it."""
    document = MessageToDict(request, use_integers_for_enums=True)
    for resource_spans, resource_item in zip(
        request.resource_spans, document.get("resourceSpans", []), strict=True
    ):
        for scope_spans, scope_item in zip(
            resource_spans.scope_spans, resource_item.get("scopeSpans", []), strict=True
        ):
            for span, item in zip(scope_spans.spans, scope_item.get("spans", []), strict=True):
                item["traceId"], item["spanId"] = span.trace_id.hex(), span.span_id.hex()
                if span.parent_span_id:
                    item["parentSpanId"] = span.parent_span_id.hex()
                for link, link_item in zip(span.links, item.get("links", []), strict=True):
                    link_item["traceId"], link_item["spanId"] = link.trace_id.hex(), link.span_id.hex()
    return document


@given(requests)
def test_any_request_is_written_as_protobuf_writes_it_but_with_ids_in_hex(
    request: ExportTraceServiceRequest,
) -> None:
    line = to_json(request)
    assert "\n" not in line
    assert json.loads(line) == by_protobuf(request)


@given(requests)
def test_any_request_that_was_written_can_be_read_back_as_spans(request: ExportTraceServiceRequest) -> None:
    written = [
        span
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]
    read = list(from_json(to_json(request)))
    assert [(span.trace_id, span.span_id, span.name, span.start, span.end) for span in read] == [
        (
            span.trace_id.hex(),
            span.span_id.hex(),
            span.name,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
        )
        for span in written
    ]


def request_with(span: Span, service: str = "recommender") -> ExportTraceServiceRequest:
    resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value=service))])
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=[span])])]
    )


def test_a_span_reads_back_with_all_that_a_tree_shows() -> None:
    span = Span(
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        parent_span_id=b"\xff" * 8,
        name="primary blue",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=1_700_000_000_000_000_000,
        end_time_unix_nano=1_700_000_000_001_500_000,
        status=Status(code=Status.STATUS_CODE_ERROR, message="UNAVAILABLE"),
        attributes=[
            KeyValue(key="text", value=AnyValue(string_value="blue")),
            KeyValue(key="zero", value=AnyValue(int_value=0)),
            KeyValue(key="big", value=AnyValue(int_value=2**63 - 1)),
            KeyValue(key="share", value=AnyValue(double_value=0.5)),
            KeyValue(key="infinite", value=AnyValue(double_value=math.inf)),
            KeyValue(key="no", value=AnyValue(bool_value=False)),
            KeyValue(key="nothing", value=AnyValue()),
            KeyValue(key="many", value=AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)]))),
            KeyValue(key="none", value=AnyValue(array_value=ArrayValue())),
            KeyValue(
                key="map",
                value=AnyValue(
                    kvlist_value=KeyValueList(values=[KeyValue(key="a", value=AnyValue(string_value="b"))])
                ),
            ),
        ],
    )
    [read] = from_json(to_json(request_with(span)))
    assert read == ReadSpan(
        trace_id="000102030405060708090a0b0c0d0e0f",
        span_id="0001020304050607",
        parent_id="ffffffffffffffff",
        name="primary blue",
        start=1_700_000_000_000_000_000,
        end=1_700_000_000_001_500_000,
        service="recommender",
        kind="client",
        status="error",
        message="UNAVAILABLE",
        attributes={
            "text": "blue",
            "zero": 0,
            "big": 2**63 - 1,
            "share": 0.5,
            "infinite": math.inf,
            "no": False,
            "nothing": None,
            "many": [1],
            "none": [],
            "map": {"a": "b"},
        },
    )
    assert read.duration == pytest.approx(0.0015)


def test_a_root_has_no_parent_and_an_unset_status() -> None:
    [read] = from_json(to_json(request_with(Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="root"))))
    assert (read.parent_id, read.status, read.kind) == (None, "unset", "")


@pytest.mark.parametrize("line", ["", "{", "[]", "7", "null", b"\xff\xfe\x00"])
def test_a_line_that_is_no_request_is_a_value_error(line: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's own, whose words are not ours
        list(from_json(line))


@pytest.mark.parametrize(
    "line",
    [
        '{"resourceSpans": 7}',
        '{"resourceSpans": [7, {"scopeSpans": [{"spans": [null]}]}]}',
        '{"resourceSpans": [{"resource": [], "scopeSpans": {}}]}',
    ],
)
def test_fields_of_another_shape_are_left_out(line: str) -> None:
    assert list(from_json(line)) == []


def test_a_span_of_strange_fields_is_read_as_far_as_it_goes() -> None:
    item = {
        "name": 7,
        "kind": "SPAN_KIND_SERVER",
        "startTimeUnixNano": "soon",
        "endTimeUnixNano": 5,
        "status": "ok",
        "attributes": [{"value": {"intValue": "x"}}, 3],
    }
    line = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [item]}]}]})
    [read] = from_json(line)
    assert (read.name, read.kind, read.start, read.end, read.status) == ("7", "", 0, 5, "unset")
    assert read.attributes == {"": 0}
