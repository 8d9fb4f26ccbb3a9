"""Whether a peer answers as a session in this process does: h2load counts bytes, and looks at none of them."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import grpc
import numpy as np

from benchmarks.load import LoadError
from benchmarks.models.messages import arrays
from benchmarks.models.workload import METHOD, Example, Workload, model_name
from benchmarks.process import HOST
from mesh.pb import open_inference_pb2 as pb
from mesh.pb import open_inference_pb2_grpc as pb_grpc

READY_WITHIN: Final = 60.0
DEADLINE: Final = 60.0
AGAIN_AFTER: Final = 0.05
TOLERANCE: Final = 1e-4
"""Of a float, relative and absolute: a batch is added up in another order than a row. Integers have to be equal."""


def check(port: int, workload: Workload, examples: Sequence[Example]) -> bytes:
    """Waits for the model; then all examples at once, so that a server that batches joins different ones. LoadError
    unless each is answered with its own outputs. Returns an answer's bytes."""
    with grpc.insecure_channel(f"{HOST}:{port}") as channel:
        _await_ready(channel, workload)
        ask: Any = channel.unary_unary(METHOD)
        calls = [ask.future(each.request, timeout=DEADLINE) for each in examples]
        for example, call in zip(examples, calls, strict=True):
            try:
                answer: bytes = call.result()
            except grpc.RpcError as error:
                raise LoadError(f"a call ended with {error.code()}: {error.details()}") from None
            compare(example.outputs, pb.ModelInferResponse.FromString(answer))
    return answer


def _await_ready(channel: grpc.Channel, workload: Workload) -> None:
    """No server says when it is: asked again and again."""
    ready = pb_grpc.GRPCInferenceServiceStub(channel).ModelReady  # type: ignore[no-untyped-call]
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        with suppress(grpc.RpcError):
            if ready(pb.ModelReadyRequest(name=model_name(workload)), timeout=DEADLINE).ready:
                return
        time.sleep(AGAIN_AFTER)
    raise LoadError(f"model {model_name(workload)!r} was not ready within {READY_WITHIN:g} s")


def compare(expected: Mapping[str, Any], answer: Any) -> None:
    """LoadError unless names, types, shapes and elements are those expected."""
    received = arrays(answer.outputs, answer.raw_output_contents)
    if received.keys() != expected.keys():
        raise LoadError(f"expected the outputs {', '.join(expected)}, received {', '.join(received)}")
    for name, array in expected.items():
        got = received[name]
        same = got.shape == array.shape and got.dtype == array.dtype
        if not same or not np.allclose(got, array, TOLERANCE, TOLERANCE * (array.dtype.kind == "f")):
            raise LoadError(f"output {name!r} is not what ONNX Runtime answers: {got!r}, not {array!r}"[:500])
