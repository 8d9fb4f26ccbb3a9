"""`python -m benchmarks.shadows.slow PORT SECONDS`: a gRPC server that answers any call with its request, later."""

import asyncio
import sys
from typing import Any

import grpc.aio

from benchmarks.process import HOST


class Later(grpc.GenericRpcHandler):
    """Every method, unary."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def service(self, handler_call_details: Any) -> Any:
        async def answer(request: bytes, context: Any) -> bytes:
            await asyncio.sleep(self._seconds)
            return request

        return grpc.unary_unary_rpc_method_handler(answer)


async def main(port: int, seconds: float) -> None:
    server = grpc.aio.server(handlers=(Later(seconds),))
    server.add_insecure_port(f"{HOST}:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
