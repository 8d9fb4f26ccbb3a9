"""A scenario: what one measurement sends, as a value.

What the clients do (message size, connections, calls in flight) is the scenario's; what a proxy does besides
(traces, a mirror, TLS) is the peer's, so a variant of that kind is one more peer of another name.
"""

from dataclasses import dataclass
from typing import Final

KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Scenario:
    """`connections` HTTP/2 connections, `streams` unary calls in flight on each, `payload` bytes each way."""

    payload: int
    connections: int
    streams: int

    @property
    def in_flight(self) -> int:
        return self.connections * self.streams

    @property
    def name(self) -> str:
        size = f"{self.payload // KIB} KiB" if self.payload >= KIB else f"{self.payload} B"
        return f"{size}, {self.in_flight} in flight"

    @property
    def message(self) -> bytes:
        """The request as gRPC frames it (Length-Prefixed-Message): not compressed, length, message."""
        return b"\0" + self.payload.to_bytes(4, "big") + bytes(self.payload)


PAYLOADS: Final = (100, 4 * KIB, 64 * KIB)
FLIGHTS: Final = ((4, 8), (1, 1))
"""(connections, streams): a busy host, and one caller that waits for every answer."""

DEFAULT: Final = tuple(
    Scenario(payload=payload, connections=connections, streams=streams)
    for payload in PAYLOADS
    for connections, streams in FLIGHTS
)
