"""What `mesh.telemetry` promises: the standard variables decide, and spans arrive at real receivers."""

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from mesh import telemetry
from mesh.span_sink import ConsoleSink, SeveralSinks, SinkExporter, SpanSink
from mesh.telemetry import NoTracing, resource_for, sampler_from_env, span_sink, tracer_provider
from mesh.tracefile import TraceFile, read_spans
from tests.consul_agent import free_ports
from tests.otlp_receiver import OtlpReceiver


@pytest.fixture(scope="module")
def running() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture
def receiver(running: OtlpReceiver) -> OtlpReceiver:
    running.clear()
    return running


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


def ready(*names: str) -> ExportTraceServiceRequest:
    """A request as the splitter makes one, without the SDK."""
    made = [Span(trace_id=b"t" * 16, span_id=b"s" * 8, name=name) for name in names]
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=made)])])


def trace_one(name: str = "call", trace_file: Path | None = None) -> None:
    """One span of an SDK tracer, from start to delivery."""
    provider = tracer_provider(
        service_name="recommender", resource={"verdigris.color": "blue"}, trace_file=trace_file
    )
    with provider.get_tracer("test").start_as_current_span(name):
        pass
    provider.shutdown()


# Which way spans go


def kinds(sink: SpanSink | None) -> str:
    if isinstance(sink, SeveralSinks):
        return "+".join(kinds(each) for each in sink._sinks)
    return type(sink).__name__


FILE = Path("traces.jsonl")  # never written: a trace file opens with its first span


@pytest.mark.parametrize(
    ("variables", "trace_file", "expected"),
    [
        ({}, None, "NoneType"),
        ({}, FILE, "TraceFile"),
        ({"OTEL_TRACES_EXPORTER": ""}, FILE, "TraceFile"),
        ({"OTEL_TRACES_EXPORTER": "none"}, FILE, "NoneType"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317"}, FILE, "NoneType"),
        ({"OTEL_TRACES_EXPORTER": "console"}, FILE, "ConsoleSink"),
        ({"OTEL_TRACES_EXPORTER": "file"}, FILE, "TraceFile"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, FILE, "OtlpGrpcSink"),
        ({"OTEL_TRACES_EXPORTER": " OTLP , file,otlp"}, FILE, "OtlpGrpcSink+TraceFile"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317"}, FILE, "OtlpGrpcSink"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4317"}, None, "OtlpGrpcSink"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, FILE, "TraceFile"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, None, "OtlpGrpcSink"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
            None,
            "OtlpHttpSink",
        ),
        (
            {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            },
            None,
            "OtlpHttpSink",
        ),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, FILE, "NoneType"),
        ({"OTEL_SDK_DISABLED": "false"}, FILE, "TraceFile"),
    ],
)
def test_the_standard_variables_choose_the_exporter(
    variables: dict[str, str],
    trace_file: Path | None,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    sink = span_sink(trace_file)
    assert kinds(sink) == expected
    assert caplog.records == []
    if sink is not None:
        sink.shutdown()
        sink.shutdown()


@pytest.mark.parametrize(
    ("variables", "trace_file", "expected", "complaint"),
    [
        (
            {"OTEL_TRACES_EXPORTER": "zipkin"},
            FILE,
            "TraceFile",
            "OTEL_TRACES_EXPORTER: 'zipkin' must be otlp, console, file or none",
        ),
        (
            {"OTEL_TRACES_EXPORTER": "console,jager"},
            FILE,
            "ConsoleSink",
            "OTEL_TRACES_EXPORTER: 'jager' must be otlp, console, file or none",
        ),
        (
            {"OTEL_TRACES_EXPORTER": "file"},
            None,
            "NoneType",
            "OTEL_TRACES_EXPORTER: 'file' needs a trace file, and none is given",
        ),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
            None,
            "OtlpGrpcSink",
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' must be grpc or http/protobuf",
        ),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http"},
            None,
            "OtlpGrpcSink",
            "OTEL_EXPORTER_OTLP_PROTOCOL: 'http' must be grpc or http/protobuf",
        ),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_COMPRESSION": "zip"},
            FILE,
            "NoneType",
            'Invalid value "zip" for compression envvar OTEL_EXPORTER_OTLP_COMPRESSION',
        ),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"},
            FILE,
            "NoneType",
            "OTEL_EXPORTER_OTLP_* variable cannot be used: could not convert string to float: 'soon'",
        ),
    ],
)
def test_a_value_nobody_knows_is_named_with_its_rule_and_stops_nothing(
    variables: dict[str, str],
    trace_file: Path | None,
    expected: str,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    sink = span_sink(trace_file)
    assert kinds(sink) == expected
    assert complaint in caplog.text
    if sink is not None:
        sink.shutdown()


def test_without_an_exporter_nothing_is_recorded_and_a_parent_is_passed_on() -> None:
    provider = tracer_provider(service_name="s", resource={}, trace_file=None)
    assert isinstance(provider, NoTracing)
    parent = NonRecordingSpan(SpanContext(trace_id=1, span_id=2, is_remote=True))
    span = provider.get_tracer("test").start_span("call", context=set_span_in_context(parent))
    assert not span.is_recording()
    assert span.get_span_context() == parent.get_span_context()
    assert provider.force_flush()
    provider.shutdown()


# What spans say of their process, and which are kept


def test_a_resource_says_what_the_program_says() -> None:
    attributes = resource_for("recommender", {"verdigris.color": "blue"}).attributes
    assert attributes["service.name"] == "recommender"
    assert attributes["verdigris.color"] == "blue"
    assert attributes["telemetry.sdk.language"] == "python"


def test_the_operators_variables_win_over_what_the_program_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "verdigris.color=teal,deployment=eu%2Fwest,service.name=a")
    attributes = resource_for("recommender", {"verdigris.color": "blue", "kept": "yes"}).attributes
    assert attributes["verdigris.color"] == "teal"
    assert attributes["deployment"] == "eu/west"
    assert attributes["kept"] == "yes"
    assert attributes["service.name"] == "a"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "b")
    assert resource_for("recommender", {}).attributes["service.name"] == "b"


@pytest.mark.parametrize(
    ("variables", "description"),
    [
        ({}, "ParentBased{root:AlwaysOnSampler"),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "AlwaysOffSampler"),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
            "TraceIdRatioBased{0.25}",
        ),
        (
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"},
            "ParentBased{root:TraceIdRatioBased{0.5}",
        ),
    ],
)
def test_the_sampler_is_the_sdks_reading_of_the_variables(
    variables: dict[str, str], description: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert sampler_from_env().get_description().startswith(description)


def test_a_trace_that_is_not_sampled_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    trace_one(trace_file=tmp_path / "traces.jsonl")
    assert list(read_spans(tmp_path / "traces.jsonl")) == []


# Spans of the SDK arrive


def test_spans_go_to_the_trace_file_when_no_variable_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    provider = tracer_provider(service_name="recommender", resource={}, trace_file=path)
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("parent"), tracer.start_as_current_span("child", attributes={"n": 1}):
        pass
    provider.shutdown()
    provider.shutdown()
    child, parent = read_spans(path)
    assert (parent.name, parent.parent_id, parent.service) == ("parent", None, "recommender")
    assert (child.name, child.parent_id, child.attributes) == ("child", parent.span_id, {"n": 1})
    assert child.trace_id == parent.trace_id
    assert 0 <= child.duration <= parent.duration


class NotingSink:
    """Says when the first request comes."""

    def __init__(self) -> None:
        self.came = threading.Event()

    def export(self, request: ExportTraceServiceRequest) -> bool:
        self.came.set()
        return True

    def shutdown(self) -> None:
        pass


def test_a_span_is_delivered_within_about_a_second_without_a_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = NotingSink()
    monkeypatch.setattr(telemetry, "span_sink", lambda trace_file: sink)
    provider = tracer_provider(service_name="recommender", resource={}, trace_file=None)
    started = time.monotonic()
    provider.get_tracer("test").start_span("call").end()
    assert sink.came.wait(10)
    assert time.monotonic() - started < 3  # the SDK's own delay is 5 s
    provider.shutdown()


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_spans_arrive_over_otlp_with_headers_and_compression(
    protocol: str, receiver: OtlpReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=video")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    trace_one(trace_file=tmp_path / "traces.jsonl")
    [span] = receiver.wait_for(lambda spans: spans)
    assert (span.name, span.service, span.resource["verdigris.color"]) == ("call", "recommender", "blue")
    [received] = receiver.requests
    assert received.protocol == protocol.split("/")[0]
    assert received.headers["x-tenant"] == "video"
    if protocol == "http/protobuf":
        assert received.headers["content-encoding"] == "gzip"
    assert list(tmp_path.iterdir()) == []


def test_spans_can_go_two_ways_at_once(
    receiver: OtlpReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp,file")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.grpc_endpoint)
    trace_one(trace_file=tmp_path / "traces.jsonl")
    receiver.wait_for(lambda spans: [span.name for span in spans] == ["call"])
    assert [span.name for span in read_spans(tmp_path / "traces.jsonl")] == ["call"]


# Ready requests arrive: these fail when a version of the SDK moves what `mesh.otlp_sink` leans on


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_ready_request_arrives_as_it_was_made(
    protocol: str, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    if protocol == "grpc":
        monkeypatch.setenv(variable, receiver.grpc_endpoint)
    else:
        monkeypatch.setenv(variable, f"{receiver.http_endpoint}/v1/traces")
    sink = span_sink(None)
    assert sink is not None
    assert sink.export(ready("a", "b"))
    assert sink.export(ready("c"))
    sink.shutdown()
    sink.shutdown()
    assert [received.request for received in receiver.requests] == [ready("a", "b"), ready("c")]
    assert not sink.export(ready("late"))


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_that_refuses_for_a_moment_is_asked_again(
    protocol: str, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    receiver.refuse_next(1)
    sink = span_sink(None)
    assert sink is not None
    assert sink.export(ready("a"))
    sink.shutdown()
    assert (receiver.attempts, [span.name for span in receiver.spans]) == (2, ["a"])


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_shutdown_ends_the_retries_of_an_export_that_runs(
    protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    sink = span_sink(None)
    assert sink is not None
    threading.Timer(0.2, sink.shutdown).start()
    started = time.monotonic()
    assert not sink.export(ready("lost"))
    assert time.monotonic() - started < 5  # the exporter's own timeout is 10 s


def test_a_collector_that_is_away_holds_up_the_end_of_a_program_only_for_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(telemetry, "SHUTDOWN_WITHIN", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_ports(1)[0]}")
    started = time.monotonic()
    trace_one()
    assert time.monotonic() - started < 5


# The small sinks


def test_the_console_shows_a_line_of_otlp_json_and_a_closed_one_costs_no_exception() -> None:
    out = io.StringIO()
    sink = ConsoleSink(out)
    assert sink.export(ready("a"))
    document = json.loads(out.getvalue())
    assert document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] == "a"
    sink.shutdown()
    out.close()
    assert not sink.export(ready("b"))


class RefusingSink:
    def __init__(self) -> None:
        self.shut = False

    def export(self, request: ExportTraceServiceRequest) -> bool:
        return False

    def shutdown(self) -> None:
        self.shut = True


def test_several_sinks_all_get_a_request_whatever_one_of_them_says(tmp_path: Path) -> None:
    refusing, file = RefusingSink(), TraceFile(tmp_path / "traces.jsonl")
    sinks = SeveralSinks(refusing, file)
    assert not sinks.export(ready("a"))
    assert [span.name for span in read_spans(file.path)] == ["a"]
    sinks.shutdown()
    assert refusing.shut
    assert SeveralSinks().export(ready("a"))


def test_the_sdk_hears_whether_its_spans_were_delivered(tmp_path: Path) -> None:
    file = TraceFile(tmp_path / "traces.jsonl")
    for sink, result in ((file, SpanExportResult.SUCCESS), (RefusingSink(), SpanExportResult.FAILURE)):
        exporter = SinkExporter(sink)
        assert exporter.export([]) is result
        assert exporter.force_flush()
        exporter.shutdown()


def test_without_otlp_no_program_pays_for_importing_grpc() -> None:
    program = (
        "import sys, pathlib; from mesh.telemetry import tracer_provider\n"
        "tracer_provider(service_name='s', resource={}, trace_file=pathlib.Path('never-written')).shutdown()\n"
        "sys.exit('grpc' in sys.modules or 'requests' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False, timeout=60).returncode == 0
