"""What the splitter's spans tell of a call, at a real collector: every path of a call is a trace."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mesh import contract
from mesh.telemetry import resource_for, sampler_from_env, span_sink
from splitter.spans import SpanEncoder
from splitter.tracing import NoTracer, Tracer
from tests.otlp_receiver import OtlpReceiver, ReceivedSpan
from tests.splitter.rig import SAFE, UNSAFE, Pair, pair
from tests.splitter.wire import Exchange

TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
SAMPLED, UNSAMPLED = (b"00-" + TRACE + b"-" + SPAN + flags for flags in (b"-01", b"-00"))
METHOD = SAFE.decode().lstrip("/")


@pytest.fixture(scope="module")
def running() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture
def receiver(running: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> OtlpReceiver:
    running.clear()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.grpc_endpoint)
    return running


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


def tracer() -> Tracer:
    """By the variables of the moment, as the app makes it."""
    sink = span_sink(None)
    assert sink is not None
    encoder = SpanEncoder(
        service="recommender", resource=resource_for("splitter", {"service.instance.id": "h-1"})
    )
    return Tracer(encoder=encoder, sink=sink, sampler=sampler_from_env())


class Traced:
    """A pair whose spans are at the collector once it is left."""

    def __init__(self, at: Pair, receiver: OtlpReceiver) -> None:
        self.at = at
        self._receiver = receiver

    @property
    def spans(self) -> dict[str, ReceivedSpan]:
        """By name, of which none may be there twice."""
        found = {span.name: span for span in self._receiver.spans}
        assert len(found) == len(self._receiver.spans), found
        return found


@asynccontextmanager
async def tracing(receiver: OtlpReceiver, document: dict[str, Any] | None = None) -> AsyncIterator[Traced]:
    made = tracer()
    encoding = asyncio.create_task(made.run())
    try:
        async with pair(document, tracer=made) as at:
            yield Traced(at, receiver)
    finally:
        encoding.cancel()
        await asyncio.to_thread(made.close)


def told(request: Exchange) -> tuple[str, str, str]:
    """Trace id, parent id and flags that an endpoint is told."""
    version, trace, parent, flags = request.fields[b"traceparent"].decode().split("-")
    assert version == "00"
    return trace, parent, flags


class TestTheTraceOfACall:
    async def test_is_a_server_span_under_the_client_s_and_a_leg_under_that(
        self, receiver: OtlpReceiver
    ) -> None:
        began = time.time_ns()
        async with tracing(receiver) as traced:
            call = traced.at.client.call(SAFE, (b"traceparent", SAMPLED), (b"tracestate", b"a=1"))
            request = await traced.at.blue.request()
            assert request.fields[b"tracestate"] == b"a=1"
            request.answer(status=5)
            await call.end()
        assert set(traced.spans) == {METHOD, "primary blue"}
        server, leg = traced.spans[METHOD], traced.spans["primary blue"]
        assert (server.trace_id, server.parent_id) == (TRACE.decode(), SPAN.decode())
        assert (leg.trace_id, leg.parent_id) == (TRACE.decode(), server.span_id)
        assert told(request) == (TRACE.decode(), leg.span_id, "01")
        assert (server.span.kind, leg.span.kind) == (server.span.SPAN_KIND_SERVER, leg.span.SPAN_KIND_CLIENT)
        assert server.attributes == {
            contract.ATTR_RPC_SYSTEM: "grpc",
            contract.ATTR_RPC_METHOD: METHOD,
            contract.ATTR_RPC_STATUS: "NOT_FOUND",
            contract.ATTR_SERVICE: "recommender",
            contract.ATTR_COLOR: "blue",
            contract.ATTR_REVISION: 1,
            contract.ATTR_REASON: "split",
        }
        assert leg.attributes == server.attributes | {
            contract.ATTR_ROLE: "primary",
            contract.ATTR_SERVER_ADDRESS: "127.0.0.1",
            contract.ATTR_SERVER_PORT: traced.at.blue.port,
            "error.type": "NOT_FOUND",
        }
        assert (server.service, server.resource["service.instance.id"]) == ("splitter", "h-1")
        times = [
            began,
            server.span.start_time_unix_nano,
            leg.span.start_time_unix_nano,
            leg.span.end_time_unix_nano,
            server.span.end_time_unix_nano,
            time.time_ns(),
        ]
        assert times == sorted(times)

    async def test_without_a_parent_begins_with_the_call(self, receiver: OtlpReceiver) -> None:
        async with tracing(receiver) as traced:
            call = traced.at.client.call()
            request = await traced.at.blue.request()
            request.answer()
            await call.end()
        server, leg = traced.spans[METHOD], traced.spans["primary blue"]
        assert server.parent_id is None
        assert told(request) == (server.trace_id, leg.span_id, "01")
        assert len(set(server.trace_id)) > 4, "a random id"

    @pytest.mark.parametrize("parent", [(), ((b"traceparent", b"garbage"),)], ids=["none", "invalid"])
    async def test_that_begins_here_has_no_state_of_another(
        self, receiver: OtlpReceiver, parent: tuple[tuple[bytes, bytes], ...]
    ) -> None:
        """W3C Trace Context, 3.3 and 4.3: without a valid `traceparent`, `tracestate` belongs to nothing."""
        document = {"split": {"blue": 100, "green": 0}, "mirror": [{"color": "green", "percent": 100}]}
        state = ((b"tracestate", b"a=1"), (b"tracestate", b"b=2"))
        async with tracing(receiver, document) as traced:
            for _ in range(2):  # the second is read by what is remembered of the first
                call = traced.at.client.call(SAFE, *parent, *state, (b"x-last", b"1"))
                request, shadow = await traced.at.blue.request(), await traced.at.green.request()
                for each in (request, shadow):
                    assert b"tracestate" not in each.fields
                    assert each.fields[b"x-last"] == b"1"
                    assert told(each)[2] == "01"
                    each.answer()
                await call.end()
                traced.at.rig.observer.tracer.waiting.clear()

    @pytest.mark.parametrize("value", [b"garbage", b"", b"00-" + b"0" * 32 + b"-" + SPAN + b"-01"])
    async def test_with_an_invalid_parent_begins_anew_and_the_endpoint_is_told_once(
        self, receiver: OtlpReceiver, value: bytes
    ) -> None:
        async with tracing(receiver) as traced:
            call = traced.at.client.call(SAFE, (b"traceparent", value))
            request = await traced.at.blue.request()
            request.answer()
            await call.end()
        assert traced.spans[METHOD].parent_id is None
        assert told(request)[0] == traced.spans[METHOD].trace_id  # `fields` refuses two of a name

    async def test_says_the_user_s_bucket(self, receiver: OtlpReceiver) -> None:
        key = {"split": {"blue": 100, "green": 0}, "key": {"metadata": "x-user-id", "salt": "green-v3"}}
        async with tracing(receiver, key) as traced:
            call = traced.at.client.call(SAFE, (b"x-user-id", b"user-1"))
            (await traced.at.blue.request()).answer()
            await call.end()
        for span in traced.spans.values():
            assert (span.attributes[contract.ATTR_BUCKET], span.attributes[contract.ATTR_REASON]) == (
                4_059,
                "key",
            )

    async def test_has_the_shadow_beside_the_primary(self, receiver: OtlpReceiver) -> None:
        document = {"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 100}]}
        async with tracing(receiver, document) as traced:
            call = traced.at.client.call(SAFE, (b"traceparent", SAMPLED))
            (await traced.at.blue.request()).answer()
            copy = await traced.at.green.request()
            await call.end()
            copy.answer(status=13)
            await traced.at.rig.news.until(lambda: traced.at.rig.switch.mirrors.outcomes)
        assert set(traced.spans) == {METHOD, "primary blue", "shadow green"}
        server, shadow = traced.spans[METHOD], traced.spans["shadow green"]
        assert (shadow.trace_id, shadow.parent_id) == (server.trace_id, server.span_id)
        assert told(copy) == (server.trace_id, shadow.span_id, "01")
        assert shadow.attributes == {
            contract.ATTR_RPC_SYSTEM: "grpc",
            contract.ATTR_RPC_METHOD: METHOD,
            contract.ATTR_RPC_STATUS: "INTERNAL",
            contract.ATTR_SERVICE: "recommender",
            contract.ATTR_COLOR: "green",
            contract.ATTR_ROLE: "shadow",
            contract.ATTR_REVISION: 1,
            contract.ATTR_OUTCOME: "completed",
            contract.ATTR_SERVER_ADDRESS: "127.0.0.1",
            contract.ATTR_SERVER_PORT: traced.at.green.port,
            "error.type": "INTERNAL",
        }
        assert shadow.span.end_time_unix_nano > server.span.end_time_unix_nano

    async def test_has_noise_beside_the_primary_under_its_own_name(self, receiver: OtlpReceiver) -> None:
        document = {"split": {"blue": 100}, "mirror": [{"color": "blue", "percent": 100, "as": "noise"}]}
        async with tracing(receiver, document) as traced:
            call = traced.at.client.call(SAFE, (b"traceparent", SAMPLED))
            for _ in range(2):
                (await traced.at.blue.request()).answer()
            await call.end()
            await traced.at.rig.news.until(lambda: traced.at.rig.switch.mirrors.outcomes)
        assert set(traced.spans) == {METHOD, "primary blue", "noise blue"}
        noise = traced.spans["noise blue"]
        assert noise.parent_id == traced.spans[METHOD].span_id
        assert noise.attributes[contract.ATTR_ROLE] == "noise"

    async def test_shows_the_leg_that_failed_and_the_fallback(self, receiver: OtlpReceiver) -> None:
        async with tracing(receiver, {"split": {"blue": 0, "green": 100}}) as traced:
            call = traced.at.client.call()
            failed = await traced.at.green.request()
            failed.refuse(14)
            request = await traced.at.blue.request()
            request.answer()
            await call.end()
        assert set(traced.spans) == {METHOD, "primary green", "fallback blue"}
        server, green, blue = (traced.spans[name] for name in (METHOD, "primary green", "fallback blue"))
        assert {green.parent_id, blue.parent_id} == {server.span_id}
        assert (told(failed)[1], told(request)[1]) == (green.span_id, blue.span_id)
        assert (green.attributes[contract.ATTR_RPC_STATUS], green.attributes[contract.ATTR_REASON]) == (
            "UNAVAILABLE",
            "split",
        )
        assert (server.attributes[contract.ATTR_RPC_STATUS], server.attributes[contract.ATTR_REASON]) == (
            "OK",
            "fallback",
        )
        assert blue.attributes[contract.ATTR_ROLE] == "fallback"
        assert green.span.end_time_unix_nano <= blue.span.start_time_unix_nano

    async def test_shows_a_leg_that_found_no_connection(self, receiver: OtlpReceiver) -> None:
        async with tracing(receiver) as traced:
            red = await traced.at.rig.endpoint("red", acknowledges=False)
            traced.at.rig.put({"split": {"blue": 0, "red": 100}})
            await red.connection()
            call = traced.at.client.call()
            await traced.at.client.sync()
            red.die()
            (await traced.at.blue.request()).answer()
            await call.end()
        red_leg = traced.spans["primary red"]
        assert red_leg.attributes[contract.ATTR_RPC_STATUS] == "UNAVAILABLE"
        assert traced.spans["fallback blue"].parent_id == red_leg.parent_id

    async def test_of_a_call_that_nobody_could_take_says_so(self, receiver: OtlpReceiver) -> None:
        async with tracing(receiver, {"split": {"red": 100}, "fallback": False}) as traced:
            await traced.at.client.call(SAFE, (b"traceparent", SAMPLED)).end()
        (server,) = traced.spans.values()
        assert (server.name, server.parent_id) == (METHOD, SPAN.decode())
        assert server.attributes[contract.ATTR_RPC_STATUS] == "UNAVAILABLE"
        assert contract.ATTR_COLOR not in server.attributes

    async def test_of_a_cancelled_call_says_so(self, receiver: OtlpReceiver) -> None:
        async with tracing(receiver) as traced:
            call = traced.at.client.call(UNSAFE)
            request = await traced.at.blue.request()
            call.cancel()
            await request.until(lambda each: each.reset is not None)
        assert {span.attributes[contract.ATTR_RPC_STATUS] for span in traced.spans.values()} == {"CANCELLED"}


class TestWhatIsNotSampled:
    async def test_passes_as_it_is_and_leaves_no_span_nor_does_its_shadow(
        self, receiver: OtlpReceiver
    ) -> None:
        document = {"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 100}]}
        async with tracing(receiver, document) as traced:
            call = traced.at.client.call(SAFE, (b"traceparent", UNSAMPLED))
            copy, request = await traced.at.green.request(), await traced.at.blue.request()
            for each in (copy, request):
                assert each.fields[b"traceparent"] == UNSAMPLED
                each.answer()
            await call.end()
        assert traced.spans == {}

    async def test_by_ratio_is_told_to_the_endpoint(
        self, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or it would decide again, and its trace would have no root."""
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
        async with tracing(receiver) as traced:
            call = traced.at.client.call()
            request = await traced.at.blue.request()
            request.answer()
            await call.end()
        assert told(request)[2] == "00"
        assert traced.spans == {}

    async def test_where_nothing_is_sampled_ever_is_not_touched(
        self, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        async with tracing(receiver) as traced:
            call = traced.at.client.call()
            request = await traced.at.blue.request()
            assert b"traceparent" not in request.fields
            request.answer()
            await call.end()
        assert traced.spans == {}


async def test_what_has_ended_is_sent_before_long(receiver: OtlpReceiver) -> None:
    async with tracing(receiver) as traced:
        call = traced.at.client.call()
        (await traced.at.blue.request()).answer()
        await call.end()
        await asyncio.to_thread(receiver.wait_for, lambda spans: len(spans) == 2)


async def test_where_nobody_wants_spans_nothing_is_touched() -> None:
    async with pair(tracer=NoTracer()) as at:
        call = at.client.call(SAFE, (b"traceparent", SAMPLED))
        request = await at.blue.request()
        assert request.fields[b"traceparent"] == SAMPLED
        request.answer()
        await call.end()
