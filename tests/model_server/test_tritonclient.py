"""NVIDIA's own client works against this server as its published examples use it."""

import queue
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from tests.model_server.served import Served

NUMBERS, ONES = np.arange(16, dtype=np.int32).reshape(1, 16), np.ones((1, 16), np.int32)
BOTH = ["OUTPUT0", "OUTPUT1"]


@pytest.fixture
def client(server: Served) -> Iterator[Any]:
    with triton.InferenceServerClient(server.address) as client:
        yield client


@pytest.fixture
async def aio(server: Served) -> AsyncIterator[Any]:
    async with triton_aio.InferenceServerClient(server.address) as client:
        yield client


def inputs(first: Any, second: Any, datatype: str = "INT32") -> list[Any]:
    given = [triton.InferInput(name, [1, 16], datatype) for name in ("INPUT0", "INPUT1")]
    for each, array in zip(given, (first, second), strict=True):
        each.set_data_from_numpy(array)
    return given


def outputs(*names: str) -> list[Any]:
    return [triton.InferRequestedOutput(name) for name in names]


def assert_sum_and_difference(result: Any) -> None:
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), NUMBERS + ONES)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), NUMBERS - ONES)


def text(array: Any) -> Any:
    return np.array([str(each).encode() for each in array.ravel()], dtype=object).reshape(array.shape)


def test_infer(client: Any) -> None:
    result = client.infer(
        "simple", inputs(NUMBERS, ONES), outputs=outputs(*BOTH), request_id="7", client_timeout=10
    )
    assert_sum_and_difference(result)
    assert result.get_response().id == "7"


def test_infer_without_naming_outputs(client: Any) -> None:
    assert_sum_and_difference(client.infer("simple", inputs(NUMBERS, ONES)))


def test_async_infer(client: Any) -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    for _ in range(8):
        client.async_infer(
            "simple", inputs(NUMBERS, ONES), lambda result, error: answers.put((result, error))
        )
    for _ in range(8):
        result, error = answers.get(timeout=30)
        assert error is None
        assert_sum_and_difference(result)


async def test_infer_with_asyncio(aio: Any) -> None:
    assert_sum_and_difference(await aio.infer("simple", inputs(NUMBERS, ONES), outputs=outputs(*BOTH)))


def test_infer_strings(client: Any) -> None:
    result = client.infer("simple_string", inputs(text(NUMBERS), text(ONES), "BYTES"))
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), text(NUMBERS + ONES))
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), text(NUMBERS - ONES))


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_infer_compressed(client: Any, compression: str) -> None:
    assert_sum_and_difference(
        client.infer("simple", inputs(NUMBERS, ONES), compression_algorithm=compression)
    )


@pytest.mark.parametrize(
    ("model", "datatype", "field", "of"),
    [
        ("simple", "INT32", "int_contents", int),
        ("simple_string", "BYTES", "bytes_contents", lambda n: b"%d" % n),
    ],
)
def test_explicit_contents(server: Served, model: str, datatype: str, field: str, of: Any) -> None:
    """grpc_explicit_int_content_client.py and grpc_explicit_byte_content_client.py, on Triton's own messages."""
    request = service_pb2.ModelInferRequest(model_name=model)
    for name, array in (("INPUT0", NUMBERS), ("INPUT1", ONES)):
        each = request.inputs.add(name=name, datatype=datatype, shape=[1, 16])
        getattr(each.contents, field).extend(of(int(number)) for number in array.ravel())
    with grpc.insecure_channel(server.address) as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=service_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=service_pb2.ModelInferResponse.FromString,
        )
        answer = infer(request)
    for output, array in zip(answer.outputs, (NUMBERS + ONES, NUMBERS - ONES), strict=True):
        assert list(getattr(output.contents, field)) == [of(int(number)) for number in array.ravel()]


def test_health_and_metadata(client: Any) -> None:
    """simple_grpc_health_metadata.py, to its last line: the wording for an unknown model is looked at."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("simple")
    assert client.get_server_metadata().name == "verdigris"
    about = client.get_model_metadata("simple", as_json=True)
    assert [each["name"] for each in about["inputs"]] == ["INPUT0", "INPUT1"]
    with pytest.raises(InferenceServerException) as refusal:
        client.get_model_metadata("wrong_model_name")
    assert refusal.value.message().startswith("Request for unknown model")


@pytest.mark.parametrize("datatype", [np.float16, np.float64, np.uint8, np.bool_])
def test_numpy_arrays_come_back_equal(client: Any, datatype: Any) -> None:
    array = np.array([[0, 1, 1], [1, 0, 1]], datatype)
    kind = triton_kind(array)
    given = triton.InferInput("X", list(array.shape), kind)
    given.set_data_from_numpy(array)
    back = client.infer(f"identity_{kind}", [given]).as_numpy("Y")
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def triton_kind(array: Any) -> str:

    return str(np_to_triton_dtype(array.dtype))


def test_a_refusal_reaches_the_client_as_its_own_exception(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="'INPUT1' of model 'simple' is missing") as refusal:
        client.infer("simple", inputs(NUMBERS, ONES)[:1])
    assert refusal.value.status() == "StatusCode.INVALID_ARGUMENT"


@pytest.mark.parametrize("final", [False, True])
def test_stream_infer(client: Any, final: bool) -> None:
    """simple_grpc_sequence_stream_infer_client.py as far as it is about the stream: sequence parameters included,
    which mean something to stateful models only."""
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for number in range(100):
        client.async_stream_infer(
            "simple",
            inputs(NUMBERS + number, ONES),
            request_id=str(number),
            sequence_id=1007,
            sequence_start=number == 0,
            sequence_end=number == 99,
            enable_empty_final_response=final,
        )
    for number in range(100):
        result, error = answers.get(timeout=30)
        assert error is None
        response = result.get_response()
        assert response.id == str(number)
        assert ("triton_final_response" in response.parameters) is final
        np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), NUMBERS + number + ONES)
    client.stop_stream()


def test_a_stream_tells_of_a_bad_request_and_goes_on(client: Any) -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    client.async_stream_infer("wrong_model_name", inputs(NUMBERS, ONES))
    client.async_stream_infer("simple", inputs(NUMBERS, ONES))
    result, error = answers.get(timeout=30)
    assert result is None
    assert error.message().startswith("Request for unknown model")
    result, error = answers.get(timeout=30)
    assert error is None
    assert_sum_and_difference(result)
    client.stop_stream()


async def test_stream_infer_with_asyncio(aio: Any) -> None:
    async def requests() -> AsyncIterator[dict[str, Any]]:
        for number in range(3):
            yield {"model_name": "simple", "inputs": inputs(NUMBERS, ONES), "request_id": str(number)}

    seen = []
    async for result, error in aio.stream_infer(requests()):
        assert error is None
        assert_sum_and_difference(result)
        seen.append(result.get_response().id)
    assert seen == ["0", "1", "2"]


def test_statistics_count_what_was_inferred(client: Any) -> None:
    def counted() -> Any:
        (one,) = client.get_inference_statistics("simple", as_json=True)["model_stats"]
        return one

    client.infer("simple", inputs(NUMBERS, ONES))
    before = counted()
    client.infer("simple", inputs(NUMBERS, ONES))
    after = counted()
    assert int(after["inference_count"]) == int(before["inference_count"]) + 1
    assert int(after["execution_count"]) == int(before["execution_count"]) + 1
    assert int(after["inference_stats"]["success"]["ns"]) > int(before["inference_stats"]["success"]["ns"])
    assert {each["name"] for each in client.get_inference_statistics(as_json=True)["model_stats"]} >= {
        "simple"
    }


def test_the_configuration_of_a_model(client: Any) -> None:
    config = client.get_model_config("simple", as_json=True)["config"]
    assert config["name"] == "simple"


def test_shared_memory_trace_and_log_settings_are_refused_with_the_reason(client: Any) -> None:
    for call in (
        client.get_system_shared_memory_status,
        client.get_cuda_shared_memory_status,
        client.get_trace_settings,
        client.get_log_settings,
    ):
        with pytest.raises(InferenceServerException) as refusal:
            call()
        assert refusal.value.status() == "StatusCode.UNIMPLEMENTED"
        assert "supported" in refusal.value.message() or "cannot be changed" in refusal.value.message()
