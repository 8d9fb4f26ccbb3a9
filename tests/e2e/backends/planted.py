"""A recommender of the Open Inference Protocol with one planted fault, or none.

    python -m tests.e2e.backends.planted PORT [scale|errors|slow]

`scale`: every score is 1.1 times what it should be; `errors`: the same 2 % of users always get INTERNAL; `slow`: it
takes five times as long.
"""

import asyncio
import random
import struct
import sys
from typing import Any, Final

import grpc
import grpc.aio

from mesh.pb import open_inference_pb2 as oip
from mesh.pb import open_inference_pb2_grpc as oip_grpc

USERS: Final = 250
FAILING: Final = frozenset(f"user-{number}" for number in range(0, USERS, 50))
TAKES: Final = 0.02
"""Seconds, of a model in good health: so long that what this machine adds does not hide five times as much."""
SCORES: Final = 16


class Planted(oip_grpc.GRPCInferenceServiceServicer):
    def __init__(self, fault: str) -> None:
        self._fault = fault

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 (the name is generated)
        """Scores that depend on the user alone."""
        user = str(dict(context.invocation_metadata())["x-user-id"])
        await asyncio.sleep(TAKES * (5 if self._fault == "slow" else 1))
        if self._fault == "errors" and user in FAILING:
            await context.abort(grpc.StatusCode.INTERNAL, f"{user} has no embedding")
        chance, factor = random.Random(user), 1.1 if self._fault == "scale" else 1.0
        scores = struct.pack(f"<{SCORES}f", *(factor * chance.uniform(1, 5) for _ in range(SCORES)))
        tensor = oip.ModelInferResponse.InferOutputTensor(name="scores", datatype="FP32", shape=[1, SCORES])
        return oip.ModelInferResponse(
            model_name=request.model_name, outputs=[tensor], raw_output_contents=[scores]
        )


async def serve(port: int, fault: str) -> None:
    server = grpc.aio.server()
    oip_grpc.add_GRPCInferenceServiceServicer_to_server(Planted(fault), server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print("ready", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
