"""A sampled call is a span under its caller's, with its phases under it; an unsampled one is nothing."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import NoOpTracerProvider, SpanKind, StatusCode

from model_server.tracing import UNTRACED, NoTracing, SpanTracing, obeys_callers, tracing_of

METHOD = "inference.GRPCInferenceService/ModelInfer"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"


class Traced:
    """Tracing whose finished spans can be looked at."""

    def __init__(self, sampler: Sampler) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = SpanTracing(
            self.provider, service="films", color="green", address="127.0.0.1", port=8001
        )

    def call(self, *metadata: tuple[str, str | bytes], code: str = "OK") -> dict[str, ReadableSpan]:
        call = self.tracing.begin(METHOD, lambda: metadata)
        call.phase("queue", 1_000, 2_000)
        call.phase("compute", 2_000, 5_000)
        call.model("rec", "3")
        call.end(code, "the reason")
        return {span.name: span for span in self.finished()}

    def finished(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()


@pytest.fixture
def traced() -> Iterator[Traced]:
    traced = Traced(ParentBased(ALWAYS_ON))
    yield traced
    traced.provider.shutdown()


def test_the_span_is_a_child_of_the_callers(traced: Traced) -> None:
    span = traced.call(("traceparent", SAMPLED))[METHOD]
    assert span.kind is SpanKind.SERVER
    assert span.parent is not None
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.parent.is_remote


def test_its_attributes_say_service_colour_role_model_and_outcome(traced: Traced) -> None:
    span = traced.call(("traceparent", SAMPLED), ("x-verdigris-role", "shadow"), ("raw-bin", b"\0"))[METHOD]
    assert dict(span.attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.method": METHOD,
        "rpc.response.status_code": "OK",
        "server.address": "127.0.0.1",
        "server.port": 8001,
        "verdigris.service": "films",
        "verdigris.color": "green",
        "verdigris.role": "shadow",
        "verdigris.model": "rec",
        "verdigris.model_version": "3",
    }
    assert span.status.status_code is StatusCode.UNSET


def test_a_role_is_said_only_where_the_caller_said_one(traced: Traced) -> None:
    """A primary leg and the fallback after it look the same from here; the caller's own span knows which it is."""
    assert "verdigris.role" not in (traced.call()[METHOD].attributes or {})


def test_phases_are_its_children_with_their_own_times(traced: Traced) -> None:
    spans = traced.call(("traceparent", SAMPLED))
    server = spans[METHOD].context
    assert server is not None
    for name, start, end in (("queue", 1_000, 2_000), ("compute", 2_000, 5_000)):
        parent = spans[name].parent
        assert parent is not None
        assert parent.span_id == server.span_id
        assert (spans[name].start_time, spans[name].end_time) == (start, end)
        assert spans[name].kind is SpanKind.INTERNAL


def test_the_span_of_a_batched_call_says_how_many_rows_ran_together(traced: Traced) -> None:
    assert "verdigris.batch_size" not in (traced.call()[METHOD].attributes or {})
    call = traced.tracing.begin(METHOD, list)
    call.batch(7)
    call.end("OK", "")
    spans = [span for span in traced.finished() if "verdigris.batch_size" in (span.attributes or {})]
    assert [dict(span.attributes or {})["verdigris.batch_size"] for span in spans] == [7]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INTERNAL", StatusCode.ERROR),
        ("UNAVAILABLE", StatusCode.ERROR),
        ("INVALID_ARGUMENT", StatusCode.UNSET),
        ("CANCELLED", StatusCode.UNSET),
    ],
)
def test_only_the_servers_own_faults_are_errors(traced: Traced, code: str, status: StatusCode) -> None:
    span = traced.call(code=code)[METHOD]
    assert span.status.status_code is status
    assert (span.attributes or {})["rpc.response.status_code"] == code


@pytest.mark.parametrize("header", ["", "nonsense", f"00-{TRACE}-{PARENT}-zz", f"00-{'0' * 32}-{PARENT}-01"])
def test_a_malformed_parent_is_no_parent(traced: Traced, header: str) -> None:
    assert traced.call(("traceparent", header))[METHOD].parent is None


def test_a_call_that_the_caller_did_not_sample_makes_no_span(traced: Traced) -> None:
    assert traced.call(("traceparent", UNSAMPLED)) == {}
    assert traced.tracing.begin(METHOD, lambda: [("traceparent", UNSAMPLED)]) is UNTRACED


@pytest.mark.parametrize(
    ("sampler", "spans"),
    [(ALWAYS_ON, 3), (ParentBased(ALWAYS_ON, remote_parent_not_sampled=ALWAYS_ON), 3), (ALWAYS_OFF, 0)],
)
def test_a_sampler_that_does_not_obey_callers_is_asked_itself(sampler: Sampler, spans: int) -> None:
    assert len(Traced(sampler).call(("traceparent", UNSAMPLED))) == spans


@pytest.mark.parametrize(
    ("sampler", "obeys"),
    [
        (ParentBased(ALWAYS_ON), True),
        (ParentBased(TraceIdRatioBased(0.5)), True),
        (TraceIdRatioBased(1), False),
        (ALWAYS_ON, False),
        (ParentBased(ALWAYS_ON, remote_parent_not_sampled=ALWAYS_ON), False),
    ],
)
def test_whether_a_sampler_obeys_callers_is_known_at_the_start(sampler: Sampler, obeys: bool) -> None:
    assert obeys_callers(TracerProvider(sampler=sampler, shutdown_on_exit=False)) is obeys


def test_no_provider_no_tracing_and_the_metadata_is_not_even_read() -> None:
    def unread() -> list[tuple[str, str]]:
        raise AssertionError("read")

    tracing = tracing_of(NoOpTracerProvider(), service="a", color="blue", address="h", port=1)
    assert isinstance(tracing, NoTracing)
    assert tracing.begin(METHOD, unread) is UNTRACED
