"""Triton's own Python client against the real model server: every answer is the same on every way."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio

from tests.e2e.harness import Mesh, Route, Site
from tests.e2e.harness.models import identity, simple

LARGE: Final = 4 << 20
"""Elements of FP32: 16 MiB, four times what gRPC takes unless told otherwise."""


@pytest.fixture(scope="module")
def site(module_mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("models")
    models = {
        "simple": simple(folder),
        "text": identity(folder, "text", "STRING"),
        "numbers": identity(folder, "numbers", "FLOAT"),
    }
    return Site(module_mesh, lambda color: module_mesh.model_server(color, models))


@pytest.fixture
def client(route: Route) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(route.address) as client:
        yield client


@pytest.fixture
async def aio_client(route: Route) -> AsyncIterator[triton_aio.InferenceServerClient]:
    async with triton_aio.InferenceServerClient(route.address) as client:
        yield client


def tensor(name: str, values: np.ndarray, datatype: str) -> triton.InferInput:
    made = triton.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values)
    return made


def rows() -> tuple[np.ndarray, np.ndarray, list[triton.InferInput]]:
    """Two rows and the inputs that carry them."""
    left, right = np.arange(16, dtype=np.int32)[None], np.full((1, 16), 3, dtype=np.int32)
    return left, right, [tensor("INPUT0", left, "INT32"), tensor("INPUT1", right, "INT32")]


def check_sum(result: triton.InferResult) -> None:
    left, right, _ = rows()
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), left + right)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), left - right)


def test_health_and_metadata(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("simple")
    with pytest.raises(triton.InferenceServerException, match="NOT_FOUND"):
        client.is_model_ready("nothing")
    metadata = client.get_model_metadata("simple", as_json=True)
    assert [(each["name"], each["datatype"], each["shape"]) for each in metadata["inputs"]] == [
        ("INPUT0", "INT32", ["-1", "16"]),
        ("INPUT1", "INT32", ["-1", "16"]),
    ]


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_inference(client: triton.InferenceServerClient, compression: str | None) -> None:
    """With an id, which comes back, and as little or as much compressed as the caller likes."""
    _, _, inputs = rows()
    result = client.infer("simple", inputs, request_id="17", compression_algorithm=compression)
    check_sum(result)
    assert result.get_response().id == "17"


def test_only_the_outputs_that_were_asked_for(client: triton.InferenceServerClient) -> None:
    left, right, inputs = rows()
    result = client.infer("simple", inputs, outputs=[triton.InferRequestedOutput("OUTPUT1")])
    assert result.as_numpy("OUTPUT0") is None
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), left - right)


def test_text_keeps_every_byte(client: triton.InferenceServerClient) -> None:
    values = np.array(["", "€", "a\0b", "x" * 10_000], dtype=np.object_)
    result = client.infer("text", [tensor("INPUT0", values, "BYTES")])
    assert [value.decode() for value in result.as_numpy("OUTPUT0")] == list(values)


def test_16_mib_each_way(client: triton.InferenceServerClient) -> None:
    values = np.random.default_rng(7).random(LARGE, dtype=np.float32)
    result = client.infer("numbers", [tensor("INPUT0", values, "FP32")])
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), values)


@pytest.mark.parametrize(
    ("model", "shape", "status", "words"),
    [
        ("nothing", (1, 16), "StatusCode.NOT_FOUND", ["nothing"]),
        ("simple", (1, 15), "StatusCode.INVALID_ARGUMENT", ["INPUT0", "16", "15"]),
    ],
)
def test_an_error_is_told_as_the_server_tells_it(
    client: triton.InferenceServerClient, model: str, shape: tuple[int, int], status: str, words: list[str]
) -> None:
    values = np.zeros(shape, dtype=np.int32)
    with pytest.raises(triton.InferenceServerException) as error:
        client.infer(model, [tensor("INPUT0", values, "INT32"), tensor("INPUT1", values, "INT32")])
    assert error.value.status() == status
    assert all(word in error.value.message() for word in words), error.value.message()


async def test_100_inferences_at_once(aio_client: triton_aio.InferenceServerClient) -> None:
    _, _, inputs = rows()
    headers = {"x-user-id": "17"}
    for result in await asyncio.gather(
        *(aio_client.infer("simple", inputs, headers=headers, client_timeout=20) for _ in range(100))
    ):
        check_sum(result)
