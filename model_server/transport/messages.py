"""Protobuf messages of the Open Inference Protocol to and from the values of `inference`: nothing is decided.

The elements of a tensor are handed on as they came (bytes, or protobuf's own sequence of values).
"""

from collections.abc import Iterable
from typing import Any, Final

from mesh.pb import open_inference_pb2 as pb
from model_server.errors import BadRequestError, UnsupportedError
from model_server.inference import Request, Response
from model_server.models import TensorSpec
from model_server.tensors import WireTensor

UNSUPPORTED: Final = ("shared_memory_region", "classification")
"""Triton's extensions that change where a tensor is or what it means. Every other parameter is ignored."""


def read_request(message: Any) -> Request:
    """A ModelInferRequest as a value; BadRequestError if its tensors and buffers do not belong together."""
    inputs, buffers = message.inputs, message.raw_input_contents
    if buffers and len(buffers) < len(inputs):
        raise BadRequestError(
            f"input {inputs[len(buffers)].name!r} has no data: expected {len(inputs)} buffers in "
            f"raw_input_contents, one for each input, received {len(buffers)}"
        )
    if len(buffers) > len(inputs):
        raise BadRequestError(
            f"expected {len(inputs)} buffers in raw_input_contents, one for each input, "
            f"received {len(buffers)}"
        )
    for each in (*inputs, *message.outputs):
        if each.parameters:
            _refuse_unsupported(each)
    tensors = tuple(map(_raw, inputs, buffers)) if buffers else tuple(map(_typed, inputs))
    return Request(
        message.model_name,
        tensors,
        version=message.model_version,
        id=message.id,
        outputs=tuple(each.name for each in message.outputs),
    )


def write_response(response: Response) -> Any:
    """A ModelInferResponse."""
    message = pb.ModelInferResponse(model_name=response.model, model_version=response.version, id=response.id)
    for tensor in response.outputs:
        output = message.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        if tensor.raw is not None:
            message.raw_output_contents.append(tensor.raw)
            continue
        output.contents.SetInParent()  # there, even without an element
        for field, values in tensor.typed.items():
            getattr(output.contents, field).extend(values)
    return message


def write_specs(specs: Iterable[TensorSpec]) -> list[Any]:
    """TensorMetadata of a model's inputs or outputs."""
    return [
        pb.ModelMetadataResponse.TensorMetadata(name=spec.name, datatype=spec.datatype.name, shape=spec.shape)
        for spec in specs
    ]


def _raw(tensor: Any, buffer: bytes) -> WireTensor:
    if tensor.HasField("contents"):
        raise BadRequestError(
            f"input {tensor.name!r}: expected either contents or raw_input_contents, received both"
        )
    return WireTensor(tensor.name, tensor.datatype, tuple(tensor.shape), raw=buffer)


def _typed(tensor: Any) -> WireTensor:
    fields = {field.name: values for field, values in tensor.contents.ListFields()}
    return WireTensor(tensor.name, tensor.datatype, tuple(tensor.shape), typed=fields)


def _refuse_unsupported(tensor: Any) -> None:
    for name in UNSUPPORTED:
        if name in tensor.parameters:
            raise UnsupportedError(f"tensor {tensor.name!r}: parameter {name!r} is not supported")
