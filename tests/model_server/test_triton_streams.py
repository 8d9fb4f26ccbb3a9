"""The streams of NVIDIA's published examples: theirs are of models with a state, these of one without."""

import queue
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio

from tests.model_server.served import Served

NUMBERS = np.arange(16, dtype=np.int32).reshape(1, 16)
PATIENCE = 30.0


def given(first: Any) -> list[Any]:
    inputs = [triton.InferInput(name, [1, 16], "INT32") for name in ("INPUT0", "INPUT1")]
    for each in inputs:
        each.set_data_from_numpy(first)
    return inputs


def assert_doubled(result: Any, first: Any) -> None:
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), first * 2)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), first * 0)


def test_stream_infer(server: Served) -> None:
    """simple_grpc_sequence_stream_infer_client.py: answers in order, each with its request's id; an error is its
    request's own, and those after it are answered. A client may start another stream."""
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    with triton.InferenceServerClient(server.address) as client:
        client.start_stream(callback=partial(lambda user, result, error: user.put((result, error)), answers))
        for number in range(20):
            model = "wrong_model_name" if number == 7 else "simple"
            client.async_stream_infer(model, given(NUMBERS * number), request_id=str(number))
        for number in range(20):
            result, error = answers.get(timeout=PATIENCE)
            if number == 7:
                assert "'wrong_model_name'" in error.message()
                continue
            assert error is None
            assert result.get_response().id == str(number)
            assert_doubled(result, NUMBERS * number)
        client.stop_stream()
        client.start_stream(callback=lambda result, error: answers.put((result, error)))
        client.async_stream_infer("simple", given(NUMBERS))
        assert_doubled(answers.get(timeout=PATIENCE)[0], NUMBERS)
        client.stop_stream(cancel_requests=True)


async def test_aio_stream_infer(server: Served) -> None:
    """simple_grpc_aio_sequence_stream_infer_client.py."""

    async def requests() -> AsyncIterator[dict[str, Any]]:
        for number in range(10):
            yield {"model_name": "simple", "inputs": given(NUMBERS + number), "request_id": str(number)}

    seen = []
    async with triton_aio.InferenceServerClient(server.address) as client:
        async for result, error in client.stream_infer(requests()):
            assert error is None
            seen.append(result.get_response().id)
            assert_doubled(result, NUMBERS + int(seen[-1]))
    assert seen == [str(number) for number in range(10)]


async def test_a_stream_that_is_left_is_cancelled_and_the_next_is_answered(server: Served) -> None:
    async def endless() -> AsyncIterator[dict[str, Any]]:
        while True:
            yield {"model_name": "simple", "inputs": given(NUMBERS)}

    async with triton_aio.InferenceServerClient(server.address) as client:
        for _ in range(2):
            stream = client.stream_infer(endless())
            result, error = await anext(stream)
            assert error is None
            assert_doubled(result, NUMBERS)
            assert stream.cancel()
