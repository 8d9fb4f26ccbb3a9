"""Protobuf messages of the Open Inference Protocol to and from the values of `inference`: nothing is decided.

The elements of a tensor are handed on as they came (bytes, or protobuf's own sequence of values).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError

from mesh.pb import open_inference_pb2 as pb
from model_server.errors import BadRequestError, UnsupportedError
from model_server.inference import Request, Response
from model_server.models import TensorSpec
from model_server.tensors import WireTensor

M = TypeVar("M")

MOST_TENSORS: Final = 4_096
"""Inputs, and outputs asked for. Each costs the event loop some microseconds: 9 MiB of
empty ones held it for 40 s."""
UNSUPPORTED: Final = ("shared_memory_region", "classification")
"""Triton's extensions that change where a tensor is or what it means. Every other parameter is ignored, as Triton
ignores what a model has no use for: `priority`, and those of sequences, which are for stateful models."""

TIMEOUT: Final = "timeout"
"""Triton's parameter for how long a request may wait, in microseconds."""

FINAL: Final = "triton_enable_empty_final_response"
"""Triton's parameter for being told, in a stream, which response is a request's last."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a client's requests for one model have in common: all but the id and the elements."""

    model: str
    version: str
    tensors: tuple[tuple[str, str, tuple[int, ...]], ...]
    """Name, datatype and shape of each input."""
    outputs: tuple[str, ...]
    timeout: float | None
    """Seconds the request may wait."""
    final: bool
    """Whether its response in a stream is to say that it is the last."""
    typed: bool
    """Whether an input has its elements with it."""

    def mismatch(self, buffers: int) -> BadRequestError:
        """Why so many buffers are too few or too many."""
        expected = len(self.tensors)
        lacking = f"input {self.tensors[buffers][0]!r} has no data: " if buffers < expected else ""
        return BadRequestError(
            f"{lacking}expected {expected} buffers in raw_input_contents, one for each input, received {buffers}"
        )


def parse(kind: type[M], data: bytes) -> M:
    """A message of this kind, or BadRequestError."""
    try:
        return kind.FromString(data)  # type: ignore[attr-defined, no-any-return]  # protobuf's
    except DecodeError:
        raise BadRequestError(
            f"expected a message {kind.__name__}, received {len(data)} bytes that are none"
        ) from None


def parse_request(data: bytes) -> Any:
    """A ModelInferRequest."""
    return parse(pb.ModelInferRequest, data)


def read_head(message: Any) -> Head:
    """All of a ModelInferRequest but its id and its elements."""
    inputs, outputs = message.inputs, message.outputs
    for kind, count in (("inputs", len(inputs)), ("outputs", len(outputs))):
        if count > MOST_TENSORS:
            raise BadRequestError(f"expected at most {MOST_TENSORS} {kind}, received {count}")
    for each in (*inputs, *outputs):
        if each.parameters:
            _refuse_unsupported(each)
    parameters = message.parameters
    return Head(
        message.model_name,
        message.model_version,
        tuple((each.name, each.datatype, tuple(each.shape)) for each in inputs),
        tuple(each.name for each in outputs),
        _timeout(parameters) if parameters else None,
        bool(parameters) and FINAL in parameters and parameters[FINAL].bool_param,
        any(each.HasField("contents") for each in inputs),
    )


def read_request(message: Any) -> tuple[Request, Head]:
    """A ModelInferRequest as a value; BadRequestError if its tensors and buffers do not belong together."""
    head, inputs, buffers = read_head(message), message.inputs, message.raw_input_contents
    if buffers and len(buffers) != len(inputs):
        raise head.mismatch(len(buffers))
    tensors = tuple(map(_raw, inputs, buffers)) if buffers else tuple(map(_typed, inputs))
    return Request(head.model, tensors, version=head.version, id=message.id, outputs=head.outputs), head


def write_response(response: Response) -> Any:
    """A ModelInferResponse."""
    message = pb.ModelInferResponse(model_name=response.model, model_version=response.version, id=response.id)
    for tensor in response.outputs:
        output = message.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        if tensor.raw is not None:
            message.raw_output_contents.append(bytes(tensor.raw))
        for field, values in tensor.typed.items():
            output.contents.SetInParent()  # there, even without an element
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


def _timeout(parameters: Mapping[str, Any]) -> float | None:
    """Seconds; 0 is no limit, as to Triton."""
    if TIMEOUT not in parameters:
        return None
    given = parameters[TIMEOUT]
    kind = given.WhichOneof("parameter_choice")
    value = getattr(given, kind) if kind in ("int64_param", "uint64_param") else None
    if value is None or value < 0:
        raise BadRequestError(
            f"parameter {TIMEOUT!r}: expected microseconds, as an integer of 0 or more, received "
            f"{value if value is not None else kind or 'nothing'}"
        )
    return value / 1e6 if value else None
