"""A plain grpcio client of the Open Inference Protocol for the model `simple`, that notices the colour."""

import grpc.aio
import numpy as np

from mesh import contract
from mesh.pb import open_inference_pb2 as oip
from mesh.pb import open_inference_pb2_grpc as oip_grpc

ROWS = np.arange(32, dtype=np.int32).reshape(2, 1, 16)
REQUEST = oip.ModelInferRequest(
    model_name="simple",
    inputs=[
        oip.ModelInferRequest.InferInputTensor(name=name, datatype="INT32", shape=[1, 16])
        for name in ("INPUT0", "INPUT1")
    ],
    raw_input_contents=[row.tobytes() for row in ROWS],
)
SUM = (ROWS[0] + ROWS[1]).tobytes()


class Inference:
    """One channel to one address."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        self._stub = oip_grpc.GRPCInferenceServiceStub(self._channel)

    async def color(self, *, user: str, timeout: float = 10) -> str:
        """Infer once, check the answer; the colour that gave it."""
        call = self._stub.ModelInfer(REQUEST, metadata=(("x-user-id", user),), timeout=timeout)
        answer = await call
        assert SUM in answer.raw_output_contents
        return str((await call.initial_metadata())[contract.HEADER_COLOR])

    async def __aenter__(self) -> "Inference":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()
