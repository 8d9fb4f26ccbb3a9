"""Frames as bytes: the constants of RFC 9113, and one small builder per frame we send.

A frame is a 9-byte head (24-bit length, 8-bit type, 8-bit flags, 31-bit stream id) and a payload (section 4.1).
Length and type are read and written as one 32-bit word, because `struct` has no 24-bit integer.
"""

import struct
from collections.abc import Mapping
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_SIZE: Final = 9

# Frame types, section 6
DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

# Flags, section 6
ACK: Final = 0x1
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
HAS_PRIORITY: Final = 0x20

# Settings, section 6.5.2
HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

# Error codes, section 7
NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
INTERNAL_ERROR: Final = 2
FLOW_CONTROL_ERROR: Final = 3
STREAM_CLOSED: Final = 5
FRAME_SIZE_ERROR: Final = 6
REFUSED_STREAM: Final = 7
CANCEL: Final = 8
COMPRESSION_ERROR: Final = 9
ENHANCE_YOUR_CALM: Final = 11

DEFAULT_WINDOW: Final = 65_535
"""What every stream and every connection may send before anything is said (section 6.9.2)."""
MAX_WINDOW: Final = (1 << 31) - 1
MAX_STREAM_ID: Final = (1 << 31) - 1
FRAME_LIMIT: Final = 16_384
"""The smallest MAX_FRAME_SIZE a peer may have; we advertise it and never exceed it, so every frame fits everywhere."""

read_head: Final = struct.Struct(">IBI").unpack_from
make_head: Final = struct.Struct(">IBI").pack
read_setting: Final = struct.Struct(">HI").unpack_from
make_setting: Final = struct.Struct(">HI").pack
_word: Final = struct.Struct(">I").pack

SETTINGS_ACK: Final = make_head(SETTINGS, ACK, 0)


class ConnectionFault(Exception):
    """The peer broke the protocol for the whole connection: GOAWAY with `code`, then close (section 5.4.1)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Any frame; payload of at most 16 384 bytes."""
    return make_head(len(payload) << 8 | kind, flags, stream_id) + payload


def settings(values: Mapping[int, int]) -> bytes:
    """SETTINGS with these values."""
    return frame(SETTINGS, 0, 0, b"".join(make_setting(key, value) for key, value in values.items()))


def window_update(stream_id: int, increment: int) -> bytes:
    """WINDOW_UPDATE by 1 to 2^31-1 bytes; stream 0 is the connection."""
    return make_head(4 << 8 | WINDOW_UPDATE, 0, stream_id) + _word(increment)


def rst_stream(stream_id: int, code: int) -> bytes:
    """RST_STREAM with an error code of section 7."""
    return make_head(4 << 8 | RST_STREAM, 0, stream_id) + _word(code)


def goaway(last_stream_id: int, code: int, reason: str = "") -> bytes:
    """GOAWAY: streams above `last_stream_id` were not and will not be processed."""
    return frame(GOAWAY, 0, 0, _word(last_stream_id) + _word(code) + reason.encode()[:256])


def headers(stream_id: int, block: bytes, flags: int) -> bytes:
    """A whole header block: HEADERS, and CONTINUATION where it is longer than one frame. `flags`: END_STREAM or 0."""
    if len(block) <= FRAME_LIMIT:
        return make_head(len(block) << 8 | HEADERS, flags | END_HEADERS, stream_id) + block
    parts = [frame(HEADERS, flags, stream_id, block[:FRAME_LIMIT])]
    for start in range(FRAME_LIMIT, len(block), FRAME_LIMIT):
        piece = block[start : start + FRAME_LIMIT]
        last = END_HEADERS if start + FRAME_LIMIT >= len(block) else 0
        parts.append(frame(CONTINUATION, last, stream_id, piece))
    return b"".join(parts)
