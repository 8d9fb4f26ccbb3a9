"""One call is one trace: a server span, its legs beside each other, and the model's spans under the leg."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import grpc.aio
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.e2e.harness import Mesh, program
from tests.e2e.harness.infer import REQUEST, Inference
from tests.e2e.harness.models import simple
from tests.otlp_receiver import OtlpReceiver, ReceivedSpan

INFER = "/inference.GRPCInferenceService/ModelInfer"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture(params=["grpc", "http/protobuf"])
async def traced(
    request: pytest.FixtureRequest, mesh: Mesh, receiver: OtlpReceiver, tmp_path: Path
) -> AsyncIterator[Mesh]:
    """Blue and green model servers and a splitter, exporting by the standard variables."""
    endpoint = receiver.grpc_endpoint if request.param == "grpc" else receiver.http_endpoint
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": request.param}
    for color in ("blue", "green"):
        await mesh.model_server(color, {"simple": simple(tmp_path)}, env=env)
    await mesh.splitter(env=env)
    mirror = [{"color": "green", "percent": 100}]
    await mesh.put({"split": {"blue": 100}, "mirror": mirror, "key": {"metadata": "x-user-id"}})
    yield mesh
    await mesh.stop()  # while there is a receiver to take the last spans


async def infer(address: str, traceparent: str) -> None:
    """One call within the caller's trace."""
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary(INFER, request_serializer=type(REQUEST).SerializeToString)
        await call(REQUEST, metadata=(("traceparent", traceparent), ("x-user-id", "4711")), timeout=10)


async def test_primary_and_shadow_are_siblings_under_the_server_span_and_models_under_their_leg(
    traced: Mesh, receiver: OtlpReceiver
) -> None:
    await infer(traced.splitters[0].address, f"00-{TRACE}-{PARENT}-01")

    def complete(spans: Sequence[ReceivedSpan]) -> bool:
        servers = [span for span in spans if span.span.kind == Span.SPAN_KIND_SERVER]
        return len(servers) >= 3 and {"primary blue", "shadow green"} <= {span.name for span in spans}

    spans = await asyncio.to_thread(receiver.wait_for, complete)
    assert {span.trace_id for span in spans} == {TRACE}
    (server,) = [span for span in spans if span.span.parent_span_id.hex() == PARENT]
    assert server.name == INFER.lstrip("/")
    assert server.attributes["verdigris.reason"] == "key"
    assert 0 <= server.attributes["verdigris.bucket"] < 10_000
    for name, color in (("primary blue", "blue"), ("shadow green", "green")):
        (leg,) = [span for span in spans if span.name == name]
        assert leg.span.parent_span_id == server.span.span_id
        assert leg.span.kind == Span.SPAN_KIND_CLIENT
        assert leg.attributes["server.port"] == traced.backends[color].port
        (model,) = [span for span in spans if span.span.parent_span_id == leg.span.span_id]
        assert model.span.kind == Span.SPAN_KIND_SERVER
        assert model.attributes["verdigris.color"] == color


async def test_an_unsampled_call_makes_no_span_anywhere(traced: Mesh, receiver: OtlpReceiver) -> None:
    later = TRACE[::-1]
    await infer(traced.splitters[0].address, f"00-{TRACE}-{PARENT}-00")
    await infer(traced.splitters[0].address, f"00-{later}-{PARENT}-01")
    spans = await asyncio.to_thread(
        receiver.wait_for, lambda spans: sum(span.trace_id == later for span in spans) >= 5
    )
    assert {span.trace_id for span in spans} == {later}


async def test_without_any_setting_the_trace_is_in_a_file_that_the_command_draws(
    mesh: Mesh, tmp_path: Path
) -> None:
    file = tmp_path / "traces.jsonl"
    await mesh.model_server("blue", {"simple": simple(tmp_path)}, "--trace-file", str(file))
    splitter = await mesh.splitter("--trace-file", str(file))
    async with Inference(splitter.address) as inference:
        await inference.color(user="4711")
    await mesh.stop()
    drawing = await asyncio.create_subprocess_exec(
        *program("verdigris"), "trace", "--file", str(file), stdout=asyncio.subprocess.PIPE
    )
    drawn = (await drawing.communicate())[0].decode()
    assert drawing.returncode == 0
    assert drawn.index("ModelInfer") < drawn.index("primary blue") < drawn.rindex("ModelInfer")
