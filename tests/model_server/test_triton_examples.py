"""What NVIDIA's published examples (client/src/python/examples) do, step by step, against this server.

Left out: sequences and repeated answers (models with a state, models with many answers), shared memory (its calls are
UNIMPLEMENTED, which is what its examples are told), images. Where an example insists on Triton's own name or
wording, the test says what this server answers instead.
"""

import queue
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException, deserialize_bytes_tensor, triton_to_np_dtype

from tests.model_server import example_models
from tests.model_server.served import Served

NUMBERS, ONES = np.arange(16, dtype=np.int32).reshape(1, 16), np.ones((1, 16), np.int32)
PATIENCE = 30.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    repository = example_models.write(tmp_path_factory.mktemp("examples"))
    control = ("--model-control", "explicit", "--load-model", "*")
    with Served("--linger", "0", "--repository", str(repository), *control, models={}) as server:
        yield server.address


@pytest.fixture
def client(address: str) -> Iterator[Any]:
    with triton.InferenceServerClient(address) as client:
        yield client


@pytest.fixture
async def aio(address: str) -> AsyncIterator[Any]:
    async with triton_aio.InferenceServerClient(address) as client:
        yield client


@pytest.fixture
def stub(address: str) -> Iterator[Any]:
    """Triton's own generated code."""
    with grpc.insecure_channel(address) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def given(first: Any = NUMBERS, second: Any = ONES, datatype: str = "INT32") -> list[Any]:
    inputs = [triton.InferInput(name, list(first.shape), datatype) for name in ("INPUT0", "INPUT1")]
    for each, array in zip(inputs, (first, second), strict=True):
        each.set_data_from_numpy(array)
    return inputs


def assert_sum_and_difference(result: Any, first: Any = NUMBERS, second: Any = ONES) -> None:
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), first + second)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), first - second)


def refused(call: Callable[[], Any], status: str, *words: str) -> None:
    with pytest.raises(InferenceServerException) as refusal:
        call()
    assert refusal.value.status() == f"StatusCode.{status}"
    for word in words:
        assert word in refusal.value.message()


def test_model_control(client: Any) -> None:
    """simple_grpc_model_control.py. It loads over what is loaded, changes the configuration, and unloads."""
    assert len(client.get_model_repository_index().models) == example_models.EIGHT
    client.load_model("simple")
    assert client.is_model_ready("simple")
    nonsense = '"parameters": {"config": {{"max_batch_size": "16"}}}'
    refused(
        lambda: client.load_model("simple", config=nonsense), "INVALID_ARGUMENT", "failed to load 'simple'"
    )
    assert client.get_model_config("simple").config.max_batch_size == 8
    client.load_model("simple", config='{"max_batch_size":"16"}')
    assert client.get_model_config("simple").config.max_batch_size == 16
    client.unload_model("simple")
    assert not client.is_model_ready("simple")
    # Files in a request are not supported; Triton fails for another reason
    long = "file:" + "A" * 256
    refused(
        lambda: client.load_model("simple", config="{}", files={long: b"a"}), "UNIMPLEMENTED", "'file:AAA"
    )
    assert client.is_server_live()
    refused(
        lambda: client.load_model("wrong_model_name"), "NOT_FOUND", "failed to load", "'wrong_model_name'"
    )
    client.load_model("simple")
    assert_sum_and_difference(client.infer("simple", given()))
    assert client.get_model_config("simple").config.max_batch_size == 8


def test_what_is_unloaded_stays_in_the_index_with_its_reason_and_answers_no_calls(client: Any) -> None:
    client.unload_model("other0")
    states = {each.name: each for each in client.get_model_repository_index().models}
    assert (states["other0"].state, states["other1"].state) == ("UNAVAILABLE", "READY")
    assert "unloaded" in states["other0"].reason
    refused(lambda: client.get_model_metadata("other0"), "NOT_FOUND", "Request for unknown model: 'other0'")
    client.load_model("other0")
    assert client.is_model_ready("other0")


def test_health_metadata(client: Any) -> None:
    """simple_grpc_health_metadata.py, but for the server's name, which is not triton."""
    headers = {"test": "1", "dummy": "2"}
    assert client.is_server_live(headers=headers)
    assert client.is_server_ready()
    assert client.is_model_ready("simple")
    about = client.get_server_metadata()
    assert about.name == "verdigris"
    assert {"model_repository", "model_configuration", "statistics"} <= set(about.extensions)
    assert client.get_model_metadata("simple", headers=headers).name == "simple"
    refused(
        lambda: client.get_model_metadata("wrong_model_name"),
        "NOT_FOUND",
        "Request for unknown model",
        "'wrong_model_name'",
    )
    config = client.get_model_config("simple").config
    assert config.name == "simple"
    assert [(each.name, list(each.dims)) for each in config.input] == [("INPUT0", [16]), ("INPUT1", [16])]


def test_infer(client: Any) -> None:
    """simple_grpc_infer_client.py: with outputs, without, compressed, with metadata; and what was counted."""
    outputs = [triton.InferRequestedOutput(name) for name in ("OUTPUT0", "OUTPUT1")]
    before = client.get_inference_statistics("simple").model_stats[0].inference_stats.success.count
    assert_sum_and_difference(client.infer("simple", given(), outputs=outputs, headers={"test": "1"}))
    assert_sum_and_difference(client.infer("simple", given()))
    assert_sum_and_difference(client.infer("simple", given(), compression_algorithm="gzip"))
    (counted,) = client.get_inference_statistics(model_name="simple").model_stats
    assert counted.inference_stats.success.count == before + 3


def test_statistics_tell_rows_from_runs(client: Any) -> None:
    """Of a model that batches, a request of five rows is one run and five inferences; of another, one and one."""
    five = np.ones((5, 16), np.int8)
    for model, datatype, rows in (("simple", "INT32", 5), ("simple_int8", "INT8", 1)):
        (before,) = client.get_inference_statistics(model).model_stats
        array = five.astype(np.dtype(datatype.lower()))
        assert_sum_and_difference(client.infer(model, given(array, array, datatype)), array, array)
        (after,) = client.get_inference_statistics(model).model_stats
        assert after.inference_count - before.inference_count == rows
        assert after.execution_count - before.execution_count == 1
        assert after.inference_stats.compute_infer.ns > before.inference_stats.compute_infer.ns
        assert after.last_inference >= before.last_inference > -1
        assert rows in {each.batch_size for each in after.batch_stats}


def test_a_refused_inference_is_counted_as_failed(client: Any) -> None:
    """What the model itself fails at: text that is no number."""
    (before,) = client.get_inference_statistics("simple_string").model_stats
    text = np.array([b"no number"] * 16, object).reshape(1, 16)
    refused(lambda: client.infer("simple_string", given(text, text, "BYTES")), "INTERNAL", "'simple_string'")
    (after,) = client.get_inference_statistics("simple_string").model_stats
    assert after.inference_stats.fail.count == before.inference_stats.fail.count + 1
    assert after.inference_stats.success.count == before.inference_stats.success.count


def test_statistics_are_those_of_every_model_if_none_is_named(client: Any) -> None:
    names = {each.name for each in client.get_inference_statistics().model_stats}
    assert names >= {"simple", "simple_int8", "simple_string", "simple_identity"}
    refused(lambda: client.get_inference_statistics("wrong_model_name"), "NOT_FOUND", "'wrong_model_name'")


def test_custom_channel_arguments_and_keepalive(address: str) -> None:
    """simple_grpc_custom_args_client.py and simple_grpc_keepalive_client.py."""
    arguments = [
        ("grpc.max_send_message_length", 2**20),
        ("grpc.max_receive_message_length", 2**20),
        ("grpc.keepalive_time_ms", 2**31 - 1),
        ("grpc.http2.max_pings_without_data", 2),
        ("grpc.dns_enable_srv_queries", 1),
    ]
    keepalive = triton.KeepAliveOptions(keepalive_time_ms=10_000, keepalive_permit_without_calls=True)
    for options in ({"channel_args": arguments}, {"keepalive_options": keepalive}):
        with triton.InferenceServerClient(address, **options) as client:
            assert_sum_and_difference(client.infer("simple", given()))


def test_async_infer(client: Any) -> None:
    """simple_grpc_async_infer_client.py."""
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    for _ in range(2):
        client.async_infer("simple", given(), callback=lambda result, error: answers.put((result, error)))
    for _ in range(2):
        result, error = answers.get(timeout=PATIENCE)
        assert error is None
        assert_sum_and_difference(result)


def test_a_call_that_is_taken_back_says_so(client: Any) -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    call = client.async_infer("simple", given(), lambda result, error: answers.put((result, error)))
    call.cancel()
    result, error = answers.get(timeout=PATIENCE)
    assert (result is None) == (error is not None)  # or it was answered first
    assert_sum_and_difference(client.infer("simple", given()))


async def test_aio_infer(aio: Any) -> None:
    """simple_grpc_aio_infer_client.py."""
    assert_sum_and_difference(await aio.infer("simple", given()))
    assert await aio.is_model_ready("simple")
    assert len((await aio.get_model_repository_index()).models) == example_models.EIGHT


def test_strings(client: Any) -> None:
    """simple_grpc_string_infer_client.py: numbers as text, NUL within a string, short binary blobs."""

    def text(array: Any) -> Any:
        return np.array([str(each).encode() for each in array.ravel()], object).reshape(array.shape)

    result = client.infer("simple_string", given(text(NUMBERS), text(ONES), "BYTES"))
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), text(NUMBERS + ONES))
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), text(NUMBERS - ONES))
    for array in (
        np.array([b"he\0llo"] * 16, object).reshape(1, 16),
        np.array([b"\0\1\2\3"] * 16, object).reshape(1, 16),
        np.array([b"\0\1\2\3"] * 16, np.bytes_).reshape(1, 16),
    ):
        each = triton.InferInput("INPUT0", [1, 16], "BYTES")
        each.set_data_from_numpy(array)
        answer = client.infer("simple_identity", [each]).as_numpy("OUTPUT0")
        np.testing.assert_array_equal(answer, array.astype(object))


@pytest.mark.parametrize(
    ("model", "datatype", "field", "of"),
    [
        ("simple", "INT32", "int_contents", int),
        ("simple_int8", "INT8", "int_contents", int),
        ("simple_string", "BYTES", "bytes_contents", lambda number: b"%d" % number),
    ],
)
def test_explicit_contents(stub: Any, model: str, datatype: str, field: str, of: Any) -> None:
    """grpc_explicit_int_content_client.py, …_int8_…, …_byte_…: they read raw answers, others read values. Raw contents
    besides are refused and the input is named."""
    request = service_pb2.ModelInferRequest(model_name=model)
    for name, array in (("INPUT0", NUMBERS), ("INPUT1", ONES)):
        each = request.inputs.add(name=name, datatype=datatype, shape=[1, 16])
        getattr(each.contents, field).extend(of(int(number)) for number in array.ravel())
    answer = stub.ModelInfer(request)
    for output, array in zip(answer.outputs, (NUMBERS + ONES, NUMBERS - ONES), strict=True):
        assert list(getattr(output.contents, field)) == [of(int(number)) for number in array.ravel()]
    total = answer.raw_output_contents[0]
    if datatype == "BYTES":
        assert [int(each) for each in deserialize_bytes_tensor(total)] == list((NUMBERS + ONES).ravel())
    else:
        kind = triton_to_np_dtype(datatype)
        assert list(np.frombuffer(total, kind)) == list((NUMBERS + ONES).ravel())
    request.raw_input_contents.extend([NUMBERS.tobytes()] * 2)
    with pytest.raises(grpc.RpcError) as refusal:
        stub.ModelInfer(request)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "'INPUT0'" in refusal.value.details()
    assert "both" in refusal.value.details()


def test_every_step_of_the_grpc_client(stub: Any) -> None:
    """grpc_client.py: Triton's generated code, from ServerLive to ModelInfer."""
    assert stub.ServerLive(service_pb2.ServerLiveRequest()).live
    assert stub.ServerReady(service_pb2.ServerReadyRequest()).ready
    assert stub.ModelReady(service_pb2.ModelReadyRequest(name="other1", version="")).ready
    assert stub.ServerMetadata(service_pb2.ServerMetadataRequest()).version
    about = stub.ModelMetadata(service_pb2.ModelMetadataRequest(name="other1", version="1"))
    assert list(about.versions) == ["1"]
    config = stub.ModelConfig(service_pb2.ModelConfigRequest(name="other1", version="")).config
    assert (config.name, config.max_batch_size) == ("other1", 0)
    request = service_pb2.ModelInferRequest(model_name="other1", id="my request id")
    request.inputs.add(name="X", datatype="FP32", shape=[3, 1000])
    request.outputs.add(name="Y")
    raw = np.random.default_rng(0).random(3000, np.float32).tobytes()
    request.raw_input_contents.append(raw)
    answer = stub.ModelInfer(request)
    assert (answer.id, list(answer.raw_output_contents)) == ("my request id", [raw])


def test_infer_objects_may_be_used_again(client: Any) -> None:
    """reuse_infer_objects_client.py, its half without shared memory."""
    inputs = given()
    outputs = [triton.InferRequestedOutput(name) for name in ("OUTPUT0", "OUTPUT1")]
    for factor in (2, 3):
        inputs[1].set_data_from_numpy(ONES * factor)
        assert_sum_and_difference(client.infer("simple", inputs, outputs=outputs), NUMBERS, ONES * factor)


@pytest.mark.parametrize("shared", ["system", "cuda"])
def test_shared_memory_is_unimplemented_by_name(client: Any, shared: str) -> None:
    """simple_grpc_shm_client.py, …_cudashm_…: their first call is this one."""
    refused(
        getattr(client, f"unregister_{shared}_shared_memory"),
        "UNIMPLEMENTED",
        f"{shared.title()}SharedMemoryUnregister",
    )
