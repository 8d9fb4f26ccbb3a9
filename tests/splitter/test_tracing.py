"""What `splitter.tracing` promises: standard samplers decide, and spans are never a burden."""

import os
import threading

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mesh.span_sink import SpanSink
from mesh.telemetry import resource_for, sampler_from_env
from splitter import tracing as module
from splitter.spans import SERVER, SpanEncoder, SpanKey
from splitter.tracing import Context, Tracer

TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
SAMPLED, UNSAMPLED = (b"00-" + TRACE + b"-" + SPAN + flags for flags in (b"-01", b"-00"))


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


def tracer(sink: SpanSink) -> Tracer:
    """By the sampler of the moment's variables."""
    encoder = SpanEncoder(service="recommender", resource=resource_for("splitter", {}))
    return Tracer(encoder=encoder, sink=sink, sampler=sampler_from_env())


class NoSink:
    """Takes spans and forgets them."""

    def export(self, request: ExportTraceServiceRequest) -> bool:
        return True

    def shutdown(self) -> None:
        pass


# None: the call passes as it is; else whether its trace is sampled
DECISIONS: dict[tuple[str, str], tuple[bool | None, bool | None, bool | None]] = {
    # sampler, its argument: without a parent, with a sampled one, with one that is not
    ("", ""): (True, True, None),
    ("always_on", ""): (True, True, True),
    ("always_off", ""): (None, False, False),
    ("parentbased_always_on", ""): (True, True, None),
    ("parentbased_always_off", ""): (None, True, None),
    ("traceidratio", "1"): (True, True, True),
    ("traceidratio", "0"): (False, False, False),
    ("parentbased_traceidratio", "1"): (True, True, None),
    ("parentbased_traceidratio", "0"): (False, True, None),
}


@pytest.mark.parametrize(("sampler", "decisions"), DECISIONS.items(), ids=lambda each: str(each[0]))
def test_each_standard_sampler_decides(
    sampler: tuple[str, str],
    decisions: tuple[bool | None, bool | None, bool | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, argument = sampler
    if name:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    if argument:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    made = tracer(NoSink())
    contexts = [made.begin(parent) for parent in (None, SAMPLED, UNSAMPLED)]
    made.close()
    assert tuple(context and context.sampled for context in contexts) == decisions
    for context in contexts[1:]:
        assert context is None or (context.trace_id, context.parent_id) == (TRACE, SPAN)


def test_a_ratio_is_kept_and_by_the_trace_id_so_that_all_sidecars_agree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    one, other = tracer(NoSink()), tracer(NoSink())
    contexts = [context for context in (one.begin(None) for _ in range(4_000)) if context]
    share = sum(context.sampled for context in contexts) / 4_000
    assert share == pytest.approx(0.25, abs=0.05)
    for context in contexts[:200]:
        again = other.begin(b"00-%b-%b-00" % (context.trace_id, SPAN))
        assert again is not None
        assert again.sampled == context.sampled
    for each in (one, other):
        each.close()


def test_ids_are_never_used_twice() -> None:
    made = tracer(NoSink())
    contexts = [context for context in (made.begin(None) for _ in range(2_000)) if context]
    made.close()
    assert len({context.trace_id for context in contexts}) == 2_000
    assert (
        len({context.span_id for context in contexts} | {context.leg()[0] for context in contexts}) == 4_000
    )


KEY = SpanKey(SERVER, "a/B", "/a/B", "blue", "", "split", 1, "", 0, "OK")


def add(made: Tracer, count: int = 1) -> None:
    for _ in range(count):
        made.add(KEY, Context(TRACE, b"", sampled=True), SPAN, b"", 1, 2, -1)


class Held:
    """A collector that takes its time: `export` returns when it is let."""

    def __init__(self, delivers: bool = True) -> None:
        self.let = threading.Event()
        self.began = threading.Event()
        self.spans = 0
        self.ended = False
        self._delivers = delivers

    def export(self, request: ExportTraceServiceRequest) -> bool:
        self.began.set()
        self.let.wait(20)
        self.spans += sum(len(each.scope_spans[0].spans) for each in request.resource_spans)
        return self._delivers

    def shutdown(self) -> None:
        self.ended = True
        self.let.set()


class TestWaiting:
    def test_closing_delivers_what_is_left(self) -> None:
        sink = Held()
        sink.let.set()
        made = tracer(sink)
        add(made, 1_000)
        made.close()
        assert (sink.spans, made.lost, sink.ended) == (1_000, 0, True)

    def test_beyond_the_limit_the_oldest_are_lost_and_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MAX_WAITING", 100)
        sink = Held()
        sink.let.set()
        made = tracer(sink)
        add(made, 130)
        assert (made.lost, len(made.waiting)) == (30, 100)
        made.close()
        assert sink.spans == 100

    def test_a_collector_that_hangs_costs_a_bounded_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MAX_BATCHES", 2)
        sink = Held()
        made = tracer(sink)
        add(made, module.SLICE)
        made.encode()
        assert sink.began.wait(10)
        for _ in range(5):
            add(made, module.SLICE)
            made.encode()
        sink.let.set()
        made.close()
        assert (sink.spans, made.lost) == (3 * module.SLICE, 3 * module.SLICE)

    def test_what_a_collector_refuses_for_good_is_lost_and_counted(self) -> None:
        sink = Held(delivers=False)
        sink.let.set()
        made = tracer(sink)
        add(made, 70)
        made.close()
        assert made.lost == 70

    def test_an_exporter_that_raises_ends_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        class Broken(Held):
            def export(self, request: ExportTraceServiceRequest) -> bool:
                super().export(request)
                raise RuntimeError("broken")

        sink = Broken()
        sink.let.set()
        made = tracer(sink)
        add(made, 3)
        made.encode()
        made.close()
        assert (made.lost, sink.ended) == (3, True)
        assert "spans could not be exported" in caplog.text

    def test_a_collector_that_hangs_does_not_hold_up_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "CLOSE_WITHIN", 0.05)
        sink = Held()
        made = tracer(sink)
        add(made, 1)
        made.close()
        assert sink.ended, "it was told to end its retries"
