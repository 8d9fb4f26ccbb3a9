"""Every frame that a peer may not send, and some that look like it, with what RFC 9113 says to do about them.

Each is said on a connection that has a stream in every state.
"""

from mesh.http2 import frames as f
from mesh.http2.blocks import literal
from tests.mesh.http2.relay import REQUEST, RESPONSE, TRAILERS

OPEN, HALF_CLOSED, CLOSED, RESET_BY_PEER, RESET_BY_US, BYSTANDER, IDLE = 1, 3, 5, 7, 9, 11, 13
"""Stream ids; of a client's connection. On the upstream's, HALF_CLOSED has a response under way."""

Expected = tuple[str, int, int] | None
"""("goaway", code, 0), ("reset", code, stream), or None: nothing happens."""


def goaway(code: int) -> Expected:
    return ("goaway", code, 0)


def reset(stream_id: int, code: int) -> Expected:
    return ("reset", code, stream_id)


def data(stream_id: int, payload: bytes = b"x", flags: int = 0) -> bytes:
    return f.frame(f.DATA, flags, stream_id, payload)


def head(length: int, kind: int, flags: int, stream_id: int) -> bytes:
    return f.make_head(length << 8 | kind, flags, stream_id)


def setting(key: int, value: int) -> bytes:
    return f.settings({key: value})


UPPER_CASE = literal(b"X-Upper", b"1")
LINE_BREAK = literal(b"x-broken", b"a\nb")
DYNAMIC = b"\xbe"  # index 62
CUT_SHORT = b"\x00\x05abc"
TOO_LARGE = b"\x7f\xff\xff\xff\xff\x7f"
NOT_HUFFMAN = b"\x00\x81\x00\x01a"
GROWN_TABLE = b"\x3f\xe1\x1f"  # size update to 4096
HALF_UPDATE = b"\x3f"
LATE_UPDATE = b"\x88\x20"

# What holds in both roles

ON_ANY: dict[str, tuple[bytes, Expected]] = {
    "a frame above 16 384 bytes": (head(16_385, f.DATA, 0, OPEN), goaway(f.FRAME_SIZE_ERROR)),
    "DATA on stream 0": (data(0), goaway(f.PROTOCOL_ERROR)),
    "DATA on an idle stream": (data(IDLE), goaway(f.PROTOCOL_ERROR)),
    "DATA on an even stream": (data(2), goaway(f.PROTOCOL_ERROR)),
    "DATA on a closed stream": (data(CLOSED), None),
    "DATA on a stream it has reset": (data(RESET_BY_PEER), None),
    "DATA on a stream we have reset": (data(RESET_BY_US), None),
    "padding longer than the frame": (data(OPEN, b"\x05abcd", f.PADDED), goaway(f.PROTOCOL_ERROR)),
    "padding of a frame without payload": (data(OPEN, b"", f.PADDED), goaway(f.FRAME_SIZE_ERROR)),
    "HEADERS on stream 0": (f.headers(0, RESPONSE, 0), goaway(f.PROTOCOL_ERROR)),
    "half HEADERS on stream 0": (f.frame(f.HEADERS, 0, 0, RESPONSE), goaway(f.PROTOCOL_ERROR)),
    "HEADERS on an even stream": (f.headers(2, REQUEST, 0), goaway(f.PROTOCOL_ERROR)),
    "late trailers on a stream we have reset": (f.headers(RESET_BY_US, TRAILERS, 1), None),
    "HEADERS too short for its padding": (
        f.frame(f.HEADERS, 12, OPEN, b"\x09" + RESPONSE),
        goaway(f.PROTOCOL_ERROR),
    ),
    "HEADERS too short for its priority": (
        f.frame(f.HEADERS, 0x24, OPEN, b"\0\0\0\0"),
        goaway(f.FRAME_SIZE_ERROR),
    ),
    "CONTINUATION without HEADERS": (f.frame(f.CONTINUATION, 4, OPEN, b""), goaway(f.PROTOCOL_ERROR)),
    "a block interrupted by DATA": (
        f.frame(f.HEADERS, 0, OPEN, RESPONSE) + data(OPEN),
        goaway(f.PROTOCOL_ERROR),
    ),
    "a block interrupted by PING": (
        f.frame(f.HEADERS, 0, OPEN, RESPONSE) + f.frame(f.PING, 0, 0, bytes(8)),
        goaway(f.PROTOCOL_ERROR),
    ),
    "a block interrupted by an unknown type": (
        f.frame(f.HEADERS, 0, OPEN, RESPONSE) + f.frame(0xAA, 0, OPEN),
        goaway(f.PROTOCOL_ERROR),
    ),
    "a block continued on another stream": (
        f.frame(f.HEADERS, 0, OPEN, RESPONSE) + f.frame(f.CONTINUATION, 4, BYSTANDER),
        goaway(f.PROTOCOL_ERROR),
    ),
    "a block above the limit": (
        f.frame(f.HEADERS, 0, OPEN, bytes(16_384)) + 4 * f.frame(f.CONTINUATION, 0, OPEN, bytes(16_384)),
        goaway(f.ENHANCE_YOUR_CALM),
    ),
    "a flood of empty CONTINUATIONs": (
        f.frame(f.HEADERS, 0, OPEN, RESPONSE) + 100 * f.frame(f.CONTINUATION, 0, OPEN),
        goaway(f.ENHANCE_YOUR_CALM),
    ),
    "a block that uses a dynamic table": (f.headers(OPEN, DYNAMIC, 1), goaway(f.COMPRESSION_ERROR)),
    "a block that is cut short": (f.headers(OPEN, CUT_SHORT, 1), goaway(f.COMPRESSION_ERROR)),
    "a block with an endless integer": (f.headers(OPEN, TOO_LARGE, 1), goaway(f.COMPRESSION_ERROR)),
    "a block that is no Huffman code": (f.headers(OPEN, NOT_HUFFMAN, 1), goaway(f.COMPRESSION_ERROR)),
    "a block that wants a table": (f.headers(OPEN, GROWN_TABLE + RESPONSE, 1), goaway(f.COMPRESSION_ERROR)),
    "a table size update cut short": (f.headers(OPEN, HALF_UPDATE, 1), goaway(f.COMPRESSION_ERROR)),
    "a late table size update": (f.headers(OPEN, LATE_UPDATE, 1), goaway(f.COMPRESSION_ERROR)),
    "a field name in upper case": (f.headers(OPEN, UPPER_CASE, 1), reset(OPEN, f.PROTOCOL_ERROR)),
    "a line break in a field value": (f.headers(OPEN, LINE_BREAK, 1), reset(OPEN, f.PROTOCOL_ERROR)),
    "a field of the connection": (
        f.headers(OPEN, literal(b"connection", b"close"), 1),
        reset(OPEN, f.PROTOCOL_ERROR),
    ),
    "an indexed field of the connection": (f.headers(OPEN, b"\xb9", 1), reset(OPEN, f.PROTOCOL_ERROR)),
    "PRIORITY of 4 bytes": (f.frame(f.PRIORITY, 0, OPEN, bytes(4)), goaway(f.FRAME_SIZE_ERROR)),
    "PRIORITY on stream 0": (f.frame(f.PRIORITY, 0, 0, bytes(5)), goaway(f.PROTOCOL_ERROR)),
    "PRIORITY on an idle stream": (f.frame(f.PRIORITY, 0, 101, bytes(5)), None),
    "PRIORITY on an open stream": (f.frame(f.PRIORITY, 0, OPEN, bytes(5)), None),
    "RST_STREAM of 3 bytes": (f.frame(f.RST_STREAM, 0, OPEN, bytes(3)), goaway(f.FRAME_SIZE_ERROR)),
    "RST_STREAM on stream 0": (f.rst_stream(0, f.CANCEL), goaway(f.PROTOCOL_ERROR)),
    "RST_STREAM on an idle stream": (f.rst_stream(IDLE, f.CANCEL), goaway(f.PROTOCOL_ERROR)),
    "RST_STREAM on a closed stream": (f.rst_stream(CLOSED, f.CANCEL), None),
    "RST_STREAM on a stream we have reset": (f.rst_stream(RESET_BY_US, f.CANCEL), None),
    "SETTINGS on a stream": (f.frame(f.SETTINGS, 0, OPEN), goaway(f.PROTOCOL_ERROR)),
    "SETTINGS of 5 bytes": (f.frame(f.SETTINGS, 0, 0, bytes(5)), goaway(f.FRAME_SIZE_ERROR)),
    "an acknowledgement that says something": (
        f.frame(f.SETTINGS, 1, 0, bytes(6)),
        goaway(f.FRAME_SIZE_ERROR),
    ),
    "an acknowledgement too many": (f.SETTINGS_ACK, None),
    "ENABLE_PUSH 2": (setting(f.ENABLE_PUSH, 2), goaway(f.PROTOCOL_ERROR)),
    "INITIAL_WINDOW_SIZE 2^31": (setting(f.INITIAL_WINDOW_SIZE, 1 << 31), goaway(f.FLOW_CONTROL_ERROR)),
    "MAX_FRAME_SIZE 16 383": (setting(f.MAX_FRAME_SIZE, 16_383), goaway(f.PROTOCOL_ERROR)),
    "MAX_FRAME_SIZE 2^24": (setting(f.MAX_FRAME_SIZE, 1 << 24), goaway(f.PROTOCOL_ERROR)),
    "PUSH_PROMISE": (f.frame(f.PUSH_PROMISE, 4, OPEN, bytes(4)), goaway(f.PROTOCOL_ERROR)),
    "PING of 7 bytes": (f.frame(f.PING, 0, 0, bytes(7)), goaway(f.FRAME_SIZE_ERROR)),
    "PING on a stream": (f.frame(f.PING, 0, OPEN, bytes(8)), goaway(f.PROTOCOL_ERROR)),
    "an answer to a PING that nobody sent": (f.frame(f.PING, 1, 0, bytes(8)), None),
    "GOAWAY of 7 bytes": (f.frame(f.GOAWAY, 0, 0, bytes(7)), goaway(f.FRAME_SIZE_ERROR)),
    "GOAWAY on a stream": (f.frame(f.GOAWAY, 0, OPEN, bytes(8)), goaway(f.PROTOCOL_ERROR)),
    "WINDOW_UPDATE of 3 bytes": (f.frame(f.WINDOW_UPDATE, 0, OPEN, bytes(3)), goaway(f.FRAME_SIZE_ERROR)),
    "WINDOW_UPDATE by 0": (f.window_update(0, 0), goaway(f.PROTOCOL_ERROR)),
    "WINDOW_UPDATE by 0 on a stream": (f.window_update(OPEN, 0), reset(OPEN, f.PROTOCOL_ERROR)),
    "WINDOW_UPDATE above 2^31-1": (f.window_update(0, 1 << 30), goaway(f.FLOW_CONTROL_ERROR)),
    "WINDOW_UPDATE above 2^31-1 on a stream": (
        f.window_update(OPEN, f.MAX_WINDOW),
        reset(OPEN, f.FLOW_CONTROL_ERROR),
    ),
    "WINDOW_UPDATE on an idle stream": (f.window_update(IDLE, 1), goaway(f.PROTOCOL_ERROR)),
    "WINDOW_UPDATE on a closed stream": (f.window_update(CLOSED, 1), None),
    "WINDOW_UPDATE on a stream we have reset": (f.window_update(RESET_BY_US, 1), None),
    "SETTINGS that widen a stream above 2^31-1": (
        f.window_update(OPEN, f.MAX_WINDOW - 65_535) + setting(f.INITIAL_WINDOW_SIZE, 65_536),
        goaway(f.FLOW_CONTROL_ERROR),
    ),
    "a frame of unknown type": (f.frame(0xAA, 0xFF, OPEN, b"whatever"), None),
    "a frame of unknown type on stream 0": (f.frame(0x0C, 0, 0, b"whatever"), None),
    "the reserved bit of a stream id": (f.frame(f.PRIORITY, 0, OPEN | 1 << 31, bytes(5)), None),
}

FROM_CLIENT: dict[str, tuple[bytes, Expected]] = ON_ANY | {
    "trailers on a closed stream": (f.headers(CLOSED, TRAILERS, 1), goaway(f.STREAM_CLOSED)),
    "trailers on a stream it has reset": (f.headers(RESET_BY_PEER, TRAILERS, 1), goaway(f.STREAM_CLOSED)),
    "a call on a closed stream": (f.headers(CLOSED, REQUEST, 1), goaway(f.PROTOCOL_ERROR)),
    "DATA after END_STREAM": (data(HALF_CLOSED), reset(HALF_CLOSED, f.STREAM_CLOSED)),
    "HEADERS after END_STREAM": (f.headers(HALF_CLOSED, TRAILERS, 1), reset(HALF_CLOSED, f.STREAM_CLOSED)),
    "a second header block that ends nothing": (
        f.headers(OPEN, TRAILERS, 0),
        reset(OPEN, f.PROTOCOL_ERROR),
    ),
    "pseudo fields in trailers": (f.headers(OPEN, REQUEST, 1), reset(OPEN, f.PROTOCOL_ERROR)),
    "a call with a malformed field": (
        f.headers(IDLE, REQUEST + UPPER_CASE, 1),
        reset(IDLE, f.PROTOCOL_ERROR),
    ),
    "a call whose block cannot be decoded": (
        f.headers(IDLE, REQUEST + DYNAMIC, 1),
        goaway(f.COMPRESSION_ERROR),
    ),
    "ENABLE_PUSH 1": (setting(f.ENABLE_PUSH, 1), None),
    "GOAWAY": (f.goaway(0, f.NO_ERROR), None),
}

FROM_UPSTREAM: dict[str, tuple[bytes, Expected]] = ON_ANY | {
    "trailers on a closed stream": (f.headers(CLOSED, TRAILERS, 1), None),
    "trailers on a stream it has reset": (f.headers(RESET_BY_PEER, TRAILERS, 1), None),
    "DATA before the response": (data(OPEN), reset(OPEN, f.PROTOCOL_ERROR)),
    "DATA before the response, that ends it": (data(OPEN, b"", 1), reset(OPEN, f.PROTOCOL_ERROR)),
    "HEADERS on a stream that we never opened": (f.headers(IDLE, RESPONSE, 0), goaway(f.PROTOCOL_ERROR)),
    "ENABLE_PUSH 1": (setting(f.ENABLE_PUSH, 1), goaway(f.PROTOCOL_ERROR)),
    "DATA after a response that ended": (
        f.headers(OPEN, RESPONSE, 1) + data(OPEN),
        reset(OPEN, f.STREAM_CLOSED),
    ),
    "HEADERS after a response that ended": (
        f.headers(OPEN, RESPONSE, 1) + f.headers(OPEN, TRAILERS, 1),
        reset(OPEN, f.STREAM_CLOSED),
    ),
    "DATA after both sides have ended": (data(HALF_CLOSED, b"", 1) + data(HALF_CLOSED), None),
}
