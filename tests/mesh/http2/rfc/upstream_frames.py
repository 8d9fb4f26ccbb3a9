"""What an upstream may and may not say: our client role. Streams 1 and 3 are open, their requests complete, and
nothing has been answered yet. The numbers are those of h2spec's cases for clients."""

from mesh.http2 import frames as f
from mesh.http2.blocks import block_of
from tests.mesh.http2.rfc.case import (
    PING,
    Answered,
    Case,
    Goaway,
    Hears,
    Ignored,
    Reset,
    acknowledged,
    data,
    half,
    head,
    more,
    ponged,
    priority,
    settings,
)

PROTOCOL = Goaway((f.PROTOCOL_ERROR,))
FRAME_SIZE = Goaway((f.FRAME_SIZE_ERROR,))
FLOW_CONTROL = Goaway((f.FLOW_CONTROL_ERROR,))
COMPRESSION = Goaway((f.COMPRESSION_ERROR,))
MALFORMED = Reset(1, (f.PROTOCOL_ERROR,))
END, MAX = f.END_STREAM, f.MAX_WINDOW
OK = block_of((b":status", b"200"), (b"content-type", b"application/grpc"))
STATUS = block_of((b"grpc-status", b"0"))
INTERIM = block_of((b":status", b"103"))


def response(stream_id: int = 1, end: int = 0, block: bytes = OK) -> bytes:
    return f.headers(stream_id, block, end)


def trailers(stream_id: int = 1, block: bytes = STATUS) -> bytes:
    return f.headers(stream_id, block, END)


WHOLE = response() + data(flags=0) + trailers()


def of(*pairs: tuple[bytes, bytes], end: int = END) -> bytes:
    return f.headers(1, block_of(*pairs), end)


def number(at: str) -> str:
    return f"client/{at}"


FRAMES = (
    Case("3.4", "SETTINGS, and nothing else", (PING,), Hears(ponged), number("1/1")),
    Case("4.1", "a frame of unknown type", (f.frame(0xFF, 0, 0, b"unknown"),), Ignored(), number("4.1/1")),
    Case("4.1", "a flag that is not defined", (f.frame(f.PING, 0x10, 0, PING[9:]),), Hears(ponged),
         number("4.1/2")),
    Case("4.1", "the reserved bit", (f.frame(f.PING, 0, 1 << 31, PING[9:]),), Hears(ponged), number("4.1/3")),
    Case("4.2", "DATA of 2^14 bytes", (response() + data(payload=bytes(16_384), flags=0) + trailers(),), Answered(),
         number("4.2/1")),
    Case("4.2", "DATA above MAX_FRAME_SIZE", (response() + data(payload=bytes(16_385)),), FRAME_SIZE,
         number("4.2/2")),
    Case("4.2", "HEADERS above MAX_FRAME_SIZE", (head(16_385, f.HEADERS, 5) + bytes(16_385),), FRAME_SIZE,
         number("4.2/3")),
    Case("4.3", "a block that is none", (response(block=b"\x40"),), COMPRESSION, number("4.3/1")),
    Case("4.3", "a block that uses a dynamic table", (response(block=OK + b"\xbe"),), COMPRESSION),
    Case("4.3", "a block that opens with a size update", (response(block=b"\x20" + OK) + trailers(),), Answered()),
)  # fmt: skip

STREAMS = (
    Case("5.1", "DATA on an idle stream", (data(2),), PROTOCOL, number("5.1/1")),
    Case("5.1", "RST_STREAM on an idle stream", (f.rst_stream(2, 8),), PROTOCOL, number("5.1/2")),
    Case("5.1", "WINDOW_UPDATE on an idle stream", (f.window_update(2, 100),), PROTOCOL, number("5.1/3")),
    Case("5.1", "CONTINUATION on an idle stream", (more(2, OK),), PROTOCOL, number("5.1/4")),
    Case("5.1", "DATA on a stream that was never opened", (data(77),), PROTOCOL),
    Case("5.1", "DATA after its RST_STREAM", (response() + f.rst_stream(1, 8) + data(),), Ignored(),
         number("5.1/5")),
    Case("5.1", "HEADERS after its RST_STREAM", (response() + f.rst_stream(1, 8) + trailers(),), Ignored(),
         number("5.1/6")),
    Case("5.1", "CONTINUATION after its RST_STREAM", (response() + f.rst_stream(1, 8) + more(1, STATUS),),
         Goaway((f.STREAM_CLOSED, f.PROTOCOL_ERROR)), number("5.1/7")),
    Case("5.1", "DATA on a closed stream", (WHOLE + data(),), Answered(), number("5.1/8")),
    Case("5.1", "HEADERS on a closed stream", (WHOLE + trailers(),), Answered(), number("5.1/9")),
    Case("5.1", "CONTINUATION on a closed stream", (WHOLE + more(1, STATUS),),
         Goaway((f.STREAM_CLOSED, f.PROTOCOL_ERROR)), number("5.1/10")),
    Case("5.1", "PRIORITY on any stream", (priority(1) + priority(2) + priority(99) + WHOLE,), Answered()),
    Case("5.1.1", "HEADERS on a stream that we never opened", (response(101),), PROTOCOL, number("5.1.1/1")),
    Case("5.1.1", "HEADERS on an even stream", (response(2),), PROTOCOL),
    Case("5.4.1", "an invalid PING: the connection is closed", (f.frame(f.PING, 0, 3, bytes(8)),), PROTOCOL,
         number("5.4.1/1")),
    Case("5.4.1", "an invalid PING: GOAWAY comes first", (f.frame(f.PING, 0, 3, bytes(8)),), PROTOCOL,
         number("5.4.1/2")),
    Case("5.5", "an extension frame within a block", (half(1, OK, 0) + f.frame(0xFF, 0, 0, bytes(8)) + more(),),
         PROTOCOL, number("5.5/1")),
)  # fmt: skip

KINDS = (
    Case("6.1", "DATA on stream 0", (data(0),), PROTOCOL, number("6.1/1")),
    Case("6.1", "DATA after END_STREAM", (response(end=END) + data(),), Answered(), number("6.1/2")),
    Case("6.1", "padding longer than the frame", (response() + data(payload=b"\x06" + bytes(4), flags=9),), PROTOCOL,
         number("6.1/3")),
    Case("6.1", "DATA with padding", (response() + data(payload=b"\x06x" + bytes(6), flags=8) + trailers(),),
         Answered()),
    Case("6.2", "PRIORITY after half a block", (half(1, OK, 0) + priority(1),), PROTOCOL, number("6.2/1")),
    Case("6.2", "HEADERS on stream 0", (response(0),), PROTOCOL, number("6.2/2")),
    Case("6.2", "padding longer than the block", (f.frame(f.HEADERS, 0xC, 1, b"\xff" + OK),), PROTOCOL,
         number("6.2/3")),
    Case("6.2", "HEADERS with padding and priority",
         (f.frame(f.HEADERS, 0x2C, 1, b"\x02\0\0\0\0\xff" + OK + b"\0\0") + trailers(),), Answered()),
    Case("6.3", "PRIORITY on stream 0", (priority(0),), PROTOCOL, number("6.3/1")),
    Case("6.3", "PRIORITY of 4 bytes", (f.frame(f.PRIORITY, 0, 1, bytes(4)),), FRAME_SIZE, number("6.3/2")),
    Case("6.4", "RST_STREAM on stream 0", (f.rst_stream(0, f.CANCEL),), PROTOCOL, number("6.4/1")),
    Case("6.4", "RST_STREAM on an idle stream", (f.rst_stream(101, f.CANCEL),), PROTOCOL, number("6.4/2")),
    Case("6.4", "RST_STREAM of 3 bytes", (f.frame(f.RST_STREAM, 0, 1, bytes(3)),), FRAME_SIZE, number("6.4/3")),
    Case("6.4", "RST_STREAM with an unknown code", (f.rst_stream(1, 0xFF),), Ignored()),
    Case("6.5", "an acknowledgement with payload", (f.frame(f.SETTINGS, 1, 0, b"\0"),), FRAME_SIZE,
         number("6.5/1")),
    Case("6.5", "SETTINGS on a stream", (f.frame(f.SETTINGS, 0, 1, f.make_setting(3, 100)),), PROTOCOL,
         number("6.5/2")),
    Case("6.5", "SETTINGS of 3 bytes", (f.frame(f.SETTINGS, 0, 0, bytes(3)),), FRAME_SIZE, number("6.5/3")),
    Case("6.5.2", "INITIAL_WINDOW_SIZE 2^31", (settings((4, 1 << 31)),), FLOW_CONTROL, number("6.5.2/1")),
    Case("6.5.2", "MAX_FRAME_SIZE 16 383", (settings((5, 16_383)),), PROTOCOL, number("6.5.2/2")),
    Case("6.5.2", "MAX_FRAME_SIZE 2^24", (settings((5, 1 << 24)),), PROTOCOL, number("6.5.2/3")),
    Case("6.5.2", "an unknown setting", (settings((0xFF, 1)),), Ignored(), number("6.5.2/4")),
    Case("6.5.2", "ENABLE_PUSH 1", (settings((2, 1)),), PROTOCOL),
    Case("6.5.2", "ENABLE_PUSH 0", (settings((2, 0)) + WHOLE,), Answered()),
    Case("6.5.3", "SETTINGS are acknowledged", (settings(),), Hears(lambda found: acknowledged(found) == 2),
         number("6.5.3/1")),
    Case("6.6", "PUSH_PROMISE, though push is off", (f.frame(f.PUSH_PROMISE, 4, 1, b"\0\0\0\2" + OK),), PROTOCOL),
    Case("6.7", "PING", (PING,), Hears(ponged), number("6.7/1")),
    Case("6.7", "PING with ACK", (f.frame(f.PING, 1, 0, b"invalid!"),),
         Hears(lambda found: not any(each.payload == b"invalid!" for each in found)), number("6.7/2")),
    Case("6.7", "PING on a stream", (f.frame(f.PING, 0, 1, bytes(8)),), PROTOCOL, number("6.7/3")),
    Case("6.7", "PING of 6 bytes", (f.frame(f.PING, 0, 0, bytes(6)),), FRAME_SIZE, number("6.7/4")),
    Case("6.8", "GOAWAY on a stream", (f.frame(f.GOAWAY, 0, 1, bytes(8)),), PROTOCOL, number("6.8/1")),
    Case("6.8", "GOAWAY, and the streams up to the last go on", (f.goaway(3, 0) + WHOLE,), Answered()),
    Case("6.8", "GOAWAY in two steps", (f.goaway(f.MAX_STREAM_ID, 0) + f.goaway(3, 0) + WHOLE,), Answered()),
    Case("6.9", "WINDOW_UPDATE by 0", (f.window_update(0, 0),), PROTOCOL, number("6.9/1")),
    Case("6.9", "WINDOW_UPDATE by 0 on a stream", (f.window_update(1, 0),), MALFORMED, number("6.9/2")),
    Case("6.9", "WINDOW_UPDATE of 3 bytes", (f.frame(f.WINDOW_UPDATE, 0, 0, bytes(3)),), FRAME_SIZE,
         number("6.9/3")),
    Case("6.9.1", "a connection window above 2^31-1", (f.window_update(0, MAX) * 2,), FLOW_CONTROL,
         number("6.9.1/1")),
    Case("6.9.1", "a stream window above 2^31-1", (f.window_update(1, MAX) * 2,), Reset(1, (f.FLOW_CONTROL_ERROR,)),
         number("6.9.1/2")),
    Case("6.10", "two CONTINUATIONs", (half(1, OK[:5], 0) + more(1, OK[5:9], last=False) + more(1, OK[9:])
         + trailers(),), Answered(), number("6.10/1")),
    Case("6.10", "CONTINUATION, then another frame", (half(1, OK, 0) + more(1, STATUS, last=False) + data(),),
         PROTOCOL, number("6.10/2")),
    Case("6.10", "CONTINUATION on stream 0", (half(1, OK, 0) + more(0, STATUS),), PROTOCOL, number("6.10/3")),
    Case("6.10", "CONTINUATION after END_HEADERS", (response() + more(1, STATUS),), PROTOCOL, number("6.10/4")),
    Case("6.10", "CONTINUATION after the last CONTINUATION", (half(1, OK, 0) + more() + more(1, STATUS),), PROTOCOL,
         number("6.10/5")),
    Case("6.10", "CONTINUATION after DATA", (response() + data(flags=0) + more(1, STATUS),), PROTOCOL,
         number("6.10/6")),
    Case("10.5.1", "a block above the limit",
         (half(1, OK, 0) + b"".join(more(1, bytes(16_384), last=False) for _ in range(5)),),
         Goaway((f.ENHANCE_YOUR_CALM,))),
)  # fmt: skip

MESSAGES = (
    Case("8.1", "a response with trailers", (WHOLE,), Answered()),
    Case("8.1", "trailers alone", (response(end=END, block=OK + STATUS),), Answered()),
    Case("8.1", "interim responses first", (response(block=INTERIM) * 2 + WHOLE,), Answered()),
    Case("8.1", "DATA before any HEADERS", (data(),), MALFORMED),
    Case("8.1", "DATA after interim responses only", (response(block=INTERIM) + data(),), MALFORMED, whole=True),
    Case("8.1", "an interim response that ends the stream", (response(end=END, block=INTERIM),), MALFORMED,
         whole=True),
    Case("8.1", "HEADERS after the response that do not end it", (response() + response(),), MALFORMED, whole=True),
    Case("8.1", "an interim response after the response", (response() + response(block=INTERIM),), MALFORMED,
         whole=True),
    Case("8.1", "a complete response, then NO_ERROR", (WHOLE + f.rst_stream(1, f.NO_ERROR),), Answered()),
    Case("8.2", "a field name in upper case", (of((b":status", b"200"), (b"X-Up", b"1")),), MALFORMED),
    Case("8.2.1", "a line break in a field value", (of((b":status", b"200"), (b"x", b"a\nb")),), MALFORMED),
    Case("8.2.2", "connection", (of((b":status", b"200"), (b"connection", b"close")),), MALFORMED),
    Case("8.2.2", "transfer-encoding in trailers", (response() + of((b"transfer-encoding", b"chunked")),), MALFORMED),
    Case("8.3", "a request's pseudo field", (of((b":status", b"200"), (b":path", b"/")),), MALFORMED, whole=True),
    Case("8.3", "an unknown pseudo field", (of((b":status", b"200"), (b":x", b"1")),), MALFORMED, whole=True),
    Case("8.3", "a pseudo field after a regular one", (of((b"x", b"1"), (b":status", b"200")),), MALFORMED,
         whole=True),
    Case("8.3", "a pseudo field in trailers", (response() + of((b":status", b"200"), (b"grpc-status", b"0")),),
         MALFORMED, whole=True),
    Case("8.3.2", "no :status", (of((b"grpc-status", b"0")),), MALFORMED, whole=True),
    Case("8.3.2", ":status twice", (of((b":status", b"200"), (b":status", b"200")),), MALFORMED, whole=True),
    Case("8.3.2", ":status that is no number", (of((b":status", b"abc")),), MALFORMED, whole=True),
    Case("8.6", ":status 101", (of((b":status", b"101"), end=0),), MALFORMED, whole=True),
    Case("8.1.1", "content-length 4, DATA of 3 bytes",
         (response(block=OK + block_of((b"content-length", b"4"))) + data(payload=b"abc", flags=0) + trailers(),),
         MALFORMED, whole=True),
    Case("8.1.1", "content-length 2, DATA of 3 bytes",
         (response(block=OK + block_of((b"content-length", b"2"))) + data(payload=b"abc", flags=0) + trailers(),),
         MALFORMED, whole=True),
    Case("8.1.1", "content-length 3, DATA of 3 bytes",
         (response(block=OK + block_of((b"content-length", b"3"))) + data(payload=b"abc", flags=0) + trailers(),),
         Answered()),
)  # fmt: skip

CASES = FRAMES + STREAMS + KINDS + MESSAGES
