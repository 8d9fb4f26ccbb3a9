"""Answers of the Open Inference Protocol, and pairs of them, as they come over the pipe."""

import gzip
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from mesh.datatypes import BF16, BY_NAME, BYTES
from mesh.pb import open_inference_pb2 as pb
from shadow.pair import Answer, Pair, PairId

INFER = "/inference.GRPCInferenceService/ModelInfer"
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
OTHER = "/tensorflow.serving.PredictionService/Predict"

_OF_DTYPE = {each.dtype: each.name for each in BY_NAME.values() if each not in (BYTES, BF16)}
_PACK = {"gzip": gzip.compress, "deflate": zlib.compress}

Outputs = Mapping[str, Any]


def body(*messages: Any, encoding: str = "identity") -> bytes:
    """Messages of protobuf, or bytes, each with gRPC's prefix."""
    framed = []
    for each in messages:
        data = each if isinstance(each, bytes) else each.SerializeToString()
        packed = _PACK[encoding](data) if encoding in _PACK else data
        framed.append(struct.pack(">BI", encoding in _PACK, len(packed)) + packed)
    return b"".join(framed)


def response(outputs: Outputs, *, typed: bool = False, name: str = "") -> Any:
    """A ModelInferResponse; `name` is its id. BYTES are arrays, or lists, of bytes."""
    message = pb.ModelInferResponse(model_name="recommender", model_version="1", id=name)
    for output, values in outputs.items():
        add(message, output, np.asarray(values, object if _is_bytes(values) else None), typed=typed)
    return message


def add(message: Any, output: str, array: Any, *, typed: bool = False) -> None:
    datatype = BY_NAME["BYTES" if array.dtype == object else _OF_DTYPE[array.dtype]]
    tensor = message.outputs.add(name=output, datatype=datatype.name, shape=array.shape)
    if typed:
        assert datatype.field is not None
        getattr(tensor.contents, datatype.field).extend(array.ravel().tolist())
    else:
        message.raw_output_contents.append(_raw(array))


def _raw(array: Any) -> bytes:
    if array.dtype != object:
        return bytes(array.tobytes())
    return b"".join(struct.pack("<I", len(each)) + each for each in array.ravel().tolist())


def _is_bytes(values: Any) -> bool:
    while isinstance(values, list) and values:
        values = values[0]
    return isinstance(values, bytes) or (isinstance(values, np.ndarray) and values.dtype.kind == "O")


def streamed(*responses: Any) -> list[Any]:
    """Messages of ModelStreamInfer; a text is an error."""
    return [
        pb.ModelStreamInferResponse(error_message=each)
        if isinstance(each, str)
        else pb.ModelStreamInferResponse(infer_response=each)
        for each in responses
    ]


def pair(
    primary: bytes | None,
    shadow: bytes | None,
    *,
    method: str = INFER,
    statuses: tuple[str, str] = ("OK", "OK"),
    encodings: tuple[str, str] = ("", ""),
    canceled: bool = False,
    request: bytes = b"",
) -> Pair:
    """Blue's answer and green's to one request."""
    return Pair(
        id=PairId("life", 1),
        service="recommender",
        method=method,
        at=0,
        revision=7,
        role="shadow",
        primary=Answer("blue", statuses[0], "said blue", encoding=encodings[0], body=primary),
        shadow=Answer("green", statuses[1], "said green", encoding=encodings[1], body=shadow),
        canceled=canceled,
        request=request,
        metadata=(("x-user-id", "7"),),
    )


def answered(primary: Outputs, shadow: Outputs) -> Pair:
    """A pair of ModelInfer in which both answered with these tensors."""
    return pair(body(response(primary)), body(response(shadow)))
