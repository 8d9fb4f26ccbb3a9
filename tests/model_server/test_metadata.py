"""What the server says of itself and its models, and health and reflection, as public clients ask for them."""

import threading
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from mesh.pb import open_inference_pb2 as pb
from tests.model_server.requests import request, tensor

NAME = "inference.GRPCInferenceService"
SERVING = health_pb2.HealthCheckResponse.SERVING


def test_the_server_is_live_and_ready_and_says_who_it_is(stub: Any) -> None:
    assert stub.ServerLive(pb.ServerLiveRequest()).live
    assert stub.ServerReady(pb.ServerReadyRequest()).ready
    about = stub.ServerMetadata(pb.ServerMetadataRequest())
    assert about.name == "verdigris"
    assert about.version
    assert "model_repository" in about.extensions


@pytest.mark.parametrize(("name", "version"), [("simple", ""), ("simple", "1"), ("versions", "2")])
def test_a_model_is_ready(stub: Any, name: str, version: str) -> None:
    assert stub.ModelReady(pb.ModelReadyRequest(name=name, version=version)).ready


def test_a_models_metadata_is_its_signature(stub: Any) -> None:
    about = stub.ModelMetadata(pb.ModelMetadataRequest(name="simple"))
    assert (about.name, list(about.versions), about.platform) == ("simple", ["1"], "onnxruntime_onnx")
    assert [(each.name, each.datatype, list(each.shape)) for each in about.inputs] == [
        ("INPUT0", "INT32", [-1, 16]),
        ("INPUT1", "INT32", [-1, 16]),
    ]
    assert [each.name for each in about.outputs] == ["OUTPUT0", "OUTPUT1"]


def test_the_metadata_of_a_model_names_all_its_versions_the_newest_first(stub: Any) -> None:
    about = stub.ModelMetadata(pb.ModelMetadataRequest(name="versions", version="2"))
    assert list(about.versions) == ["10", "2"]


@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata"])
@pytest.mark.parametrize(("name", "version"), [("other", ""), ("simple", "2"), ("", "")])
def test_what_is_not_there_is_not_found(stub: Any, method: str, name: str, version: str) -> None:
    kind = getattr(pb, f"{method}Request")
    with pytest.raises(grpc.RpcError, match="Request for unknown model") as refusal:
        getattr(stub, method)(kind(name=name, version=version))
    assert refusal.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_method_that_is_not_there_is_unimplemented(channel: grpc.Channel) -> None:
    call = channel.unary_unary(f"/{NAME}/ModelTrain")
    with pytest.raises(grpc.RpcError) as refusal:
        call(b"")
    assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("service", ["", NAME])
def test_health_is_serving_for_the_server_and_for_its_service(channel: grpc.Channel, service: str) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    assert health.Check(health_pb2.HealthCheckRequest(service=service)).status == SERVING
    watch = health.Watch(health_pb2.HealthCheckRequest(service=service))
    assert next(watch).status == SERVING
    watch.cancel()


def test_the_health_of_an_unknown_service_is_not_found_and_to_a_watcher_unknown(
    channel: grpc.Channel,
) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    asked = health_pb2.HealthCheckRequest(service="other.Service")
    with pytest.raises(grpc.RpcError) as refusal:
        health.Check(asked)
    assert refusal.value.code() is grpc.StatusCode.NOT_FOUND
    watch = health.Watch(asked)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watch.cancel()


def test_reflection_knows_every_service_and_the_messages_of_the_protocol(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(database.get_services()) == {
        NAME,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    for symbol in (
        NAME,
        "grpc.health.v1.HealthCheckRequest",
        "inference.InferTensorContents",
        "inference.ModelConfig",
    ):
        assert database.FindFileContainingSymbol(symbol)


def test_health_is_answered_at_once_while_every_thread_runs_a_model(channel: grpc.Channel, stub: Any) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    slow = request("busy", tensor("N", "INT64", [1], int64_contents=[4000]))
    calls = [stub.ModelInfer.future(slow) for _ in range(4)]
    done = threading.Event()
    calls[0].add_done_callback(lambda _: done.set())
    answered = 0
    while not done.is_set():
        health.Check(health_pb2.HealthCheckRequest(), timeout=30)
        answered += 1
        done.wait(0.01)
    assert answered > 10
    for call in calls:
        call.result(timeout=60)
