"""A plain gRPC client of the recommender: one connection, no library of ours, no retries that would hide errors."""

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import grpc
import numpy as np

from mesh import contract
from mesh.pb import open_inference_pb2 as pb
from mesh.pb.open_inference_pb2_grpc import GRPCInferenceServiceStub
from rollout.demo.requests import Request
from rollout.local import SERVICE

KEY: Final = "x-user-id"
TIMEOUT: Final = 10.0
"""Seconds; nothing in the demo needs more, so whatever does is an error."""

OPTIONS: Final = (
    ("grpc.use_local_subchannel_pool", 1),  # or clients to one address would share a connection
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call came back with: `code` is the gRPC status, `color` who answered, `items` best first."""

    user: int
    rated: int
    code: str
    color: str
    items: tuple[int, ...]
    scores: bytes
    started: float
    seconds: float

    @property
    def ok(self) -> bool:
        return self.code == "OK"

    @property
    def hit(self) -> bool:
        """The film that the user really rated next was among the ten."""
        return self.rated in self.items


class Recommender:
    """One connection to the splitter."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self._stub: Any = GRPCInferenceServiceStub(self._channel)  # type: ignore[no-untyped-call]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def recommend(self, request: Request) -> Answer:
        """Ask for one user's films; never raises for what the service does."""
        started = time.monotonic()
        metadata = ((KEY, str(request.user)),)
        call = self._stub.ModelInfer(infer_request(request.user), metadata=metadata, timeout=TIMEOUT)
        items: tuple[int, ...] = ()
        scores, code = b"", "OK"
        try:
            items, scores = _outputs(await call)
        except grpc.aio.AioRpcError as error:
            code = error.code().name
        seconds = time.monotonic() - started
        color = dict(await call.initial_metadata() or ()).get(contract.HEADER_COLOR, "")
        return Answer(request.user, request.rated, code, str(color), items, scores, started, seconds)


def infer_request(user: int) -> pb.ModelInferRequest:
    """The Open Inference request for one user: `user` INT64 [1]."""
    tensor = pb.ModelInferRequest.InferInputTensor(name="user", datatype="INT64", shape=[1])
    return pb.ModelInferRequest(
        model_name=SERVICE, inputs=[tensor], raw_input_contents=[np.array([user], dtype="<i8").tobytes()]
    )


def _outputs(response: pb.ModelInferResponse) -> tuple[tuple[int, ...], bytes]:
    raw = {
        output.name: content
        for output, content in zip(response.outputs, response.raw_output_contents, strict=True)
    }
    return tuple(np.frombuffer(raw["items"], dtype="<i8").tolist()), raw["scores"]
