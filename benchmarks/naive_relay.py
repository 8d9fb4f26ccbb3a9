"""The proxy one would write first: grpc.aio, any method, messages as bytes, 90/10 by chance.

    python -m benchmarks.naive_relay LISTEN_PORT BACKEND_HOST:PORT

A yardstick, not a good proxy: it loses the real status of calls that end early and undoes compression.
"""

import random
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import uvloop

UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)
"""Otherwise two channels to one address share a connection."""


class Relay(grpc.GenericRpcHandler):
    """Every method is a stream of bytes each way: what a relay can assume that knows no .proto file."""

    def __init__(self, blue: grpc.aio.Channel, green: grpc.aio.Channel) -> None:
        self.blue, self.green = blue, green

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        method = handler_call_details.method

        async def relay(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            channel = self.blue if random.random() < 0.9 else self.green
            open_call: Any = channel.stream_stream(method)
            call = open_call(
                requests, metadata=context.invocation_metadata(), timeout=context.time_remaining()
            )
            await context.send_initial_metadata(await call.initial_metadata())
            async for answer in call:
                yield answer
            context.set_trailing_metadata(await call.trailing_metadata())
            context.set_code(await call.code())
            context.set_details(await call.details())

        return grpc.stream_stream_rpc_method_handler(relay)


async def main(port: int, backend: str) -> None:
    options = (*UNLIMITED, OWN_CONNECTION)
    async with (
        grpc.aio.insecure_channel(backend, options) as blue,
        grpc.aio.insecure_channel(backend, options) as green,
    ):
        server = grpc.aio.server(options=(*UNLIMITED, ("grpc.so_reuseport", 0)))
        server.add_generic_rpc_handlers((Relay(blue, green),))
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
