"""Frames as bytes: the constants of RFC 9113, and one small builder per frame we send.

A frame is a 9-byte head (24-bit length, 8-bit type, 8-bit flags, 31-bit stream id) and a payload (section 4.1).
Length and type are read and written as one 32-bit word, because `struct` has no 24-bit integer.
"""

import struct
from collections.abc import Callable, Mapping
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
TOKEN: Final = 0xF0DD
"""Assigned to nobody, so others have to ignore it (6.5.2): by its value a sidecar recognises itself."""

# Error codes, section 7
NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
INTERNAL_ERROR: Final = 2
FLOW_CONTROL_ERROR: Final = 3
SETTINGS_TIMEOUT: Final = 4
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

_HEAD: Final = struct.Struct(">IBI")
_SETTING: Final = struct.Struct(">HI")
_WORD: Final = struct.Struct(">I")

read_head: Final[Callable[[bytes, int], tuple[int, int, int]]] = _HEAD.unpack_from
make_head: Final[Callable[[int, int, int], bytes]] = _HEAD.pack
read_setting: Final[Callable[[bytes, int], tuple[int, int]]] = _SETTING.unpack_from
make_setting: Final[Callable[[int, int], bytes]] = _SETTING.pack
_word: Final[Callable[[int], bytes]] = _WORD.pack

SETTINGS_ACK: Final = make_head(SETTINGS, ACK, 0)

_REASON_OF_CODE: Final = {
    COMPRESSION_ERROR: "compression",
    FLOW_CONTROL_ERROR: "flow_control",
    FRAME_SIZE_ERROR: "frame_size",
    INTERNAL_ERROR: "internal",
}
REASONS: Final = frozenset(
    (
        "protocol",
        *_REASON_OF_CODE.values(),
        "block_timeout",
        "greeting_timeout",
        "header_block",
        "keepalive_timeout",
        "loop",
        "max_connections",
        "rapid_reset",
        "settings_timeout",
        "unread",
        "useless_frames",
        "write_timeout",
    )
)
"""Why connections end for their peer's fault."""
STREAM_REASONS: Final = frozenset(
    (
        "flow_control",
        "header_list",
        "malformed",
        "protocol",
        "refused_draining",
        "refused_max_streams",
        "stream_closed",
    )
)
"""Why single streams are refused, or reset for their peer's fault."""


class ConnectionFault(Exception):
    """The whole connection ends for its peer's fault: GOAWAY with `code` and `text`, then close (section 5.4.1).

    `reason` is one of `REASONS`, for counting; where none is given it follows from the code.
    """

    def __init__(self, code: int, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.reason = reason or _REASON_OF_CODE.get(code, "protocol")


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


def goaway(last_stream_id: int, code: int, text: str = "") -> bytes:
    """GOAWAY: streams above `last_stream_id` were not and will not be processed."""
    return frame(GOAWAY, 0, 0, _word(last_stream_id) + _word(code) + text.encode()[:256])


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
