"""What a counting server does with one call: echo it, or take it as a request of an OTLP exporter."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Protocol

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

RESET_ME: Final = b"reset me"
"""A message that begins so has its stream reset: for clients that want to see how a failure passes."""
INTERNAL_ERROR: Final = 2
EMPTY_MESSAGE: Final = bytes(5)
PREFIX: Final = 5
"""Bytes before a gRPC message: compressed or not, length."""


@dataclass(slots=True)
class Stream:
    """One call; `window` is what we may still send, `waiting` what it does not admit yet."""

    window: int
    taken: int = 0
    waiting: deque[bytes] = field(default_factory=deque)
    ended: bool = False
    received: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class Counts:
    """What has been seen so far, over all connections."""

    requests: int = 0
    ended: int = 0
    spans: int = 0
    resets: int = 0
    open: int = 0


class Answers(Protocol):
    """How calls are answered."""

    def message(self, stream: Stream, payload: bytes) -> bytes | None:
        """What to send back for this part of the request; None: reset the stream."""

    def end(self, stream: Stream) -> bytes:
        """What to send back when the request is complete."""


class Echo:
    """Every message back, as its bytes come."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts

    def message(self, stream: Stream, payload: bytes) -> bytes | None:
        return None if payload.startswith(RESET_ME, PREFIX) else payload

    def end(self, stream: Stream) -> bytes:
        return b""


class Spans:
    """OTLP/gRPC: counts the spans of each request; not compressed, as exporters send them by default."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts

    def message(self, stream: Stream, payload: bytes) -> bytes | None:
        stream.received += payload
        return b""

    def end(self, stream: Stream) -> bytes:
        request = ExportTraceServiceRequest.FromString(bytes(stream.received[PREFIX:]))
        self.counts.spans += sum(
            len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans
        )
        return EMPTY_MESSAGE
