"""What the tests of the served model server share: one process with many models, and a channel to it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from mesh.pb import open_inference_pb2_grpc as pb_grpc
from tests.model_server import onnx_files
from tests.model_server.served import Served

LARGE = 200 * 2**20


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every model of `onnx_files` by name; `identity` of each datatype; `versions` in two versions."""
    folder = tmp_path_factory.mktemp("models")
    found = {
        "simple": onnx_files.simple(folder / "simple.onnx"),
        "simple_string": onnx_files.simple_string(folder / "simple_string.onnx"),
        "lookup": onnx_files.lookup(folder / "lookup.onnx"),
        "reshape": onnx_files.reshape(folder / "reshape.onnx"),
        "half": onnx_files.half(folder / "half.onnx"),
        "busy": onnx_files.busy(folder / "busy.onnx"),
        "scalar": onnx_files.identity(folder / "scalar.onnx", "FP32", []),
        "any_rank": onnx_files.identity(folder / "any_rank.onnx", "FP32", None),
        "fixed": onnx_files.identity(folder / "fixed.onnx", "FP32", [2, 3]),
    }
    for datatype in onnx_files.DATATYPES:
        found[f"identity_{datatype}"] = onnx_files.identity(folder / f"{datatype}.onnx", datatype)
    for version in (2, 10):
        onnx_files.identity(folder / "versions" / str(version) / "model.onnx", "FP32")
    return {**found, "versions": folder / "versions"}


@pytest.fixture(scope="session")
def server(models: dict[str, Path]) -> Iterator[Served]:
    with Served("--linger", "0", models=models) as server:
        yield server


@pytest.fixture(scope="session")
def channel(server: Served) -> Iterator[grpc.Channel]:
    options = [("grpc.max_receive_message_length", LARGE), ("grpc.max_send_message_length", LARGE)]
    with grpc.insecure_channel(server.address, options) as channel:
        yield channel


@pytest.fixture(scope="session")
def stub(channel: grpc.Channel) -> Any:
    return pb_grpc.GRPCInferenceServiceStub(channel)  # type: ignore[no-untyped-call]
