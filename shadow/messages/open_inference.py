"""The Open Inference Protocol: which message a method is answered with, and the tensors in it."""

import math
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from mesh.pb import open_inference_pb2 as pb
from shadow.messages.tensors import MOST_DIMENSIONS, Malformed, Tensor, from_raw, from_typed

_SERVICE: Final = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]

REQUESTS: Final[Mapping[str, Any]] = {
    f"/{_SERVICE.full_name}/{each.name}": GetMessageClass(each.input_type) for each in _SERVICE.methods
}
ANSWERS: Final[Mapping[str, Any]] = {
    f"/{_SERVICE.full_name}/{each.name}": GetMessageClass(each.output_type) for each in _SERVICE.methods
}
"""By full method: the class of one message, of unary calls and of streams."""

INFER: Final = f"/{_SERVICE.full_name}/ModelInfer"
STREAM: Final = f"/{_SERVICE.full_name}/ModelStreamInfer"

MOST_TENSORS: Final = 256
"""Of one message: each becomes a row in the store."""


def parse(kind: Any, data: bytes) -> Any | None:
    """The message of this class, or None if the bytes are none."""
    try:
        return kind.FromString(data)
    except DecodeError:
        return None


def response_of(message: Any) -> Any | None:
    """The ModelInferResponse in an answer of ModelInfer or of ModelStreamInfer; None: it has none."""
    if isinstance(message, pb.ModelInferResponse):
        return message
    return message.infer_response if isinstance(message, pb.ModelStreamInferResponse) else None


def error_of(message: Any) -> str:
    """Why one request of a stream failed; empty: it did not."""
    return str(message.error_message) if isinstance(message, pb.ModelStreamInferResponse) else ""


def outputs(response: Any) -> tuple[Tensor, ...]:
    """Of a ModelInferResponse, in its order. Of too many, the first `MOST_TENSORS`."""
    return _tensors(response.outputs, response.raw_output_contents)


def inputs(request: Any) -> tuple[Tensor, ...]:
    """Of a ModelInferRequest."""
    return _tensors(request.inputs, request.raw_input_contents)


def _tensors(described: Any, buffers: Any) -> tuple[Tensor, ...]:
    count = len(buffers)
    return tuple(
        [
            _tensor(each, buffers[number] if number < count else None)
            for number, each in enumerate(described[:MOST_TENSORS])
        ]
    )


def _tensor(described: Any, raw: bytes | None) -> Tensor:
    name, datatype = described.name, described.datatype
    dimensions = described.shape
    if len(dimensions) > MOST_DIMENSIONS:
        fault = f"{len(dimensions)} dimensions, where {MOST_DIMENSIONS} are the most"
        return Tensor(name, datatype, (), fault=fault)
    shape = tuple(dimensions)
    # A server may leave a buffer empty and give values beside it; Triton's client reads it so too
    typed = not raw and described.HasField("contents")
    try:
        if shape and min(shape) < 0:
            raise Malformed("a dimension below 0")
        count = math.prod(shape)
        if typed:
            array = from_typed(datatype, shape, count, described.contents)
        elif raw is None:
            array = from_raw(datatype, shape, count, b"")
        else:
            array = from_raw(datatype, shape, count, raw)
    except Malformed as error:
        held = described.contents.SerializeToString(deterministic=True) if typed else raw or b""
        return Tensor(name, datatype, shape, held=held, fault=str(error))
    return Tensor(name, datatype, shape, array)
