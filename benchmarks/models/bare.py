"""The least that serves a model over gRPC in Python: generated code, one handler, the session inside it.

    python -m benchmarks.models.bare PORT FILE

No checks, no errors, no other model: what an engineer writes on the first afternoon.
"""

import sys
from pathlib import Path
from typing import Any

import grpc.aio
import uvloop

from benchmarks.models.messages import NAMES, arrays
from benchmarks.models.session import open_session
from benchmarks.process import HOST
from mesh.pb import open_inference_pb2 as pb
from mesh.pb import open_inference_pb2_grpc as pb_grpc


class Bare(pb_grpc.GRPCInferenceServiceServicer):
    """Two methods, because the benchmark asks whether the model is ready."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._names = [each.name for each in session.get_outputs()]

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.ModelReadyResponse(ready=True)

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        feeds = arrays(request.inputs, request.raw_input_contents)
        response = pb.ModelInferResponse(model_name=request.model_name, model_version="1", id=request.id)
        for name, array in zip(self._names, self._session.run(self._names, feeds), strict=True):
            response.outputs.add(name=name, datatype=NAMES[array.dtype], shape=array.shape)
            response.raw_output_contents.append(array.tobytes())
        return response


async def main(port: int, file: Path) -> None:
    server = grpc.aio.server()
    pb_grpc.add_GRPCInferenceServiceServicer_to_server(Bare(open_session(file)), server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(f"{HOST}:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
