"""ModelInferRequests in few words, for tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from mesh.pb import open_inference_pb2 as pb


def tensor(name: str, datatype: str, shape: Sequence[int], **contents: Any) -> Any:
    """An input; with contents (`int_contents=[1]`) typed, without them for a raw buffer."""
    typed = pb.InferTensorContents(**contents) if contents else None
    return pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape, contents=typed)


def request(
    model: str, *inputs: Any, raw: Sequence[bytes] = (), outputs: Sequence[str] = (), **rest: Any
) -> Any:
    wanted = [pb.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in outputs]
    return pb.ModelInferRequest(
        model_name=model, inputs=inputs, raw_input_contents=raw, outputs=wanted, **rest
    )


def parameters(**values: Any) -> Mapping[str, Any]:
    kinds = {str: "string_param", int: "int64_param"}
    return {name: pb.InferParameter(**{kinds[type(value)]: value}) for name, value in values.items()}
