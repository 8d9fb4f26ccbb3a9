"""The one table from a domain error to a gRPC status."""

from collections.abc import Mapping
from typing import Final

import grpc

from model_server.errors import (
    BadRequestError,
    BrokenModelError,
    ControlOffError,
    DeadlineError,
    ForbiddenError,
    ModelFailedError,
    NotReadyError,
    OverloadedError,
    StoppingError,
    UnknownModelError,
    UnsupportedError,
)

CODES: Final[Mapping[type[Exception], grpc.StatusCode]] = {
    BadRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownModelError: grpc.StatusCode.NOT_FOUND,
    ForbiddenError: grpc.StatusCode.PERMISSION_DENIED,
    UnsupportedError: grpc.StatusCode.UNIMPLEMENTED,
    NotReadyError: grpc.StatusCode.UNAVAILABLE,
    OverloadedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    DeadlineError: grpc.StatusCode.DEADLINE_EXCEEDED,
    BrokenModelError: grpc.StatusCode.FAILED_PRECONDITION,  # asked to load it
    StoppingError: grpc.StatusCode.UNAVAILABLE,
    ModelFailedError: grpc.StatusCode.INTERNAL,
    ControlOffError: grpc.StatusCode.UNAVAILABLE,  # as Triton
}

LONGEST: Final = 1024
"""Bytes of a status message. It travels percent-encoded (up to three bytes for one) in the trailers, and gRPC
clients fail a call whose trailers exceed 8 KiB: a message that quotes a request must not grow with it."""


def status_of(error: Exception) -> tuple[grpc.StatusCode, str]:
    """Code and message for the client; an error that is not in the table is a bug of ours."""
    code = CODES.get(type(error))
    if code is None:
        return (
            grpc.StatusCode.INTERNAL,
            f"internal error ({type(error).__name__}); the server's log has it",
        )
    return code, shorten(str(error))


def shorten(message: str) -> str:
    """At most `LONGEST` bytes of UTF-8, cut between characters."""
    encoded = message.encode("utf-8", "backslashreplace")
    if len(encoded) <= LONGEST:
        return encoded.decode()
    return encoded[: LONGEST - 3].decode("utf-8", "ignore") + "…"
