"""Models are loaded, loaded again and unloaded by tritonclient, as its published example does, while calls run."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from tests.model_server import onnx_files
from tests.model_server.served import Served


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for version in (1, 2):
        onnx_files.simple(tmp_path / "simple" / str(version) / "model.onnx")
    return tmp_path


@pytest.fixture
def client(repository: Path) -> Iterator[triton.InferenceServerClient]:
    with (
        Served(
            "--linger", "0", "--repository", str(repository), "--model-control", "explicit", models={}
        ) as server,
        triton.InferenceServerClient(server.address) as client,
    ):
        yield client


def infer(client: triton.InferenceServerClient, name: str = "simple") -> str:
    """The version that answers, rightly."""
    values = np.arange(16, dtype=np.int32).reshape(1, 16)
    inputs = [triton.InferInput(f"INPUT{n}", values.shape, "INT32") for n in (0, 1)]
    for each in inputs:
        each.set_data_from_numpy(values)
    answer = client.infer(name, inputs)
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), values + values)
    return str(answer.get_response().model_version)


def index(client: triton.InferenceServerClient) -> dict[tuple[str, str], tuple[str, str]]:
    return {
        (each.name, each.version): (each.state, each.reason)
        for each in client.get_model_repository_index().models
    }


def refused(call: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[str, str]:
    with pytest.raises(InferenceServerException) as refusal:
        call(*arguments, **named)
    return refusal.value.status(), refusal.value.message()


def test_the_published_example_of_model_control_works(client: triton.InferenceServerClient) -> None:
    assert client.is_server_ready()
    assert not client.is_model_ready("simple")
    client.load_model("simple")
    assert client.is_model_ready("simple")
    code, said = refused(client.load_model, "wrong_model_name")
    assert said.startswith("failed to load 'wrong_model_name', failed to poll from model repository")
    assert code == "StatusCode.NOT_FOUND"
    client.unload_model("simple")
    assert not client.is_model_ready("simple")


def test_a_new_version_a_broken_one_and_the_index_between(
    client: triton.InferenceServerClient, repository: Path
) -> None:
    assert index(client) == {("simple", ""): ("UNAVAILABLE", "not loaded")}
    client.load_model("simple")
    assert infer(client) == "2"
    assert index(client) == {("simple", "2"): ("READY", "")}
    broken = repository / "simple" / "3" / "model.onnx"
    broken.parent.mkdir()
    broken.write_bytes(b"half")
    code, said = refused(client.load_model, "simple")
    assert code == "StatusCode.FAILED_PRECONDITION"
    assert said.startswith("load failed for model 'simple': ")
    assert infer(client) == "2"
    state, reason = index(client)["simple", "2"]
    assert (state, reason.partition(": ")[0]) == ("READY", "the last load failed")
    onnx_files.simple(broken)
    client.load_model("simple")
    assert infer(client) == "3"
    client.unload_model("simple")
    assert "READY" not in {state for state, _ in index(client).values()}
    code, said = refused(infer, client)
    assert (code, said) == (
        "StatusCode.NOT_FOUND",
        "Request for unknown model: 'simple' has no available versions; it was unloaded",
    )


def test_a_configuration_can_be_given_and_is_answered(client: triton.InferenceServerClient) -> None:
    client.load_model(
        "simple", config='{"max_batch_size": 8, "dynamicBatching": {}, "versionPolicy": {"all": {}}}'
    )
    config = client.get_model_config("simple").config
    assert (config.max_batch_size, config.HasField("dynamic_batching")) == (8, True)
    assert [tuple(each.dims) for each in config.input] == [(16,), (16,)]
    metadata = client.get_model_metadata("simple")
    assert [tuple(each.shape) for each in metadata.inputs] == [(-1, 16), (-1, 16)]
    assert metadata.versions == ["2", "1"]
    code, said = refused(client.load_model, "simple", config='{"sequence_batching": {}}')
    assert code == "StatusCode.INVALID_ARGUMENT"
    assert "sequence_batching is not supported" in said
    code, _ = refused(client.load_model, "simple", config="{}", files={"file:1/model.onnx": b"x"})
    assert code == "StatusCode.UNIMPLEMENTED"


@pytest.mark.parametrize("name", ["../simple", "/etc", "simple/1", "..", " ", "", "a\nb"])
def test_no_name_leaves_the_repository(client: triton.InferenceServerClient, name: str) -> None:
    for change in (client.load_model, client.unload_model):
        code, said = refused(change, name)
        assert code == "StatusCode.INVALID_ARGUMENT"
        assert "model name" in said


def test_no_call_fails_while_its_model_is_loaded_again_and_again(
    client: triton.InferenceServerClient,
) -> None:
    client.load_model("simple")
    answered: list[str] = []
    failed: list[Exception] = []
    stop = threading.Event()

    def call() -> None:
        while not stop.is_set():
            try:
                answered.append(infer(client))
            except Exception as error:
                failed.append(error)
                return

    callers = [threading.Thread(target=call) for _ in range(4)]
    for each in callers:
        each.start()
    try:
        for _ in range(20):
            client.load_model("simple")
    finally:
        stop.set()
        for each in callers:
            each.join()
    assert not failed
    assert len(answered) > 20


def test_without_control_loading_is_refused_in_tritons_words(models: dict[str, Path]) -> None:
    with (
        Served("--linger", "0", models={"simple": models["simple"]}) as server,
        triton.InferenceServerClient(server.address) as client,
    ):
        for change in (client.load_model, client.unload_model):
            code, said = refused(change, "simple")
            assert code == "StatusCode.UNAVAILABLE"
            assert said.startswith("explicit model load / unload is not allowed")
        assert infer(client) == "1"
