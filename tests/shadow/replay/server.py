"""A gRPC server with all four kinds of call, which remembers what it was sent."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

SERVICE = "test.Kinds"


@dataclass
class Kinds(grpc.GenericRpcHandler):
    """Unary answers with what it got and "!"; `Fails` and `Hangs` do so; `Gated` waits for the gate."""

    metadata: list[dict[str, str | bytes]] = field(default_factory=list)
    requests: list[Sequence[bytes]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    crowd: int = 4
    """So many at the gate are `crowded`."""
    crowded: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def service(self, details: Any) -> Any:
        self.metadata.append(dict(details.invocation_metadata))
        kinds = {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "Down": grpc.unary_stream_rpc_method_handler(self.down),
            "Up": grpc.stream_unary_rpc_method_handler(self.up),
            "Both": grpc.stream_stream_rpc_method_handler(self.both),
            "Fails": grpc.unary_unary_rpc_method_handler(self.fails),
            "Hangs": grpc.unary_unary_rpc_method_handler(self.hangs),
            "Gated": grpc.unary_unary_rpc_method_handler(self.gated),
        }
        return kinds.get(details.method.rpartition("/")[2])

    async def unary(self, request: bytes, context: Any) -> bytes:
        self.requests.append([request])
        return request + b"!"

    async def down(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        self.requests.append([request])
        for letter in request:
            yield bytes([letter])

    async def up(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        got = [each async for each in requests]
        self.requests.append(got)
        return b"".join(got)

    async def both(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for each in requests:
            yield each * 2

    async def fails(self, request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such user")
        raise AssertionError

    async def hangs(self, request: bytes, context: Any) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    async def gated(self, request: bytes, context: Any) -> bytes:
        """Waits for the gate; counts how many wait."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once == self.crowd:
            self.crowded.set()
        await self.gate.wait()
        self.at_once -= 1
        return request


@asynccontextmanager
async def serving(kinds: Kinds) -> AsyncIterator[str]:
    """Its address, while the block runs."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((kinds,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
