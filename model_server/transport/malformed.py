"""Requests that are no message: their client is told so, by a status that blames nobody else.

Left to itself, grpc.aio takes a request that protobuf cannot parse for a failure of the method: UNKNOWN for the client,
which sidecars hold against this server, and a traceback in the log for each. INTERNAL, as gRPC's other servers say it,
would be held against it too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError


@dataclass(frozen=True, slots=True)
class Malformed:
    """What is handed on in the place of a message; `why` is for the client."""

    why: str


class Registry:
    """Stands in the server's place while generated code adds handlers to it. Streams of requests stay as they are, and
    none becomes a registered method (`service.add_service` says why)."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Generated code gives the same handlers once more by their names; those can be looked at, and are added."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        added = {name: _checked(handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, added),))


def _checked(handler: Any) -> Any:
    if handler.request_streaming:
        return handler
    method = handler.unary_stream if handler.response_streaming else handler.unary_unary

    async def answer(request: Any, context: Any) -> Any:
        if isinstance(request, Malformed):
            context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
            context.set_details(request.why)
            return None
        return await method(request, context)

    make = (
        grpc.unary_stream_rpc_method_handler
        if handler.response_streaming
        else grpc.unary_unary_rpc_method_handler
    )
    return make(answer, _reader(handler.request_deserializer), handler.response_serializer)


def _reader(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def read(raw: bytes) -> Any:
        try:
            return parse(raw)
        except DecodeError as error:
            return Malformed(f"the request is no protobuf message: {error}")

    return read
