"""A body cut into its messages: gRPC's prefix of 5 bytes, and the message's compression undone.

Bodies come from peers nobody here wrote, and may end anywhere, because a call was canceled or an instance died. So what
is whole is given, and what is wrong behind it is told, not raised. Decompression is bounded: a mebibyte of
deflated zeros is a gibibyte.
"""

import struct
from dataclasses import dataclass
from typing import Final

from shadow.messages.compression import Unreadable, expand

MOST_BYTES: Final = 32 << 20
"""Of all messages of one body, when expanded."""
MOST_MESSAGES: Final = 10_000
"""Of one body; 1 MiB would hold 200 000 empty ones."""

_PREFIX: Final = struct.Struct(">BI")
"""Whether compressed, and the length (gRPC over HTTP/2, Length-Prefixed-Message)."""


@dataclass(frozen=True, slots=True)
class Body:
    """The messages that are whole, in order."""

    messages: tuple[bytes, ...]
    fault: str = ""
    """What ended the reading before the body's end; empty: nothing did."""


def split(body: bytes, encoding: str, *, most_bytes: int = MOST_BYTES) -> Body:
    """`encoding` is grpc-encoding. Never raises."""
    messages: list[bytes] = []
    position, room, end = 0, most_bytes, len(body)
    while position < end:
        start = position + _PREFIX.size
        if start > end:
            return _ended(messages, f"ends in its prefix, after {end - position} of {_PREFIX.size} bytes")
        flag, length = _PREFIX.unpack_from(body, position)
        position = start + length
        if flag > 1:
            return _ended(messages, f"has flag {flag}, where 0 or 1 says whether it is compressed")
        if position > end:
            return _ended(messages, f"ends after {end - start} of {length} bytes")
        if len(messages) == MOST_MESSAGES:
            return _ended(messages, f"is one more than the {MOST_MESSAGES} that are read")
        message = body[start:position]
        if flag:
            try:
                message = expand(message, encoding, room)
            except Unreadable as error:
                return _ended(messages, str(error))
        room -= len(message)
        messages.append(message)
    return Body(tuple(messages))


def _ended(messages: list[bytes], fault: str) -> Body:
    return Body(tuple(messages), f"message {len(messages) + 1} {fault}")
