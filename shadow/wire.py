"""What goes from a data path to its recorder, and back, over a socket pair.

Towards the recorder: messages, each a length and a kind before its body. TERMS say what the pairs after them are to
be read by; a PAIR is one pair; COUNTS are totals of shadows that have no pair. Back: acknowledgements, each with what
became of the pairs it covers. Both ends run the same code, so the format has no version. Little endian throughout.

A pair is sent as it was on the wire, header blocks included: to take it apart is the recorder's work.
"""

import json
from collections.abc import Iterator
from struct import Struct
from typing import Any, Final, NamedTuple

PREFIX: Final = Struct("<IB")
"""Bytes of the body, and the kind."""
TERMS: Final = 1
PAIR: Final = 2
COUNTS: Final = 3

FACTS: Final = Struct("<QqQiBQQ32s7I")
"""Number, at (Unix ns), revision, bucket, canceled, latencies of primary and shadow (ns), trace id (ASCII; zeros:
none), and the lengths of what follows: labels, then block and body of the request, of the primary answer, of the
shadow's."""
LEFT_OUT: Final = 0xFFFF_FFFF
"""The length of a body that was not kept."""
NO_TRACE: Final = bytes(32)
SEPARATOR: Final = "\n"
"""Between labels: none of them can hold it."""

ACKNOWLEDGED: Final = Struct("<QI")
"""Bytes of whole messages that are kept for good, since the connection began; bytes of JSON that follow."""


class Labels(NamedTuple):
    """What many pairs have in common, as text."""

    method: str
    role: str
    outcome: str
    reason: str
    primary_color: str
    primary_endpoint: str
    primary_status: str
    shadow_color: str
    shadow_endpoint: str
    shadow_status: str
    service: str


class RawPair(NamedTuple):
    """A pair as it was sent; a block is a stateless header block (RFC 7541), or two after each other."""

    number: int
    at: int
    revision: int
    bucket: int
    canceled: bool
    primary_latency: int
    shadow_latency: int
    trace_id: str
    labels: Labels
    request_block: bytes
    request: bytes | None
    primary_block: bytes
    primary: bytes | None
    shadow_block: bytes
    shadow: bytes | None


class Total(NamedTuple):
    """So many shadows had this outcome and no pair, or: so many pairs were given this outcome."""

    color: str
    role: str
    revision: int
    outcome: str
    reason: str
    number: int


def message(kind: int, body: bytes) -> bytes:
    """A whole message."""
    return PREFIX.pack(len(body), kind) + body


def terms(value: dict[str, Any]) -> bytes:
    """A message: what holds for the pairs after it."""
    return message(TERMS, json.dumps(value).encode())


def counts(totals: list[Total]) -> bytes:
    """A message: totals of this source, each since its beginning."""
    return message(COUNTS, json.dumps(totals).encode())


def read_totals(body: bytes) -> list[Total]:
    """Of COUNTS, and of an acknowledgement."""
    return [Total(*each) for each in json.loads(body or b"[]")]


def messages(data: bytes | bytearray) -> Iterator[tuple[int, bytes, int]]:
    """Kind, body and the position after it, of each whole message."""
    position = 0
    while position + PREFIX.size <= len(data):
        length, kind = PREFIX.unpack_from(data, position)
        end = position + PREFIX.size + length
        if end > len(data):
            return
        yield kind, bytes(data[position + PREFIX.size : end]), end
        position = end


def read_pair(body: bytes) -> RawPair:
    """The body of a PAIR."""
    *facts, labels, request_block, request, primary_block, primary, shadow_block, shadow = FACTS.unpack_from(
        body
    )
    position = FACTS.size

    def part(length: int) -> bytes | None:
        nonlocal position
        if length == LEFT_OUT:
            return None
        position += length
        return body[position - length : position]

    number, at, revision, bucket, canceled, primary_latency, shadow_latency, trace_id = facts
    return RawPair(
        number,
        at,
        revision,
        bucket,
        bool(canceled),
        primary_latency,
        shadow_latency,
        "" if trace_id == NO_TRACE else trace_id.decode(),
        Labels(*(part(labels) or b"").decode().split(SEPARATOR)),
        part(request_block) or b"",
        part(request),
        part(primary_block) or b"",
        part(primary),
        part(shadow_block) or b"",
        part(shadow),
    )
