"""A scenario: what one measurement sends, and which peers it compares, as a value.

What the clients do (message size, connections, calls in flight) is the scenario's; what a proxy does besides
(traces, a mirror, TLS) is the peer's: a variant of that kind is one more peer of another name, `envoy-traced`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.load import METHOD

KIB: Final = 1024
MATRIX: Final = "matrix"
SUITES: Final = (MATRIX, "traced", "mirror", "tls")


@dataclass(frozen=True, slots=True)
class Scenario:
    """`connections` HTTP/2 connections, `streams` unary calls in flight on each, `payload` bytes each way."""

    payload: int
    connections: int
    streams: int
    suite: str = MATRIX
    peers: tuple[str, ...] = ()
    """By name, in the order of the table."""

    @property
    def in_flight(self) -> int:
        return self.connections * self.streams

    @property
    def name(self) -> str:
        size = f"{self.payload // KIB} KiB" if self.payload >= KIB else f"{self.payload} B"
        suite = "" if self.suite == MATRIX else f", {self.suite}"
        return f"{size}, {self.in_flight} in flight{suite}"

    @property
    def message(self) -> bytes:
        """The request as gRPC frames it (Length-Prefixed-Message): not compressed, length, message."""
        return b"\0" + self.payload.to_bytes(4, "big") + bytes(self.payload)

    @property
    def method(self) -> str:
        return METHOD

    @property
    def answer(self) -> int:
        """Bytes that come back: an echo's."""
        return len(self.message)

    def variant(self, proxy: str) -> str:
        """The name of the proxy's peer that does what this suite is about."""
        return proxy if self.suite == MATRIX else f"{proxy}-{self.suite}"


PAYLOADS: Final = (100, 4 * KIB, 64 * KIB)
BUSY: Final = (4, 8)
ALONE: Final = (1, 1)
FLIGHTS: Final = (BUSY, ALONE)
"""(connections, streams): a busy host, and one caller that waits for every answer."""

_PLAIN: Final = ("direct", "verdigris", "envoy", "haproxy", "nginx", "naive")
DEFAULT: Final = tuple(
    Scenario(payload=payload, connections=connections, streams=streams, peers=_PLAIN)
    for payload in PAYLOADS
    for connections, streams in FLIGHTS
)


def _suite(name: str, peers: Sequence[str]) -> tuple[Scenario, ...]:
    """What a variant is measured with: small and large messages of a busy host, and one caller alone."""
    flights = ((100, BUSY), (64 * KIB, BUSY), (100, ALONE))
    return tuple(
        Scenario(payload, connections, streams, suite=name, peers=tuple(peers))
        for payload, (connections, streams) in flights
    )


BY_SUITE: Final[dict[str, tuple[Scenario, ...]]] = {
    MATRIX: DEFAULT,
    # Each beside itself without the extra, so that the table says what the extra costs
    "traced": _suite(
        "traced", ("verdigris", "verdigris-traced", "envoy", "envoy-traced", "envoy-traced-single")
    ),
    "mirror": _suite("mirror", ("verdigris", "verdigris-mirror", "envoy", "envoy-mirror")),
    "tls": _suite("tls", ("verdigris", "verdigris-tls", "envoy", "envoy-tls", "haproxy", "haproxy-tls")),
}


def of_suite(name: str) -> tuple[Scenario, ...]:
    """The scenarios of a suite, or of all of them."""
    if name == "all":
        return tuple(scenario for suite in SUITES for scenario in BY_SUITE[suite])
    return BY_SUITE[name]
