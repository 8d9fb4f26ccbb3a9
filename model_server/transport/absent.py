"""Triton's calls that this server does not have: each is answered UNIMPLEMENTED with what to do instead."""

from typing import Any, Final

from model_server.errors import UnsupportedError
from model_server.tracing import Call
from model_server.transport.calls import Work

_SHARED_MEMORY: Final = "shared memory is not supported, send tensors in raw_input_contents"

ABSENT: Final = {
    **{
        f"{kind}SharedMemory{what}": _SHARED_MEMORY
        for kind in ("System", "Cuda")
        for what in ("Status", "Register", "Unregister")
    },
    "TraceSetting": "trace settings cannot be changed by a call; whoever starts the server sets OTEL_* variables",
    "LogSettings": "log settings cannot be changed by a call; whoever starts the server gives --verbose",
}
"""Why, by method."""


def absent(method: str) -> Work:
    async def refuse(data: bytes, call: Call, context: Any) -> bytes:
        raise UnsupportedError(f"{method}: {ABSENT[method]}")

    return refuse
