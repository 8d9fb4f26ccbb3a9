"""The answers the splitter gives itself: gRPC trailers-only responses (gRPC over HTTP/2, "Responses")."""

from typing import Final

from mesh.http2 import frames
from mesh.http2.blocks import literal
from mesh.http2.stream import Stream

CANCELLED: Final = 1
DEADLINE_EXCEEDED: Final = 4
RESOURCE_EXHAUSTED: Final = 8
INTERNAL: Final = 13
UNAVAILABLE: Final = 14

CODE_NAMES: Final = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)

_STATUS_200: Final = b"\x88"
_CONTENT_TYPE: Final = literal(b"content-type", b"application/grpc")

# How a gRPC client reads an RST_STREAM (gRPC over HTTP/2, "HTTP2 Transport Mapping", Errors)
_RESET_CODES: Final = {
    frames.REFUSED_STREAM: "UNAVAILABLE",
    frames.CANCEL: "CANCELLED",
    frames.ENHANCE_YOUR_CALM: "RESOURCE_EXHAUSTED",
    0xC: "PERMISSION_DENIED",  # INADEQUATE_SECURITY
}

# How a gRPC client reads an answer without grpc-status ("HTTP to gRPC Status Code Mapping")
_HTTP_CODES: Final = {
    400: "INTERNAL",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "UNIMPLEMENTED",
    429: "UNAVAILABLE",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "UNAVAILABLE",
}


def http_code(code: int) -> str:
    """The gRPC status that a client makes of this HTTP status, where there is no other."""
    return _HTTP_CODES.get(code, "UNKNOWN")


def reset_code(code: int) -> str:
    """The gRPC status that a client makes of a reset with this HTTP/2 error code."""
    return _RESET_CODES.get(code, "INTERNAL")


def percent_encoded(message: str) -> bytes:
    """A grpc-message: UTF-8, where all but printable ASCII without `%` is percent-encoded."""
    return b"".join(
        bytes((byte,)) if 0x20 <= byte <= 0x7E and byte != 0x25 else b"%%%02X" % byte
        for byte in message.encode()
    )


def answer(stream: Stream, code: int, message: str, *, started: bool = False) -> None:
    """End the call towards its client with a status of ours.

    `started`: response headers have been passed on, so only the trailers are missing. A client that is still
    sending is told to stop (RFC 9113, 8.1), without an error.
    """
    block = literal(b"grpc-status", b"%d" % code) + literal(b"grpc-message", percent_encoded(message))
    stream.send_headers(block if started else _STATUS_200 + _CONTENT_TYPE + block, frames.END_STREAM)
    if not stream.recv_end:
        stream.send_reset(frames.NO_ERROR)
