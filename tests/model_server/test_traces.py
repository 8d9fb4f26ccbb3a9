"""What a served call leaves in the trace file: its span under the caller's, split into queue and compute."""

import os
from pathlib import Path
from typing import Any

import grpc
import pytest

from mesh.otlp_json import Span
from mesh.pb import open_inference_pb2_grpc as pb_grpc
from mesh.tracefile import read_spans
from tests.model_server.requests import request, tensor
from tests.model_server.served import Served
from tests.model_server.test_infer import both

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
METHOD = "inference.GRPCInferenceService/ModelInfer"


def traced(models: dict[str, Path], file: Path, *calls: tuple[Any, str], **env: str) -> list[Span]:
    """The spans of these calls, each a request and the flags of its `traceparent`."""
    some = {name: models[name] for name in ("simple", "reshape")}
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")} | env
    server = Served("--linger", "0", "--trace-file", str(file), models=some, env=variables, color="green")
    with server, grpc.insecure_channel(server.address) as channel:
        stub: Any = pb_grpc.GRPCInferenceServiceStub(channel)  # type: ignore[no-untyped-call]
        for asked, flags in calls:
            metadata = [("traceparent", f"00-{TRACE}-{PARENT}-{flags}"), ("x-verdigris-role", "shadow")]
            stub.ModelInfer.future(asked, metadata=metadata, timeout=30).code()  # waits for it
    return sorted(read_spans(file), key=lambda span: span.start) if file.exists() else []


def test_a_sampled_call_is_three_spans_delivered_before_the_process_ends(
    models: dict[str, Path], tmp_path: Path
) -> None:
    spans = traced(models, tmp_path / "traces.json", (both(), "01"))
    assert {span.trace_id for span in spans} == {TRACE}
    assert {span.service for span in spans} == {"recommender-green"}
    by_name = {span.name: span for span in spans}
    server, queue, compute = by_name[METHOD], by_name["queue"], by_name["compute"]
    assert server.parent_id == PARENT
    assert queue.parent_id == compute.parent_id == server.span_id
    assert server.start <= queue.start <= queue.end == compute.start <= compute.end <= server.end
    expected = {
        "rpc.method": METHOD,
        "rpc.response.status_code": "OK",
        "verdigris.service": "recommender",
        "verdigris.color": "green",
        "verdigris.role": "shadow",
        "verdigris.model": "simple",
        "verdigris.model_version": "1",
    }
    assert expected.items() <= server.attributes.items()


def test_a_model_that_fails_is_an_error_that_says_why(models: dict[str, Path], tmp_path: Path) -> None:
    asked = request("reshape", tensor("X", "FP32", [4], fp32_contents=[1, 2, 3, 4]))
    (server,) = (
        span for span in traced(models, tmp_path / "traces.json", (asked, "01")) if span.name == METHOD
    )
    assert (server.status, server.attributes["rpc.response.status_code"]) == ("error", "INTERNAL")
    assert "'reshape' failed" in server.message


@pytest.mark.parametrize(
    ("flags", "env"),
    [("00", {}), ("01", {"OTEL_SDK_DISABLED": "true"}), ("01", {"OTEL_TRACES_EXPORTER": "none"})],
)
def test_what_nobody_samples_or_wants_leaves_nothing(
    models: dict[str, Path], tmp_path: Path, flags: str, env: dict[str, str]
) -> None:
    assert traced(models, tmp_path / "traces.json", (both(), flags), **env) == []
