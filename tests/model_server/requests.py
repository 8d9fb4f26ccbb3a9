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


def unreadable_path() -> bytes:
    """All that a client sends for a call of a method whose name is not UTF-8; it ends grpcio's asyncio server."""
    fields = {b":method": b"POST", b":scheme": b"http", b":path": b"/\xff/x", b":authority": b"a"}
    fields |= {b"content-type": b"application/grpc", b"te": b"trailers"}
    block = b"".join(
        b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in fields.items()
    )
    settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    headers = len(block).to_bytes(3, "big") + b"\x01\x04\x00\x00\x00\x01" + block
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + headers
