"""A pair: one request, the answer that the caller got, and the answer of a shadow; as values.

What a pair became is its `Outcome`. Every shadow that was begun has one, so the accounting closes:
mirrored = compared + failed + timed out + dropped.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mesh import contract

NO_BUCKET: Final = -1
"""The bucket of a call that was not keyed."""
REPLAY: Final = "replay"
ROLES: Final = (contract.ROLE_SHADOW, contract.ROLE_NOISE, REPLAY)
"""Of what was compared with the primary: a shadow; another call to the primary's own colour, which shows how much that
disagrees with itself; a stored request that was sent again."""


class Outcome(StrEnum):
    """What became of a shadow."""

    COMPARED = "compared"
    FAILED = "failed"
    """Its connection broke, or its stream was reset. (A gRPC status is an answer, and is compared.)"""
    TIMED_OUT = "timed_out"
    DROPPED = "dropped"
    """It, or its pair, was given up; `Pair.reason` says why."""


@dataclass(frozen=True, slots=True)
class PairId:
    """`source` is one life of one data path, `number` counts its pairs from 1: together they are never given again."""

    source: str
    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What one leg said."""

    color: str
    status: str = ""
    """The gRPC status by name; empty where none arrived."""
    message: str = ""
    """grpc-message, decoded."""
    latency: int = 0
    """Nanoseconds from the first byte of the request to the end of the answer."""
    endpoint: str = ""
    """HOST:PORT."""
    version: str = ""
    """The model's version, as its instance registered it."""
    encoding: str = ""
    """grpc-encoding: how its messages are compressed."""
    body: bytes | None = b""
    """Its messages, each with gRPC's prefix of 5 bytes, as they were on the wire; None where they were not kept."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One request and both answers."""

    id: PairId
    service: str
    method: str
    """The full method, `/package.Service/Method`."""
    at: int
    """When the call began: nanoseconds of Unix time."""
    revision: int
    """Of the traffic document that decided the call; 0 for the default."""
    role: str
    """One of `ROLES`."""
    primary: Answer
    shadow: Answer
    outcome: Outcome = Outcome.COMPARED
    """What the splitter knows; COMPARED stands for: both answers are there, to be compared."""
    reason: str = ""
    """Of DROPPED and FAILED: one word, as in metrics."""
    bucket: int = NO_BUCKET
    """0 to 9 999, of the key."""
    trace_id: str = ""
    """32 hexadecimal digits, where the call was sampled."""
    canceled: bool = False
    """The client gave up; the shadow was finished nevertheless."""
    request: bytes | None = b""
    """As `Answer.body`."""
    encoding: str = ""
    """grpc-encoding of the request."""
    metadata: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Of the request, without what HTTP and gRPC themselves need, and without credentials."""
