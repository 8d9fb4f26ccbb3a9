"""What `splitter.spans` promises: a span from a template is the span that the SDK would have sent."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from mesh import contract
from splitter import spans as module
from splitter.picker import NO_BUCKET
from splitter.spans import CLIENT, SERVER, Ended, SpanEncoder, SpanKey
from tests.otlp_receiver import plain

RESOURCE = Resource({"service.name": "splitter", "service.instance.id": "host-1", "process.pid": 7})
TRACE, PARENT, OWN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7", b"53995c3f42cd8ad8"
METHOD = "inference.GRPCInferenceService/ModelInfer"
REMOTE = 0x300
"""Bits 8 and 9 of a span's flags: whether its parent is remote is known, and it is."""

SERVED = SpanKey(SERVER, METHOD, f"/{METHOD}", "blue", "", "key", 7, "", 0, "OK")
PRIMARY = SpanKey(CLIENT, "primary blue", f"/{METHOD}", "blue", "primary", "key", 7, "127.0.0.1", 8001, "OK")


def sent(key: SpanKey, *, parent: bytes = PARENT, bucket: int = NO_BUCKET) -> ResourceSpans:
    """What the encoder makes of one span that took 2 µs."""
    encoder = SpanEncoder(service="recommender", resource=RESOURCE)
    ended = Ended(key, TRACE, OWN, parent, 1_000, 3_000, bucket)
    (made,) = encoder.request(encoder.encode([ended], offset=1_700_000_000_000_000_000)).resource_spans
    return made


def by_the_sdk(key: SpanKey, attributes: Mapping[str, Any], *, parent: bytes, failed: bool) -> ResourceSpans:
    """What the SDK makes of the same span."""
    trace = int(TRACE, 16)
    remote = key.kind == SERVER
    span = ReadableSpan(
        name=key.name,
        context=SpanContext(trace, int(OWN, 16), is_remote=False),
        parent=SpanContext(trace, int(parent, 16), is_remote=remote) if parent else None,
        kind=SpanKind.SERVER if key.kind == SERVER else SpanKind.CLIENT,
        attributes=attributes,
        status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
        start_time=1_700_000_000_000_001_000,
        end_time=1_700_000_000_000_003_000,
        resource=RESOURCE,
        instrumentation_scope=InstrumentationScope("verdigris"),
    )
    (made,) = encode_spans([span]).resource_spans
    return made


COMMON = {
    contract.ATTR_RPC_SYSTEM: "grpc",
    contract.ATTR_RPC_METHOD: METHOD,
    contract.ATTR_RPC_STATUS: "OK",
    contract.ATTR_SERVICE: "recommender",
    contract.ATTR_COLOR: "blue",
    contract.ATTR_REVISION: 7,
    contract.ATTR_REASON: "key",
}
AT = {contract.ATTR_SERVER_ADDRESS: "127.0.0.1", contract.ATTR_SERVER_PORT: 8001}
UNAVAILABLE = {contract.ATTR_RPC_STATUS: "UNAVAILABLE", "error.type": "UNAVAILABLE"}
NOT_FOUND = {contract.ATTR_RPC_STATUS: "NOT_FOUND"}


@pytest.mark.parametrize(
    ("key", "parent", "bucket", "attributes", "failed"),
    [
        (SERVED, PARENT, 4_059, COMMON | {contract.ATTR_BUCKET: 4_059}, False),
        (SERVED, b"", 0, COMMON | {contract.ATTR_BUCKET: 0}, False),
        (SERVED._replace(status="UNAVAILABLE"), PARENT, NO_BUCKET, COMMON | UNAVAILABLE, True),
        (SERVED._replace(status="NOT_FOUND"), PARENT, NO_BUCKET, COMMON | NOT_FOUND, False),
        (PRIMARY, PARENT, NO_BUCKET, COMMON | AT | {contract.ATTR_ROLE: "primary"}, False),
        (
            PRIMARY._replace(status="NOT_FOUND"),
            PARENT,
            NO_BUCKET,
            COMMON | AT | NOT_FOUND | {contract.ATTR_ROLE: "primary", "error.type": "NOT_FOUND"},
            True,
        ),
        (
            PRIMARY._replace(name="shadow green", color="green", role="shadow", reason=""),
            PARENT,
            NO_BUCKET,
            {name: value for name, value in COMMON.items() if name != contract.ATTR_REASON}
            | AT
            | {contract.ATTR_ROLE: "shadow", contract.ATTR_COLOR: "green"},
            False,
        ),
        (
            SERVED._replace(status="UNAVAILABLE", color="", reason=""),
            b"",
            NO_BUCKET,
            {
                name: value
                for name, value in (COMMON | UNAVAILABLE).items()
                if name not in (contract.ATTR_REASON, contract.ATTR_COLOR)
            },
            True,
        ),
    ],
    ids=["served", "root", "failed", "refused", "leg", "failed leg", "shadow", "nobody"],
)
def test_every_kind_of_span_is_what_the_sdk_would_send(
    key: SpanKey, parent: bytes, bucket: int, attributes: Mapping[str, Any], failed: bool
) -> None:
    """A client's error is no failure of a server span; every error is one of a client span (gRPC conventions)."""
    ours, theirs = (
        sent(key, parent=parent, bucket=bucket),
        by_the_sdk(key, attributes, parent=parent, failed=failed),
    )
    assert plain(ours.resource.attributes) == plain(theirs.resource.attributes) == dict(RESOURCE.attributes)
    assert ours.scope_spans[0].scope.name == "verdigris"
    (our_span,), (their_span,) = ours.scope_spans[0].spans, theirs.scope_spans[0].spans
    assert plain(our_span.attributes) == plain(their_span.attributes) == attributes
    assert len(our_span.attributes) == len(attributes), "an attribute is there twice"
    assert our_span.flags & REMOTE == their_span.flags & REMOTE
    assert our_span.flags & 0xFF == 1, "sampled"
    for each in (our_span, their_span):
        del each.attributes[:]
        each.flags = 0
        if not each.status.code:
            each.ClearField("status")  # unset is unset, there or not
    assert our_span == their_span


@given(st.text(max_size=300), st.integers(0, 2**63 - 1), st.text(max_size=40))
def test_names_of_any_length_and_language_arrive(path: str, revision: int, status: str) -> None:
    path = path.encode("utf-8", "ignore").decode()
    status = status.encode("utf-8", "ignore").decode()
    key = PRIMARY._replace(path=f"/{path}", name=path, revision=revision, status=status)
    (span,) = sent(key).scope_spans[0].spans
    found = plain(span.attributes)
    assert span.name == path
    assert found[contract.ATTR_RPC_METHOD] == path.lstrip("/")
    assert found[contract.ATTR_REVISION] == revision
    assert found[contract.ATTR_RPC_STATUS] == status


def test_batches_that_come_together_are_one_request() -> None:
    encoder = SpanEncoder(service="recommender", resource=RESOURCE)
    batches = [
        encoder.encode(
            [Ended(SERVED, TRACE, b"%016x" % (10 * batch + each), b"", 1, 2, each) for each in range(3)],
            offset=0,
        )
        for batch in range(1, 4)
    ]
    (resource_spans,) = encoder.request(b"".join(batches)).resource_spans
    (scope_spans,) = resource_spans.scope_spans
    assert [int.from_bytes(span.span_id, "big") for span in scope_spans.spans] == [
        10, 11, 12, 20, 21, 22, 30, 31, 32,
    ]  # fmt: skip


def test_methods_of_any_length_do_not_grow_what_is_remembered() -> None:
    encoder = SpanEncoder(service="recommender", resource=RESOURCE)
    for number in range(50):
        key = SERVED._replace(path="/" + "x" * 10_000 + str(number))
        encoded = encoder.encode([Ended(key, TRACE, OWN, b"", 1, 2, NO_BUCKET)], offset=0)
        (span,) = encoder.request(encoded).resource_spans[0].scope_spans[0].spans
        assert plain(span.attributes)[contract.ATTR_RPC_METHOD] == key.path[1:]
    assert sum(map(len, encoder._templates.values())) < 100_000


def test_more_kinds_of_spans_than_are_remembered_are_still_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TEMPLATES", 10)
    encoder = SpanEncoder(service="recommender", resource=RESOURCE)
    keys = [SERVED._replace(revision=number % 25) for number in range(100)]
    encoded = encoder.encode([Ended(key, TRACE, OWN, b"", 1, 2, NO_BUCKET) for key in keys], offset=0)
    spans: list[Span] = list(encoder.request(encoded).resource_spans[0].scope_spans[0].spans)
    assert [plain(span.attributes)[contract.ATTR_REVISION] for span in spans] == [
        key.revision for key in keys
    ]
