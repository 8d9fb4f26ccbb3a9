"""What a client may and may not say, sections 3 to 7: frames, streams, settings, windows."""

from mesh.http2 import frames as f
from mesh.http2.limits import DEFAULT
from tests.mesh.http2.rfc.case import (
    PING,
    REQUEST,
    SILENT,
    TRAILERS,
    Answered,
    Case,
    Ended,
    Goaway,
    Heard,
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
    request,
    settings,
)

PROTOCOL = Goaway((f.PROTOCOL_ERROR,))
FRAME_SIZE = Goaway((f.FRAME_SIZE_ERROR,))
FLOW_CONTROL = Goaway((f.FLOW_CONTROL_ERROR,))
COMPRESSION = Goaway((f.COMPRESSION_ERROR,))
GONE = Goaway((f.STREAM_CLOSED, f.PROTOCOL_ERROR))
CLOSED = Reset(1, (f.STREAM_CLOSED,))
OURS = f.PREFACE + f.settings({})
WINDOW, MAX = f.INITIAL_WINDOW_SIZE, f.MAX_WINDOW


def first_is_settings(found: object) -> bool:
    return bool(found) and (found[0].kind, found[0].flags) == (f.SETTINGS, 0)  # type: ignore[index]


def data_of(size: int) -> Hears:
    """The first DATA frame on stream 1 holds so many bytes, and it is the only one."""

    def holds(found: object) -> bool:
        sizes = [len(each.payload) for each in found if each.kind == f.DATA]  # type: ignore[attr-defined]
        return sizes == [size]

    return Hears(holds)


def window_of(size: int) -> Heard:
    return Heard(lambda found: [len(each.payload) for each in found if each.kind == f.DATA] == [size])


OPENING = (
    Case("3.4", "preface and SETTINGS", (OURS,), Hears(first_is_settings), "generic/1/1", greets=False),
    Case("3.4", "preface and SETTINGS, ours are first", (OURS + PING,), Hears(first_is_settings), "http2/3.5/1",
         greets=False),
    Case("3.4", "a preface that is none", (b"INVALID CONNECTION PREFACE\r\n\r\n" + f.settings({}),), PROTOCOL,
         "http2/3.5/2", greets=False),
    Case("3.4", "HTTP/1.1", (b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",), PROTOCOL, greets=False),
    Case("3.4", "another frame than SETTINGS first", (f.PREFACE + PING,), PROTOCOL, greets=False),
    Case("3.4", "an acknowledgement first", (f.PREFACE + f.SETTINGS_ACK,), PROTOCOL, greets=False),
    Case("3.4", "a call before it has read our SETTINGS", (OURS + request(),), Answered(), greets=False),
)  # fmt: skip

FRAMES = (
    Case("4.1", "a frame of unknown type", (f.frame(0x16, 0, 0, bytes(8)),), Ignored(), "http2/4.1/1"),
    Case("4.1", "a flag that is not defined", (f.frame(f.PING, 0x16, 0, PING[9:]),), Hears(ponged),
         "http2/4.1/2"),
    Case("4.1", "the reserved bit", (f.frame(f.PING, 0, 1 << 31, PING[9:]),), Hears(ponged), "http2/4.1/3"),
    Case("4.2", "DATA of 2^14 bytes", (request(end=0) + data(payload=bytes(16_384)),), Answered(), "http2/4.2/1"),
    Case("4.2", "DATA above MAX_FRAME_SIZE", (request(end=0) + data(payload=bytes(16_385)),), FRAME_SIZE,
         "http2/4.2/2"),
    Case("4.2", "HEADERS above MAX_FRAME_SIZE", (head(16_385, f.HEADERS, 5) + bytes(16_385),), FRAME_SIZE,
         "http2/4.2/3"),
    Case("4.2", "the head alone of a frame above MAX_FRAME_SIZE", (head(1 << 23, 0xAA),), FRAME_SIZE),
    Case("4.3", "a block that is none", (request(block=b"\x40"),), COMPRESSION, "http2/4.3/1"),
    Case("4.3", "PRIORITY within a block", (half() + priority(1) + more(),), PROTOCOL, "http2/4.3/2"),
    Case("4.3", "HEADERS of another stream within a block", (half() + request(3) + more(),), PROTOCOL,
         "http2/4.3/3"),
)  # fmt: skip

STREAMS = (
    Case("5.1", "DATA on an idle stream", (data(),), PROTOCOL, "http2/5.1/1"),
    Case("5.1", "RST_STREAM on an idle stream", (f.rst_stream(1, 8),), PROTOCOL, "http2/5.1/2"),
    Case("5.1", "WINDOW_UPDATE on an idle stream", (f.window_update(1, 100),), PROTOCOL, "http2/5.1/3"),
    Case("5.1", "CONTINUATION on an idle stream", (more(1, REQUEST),), PROTOCOL, "http2/5.1/4"),
    Case("5.1", "DATA after END_STREAM", (request(block=SILENT) + data(),), CLOSED, "http2/5.1/5"),
    Case("5.1", "HEADERS after END_STREAM", (request(block=SILENT) + request(block=TRAILERS),), CLOSED,
         "http2/5.1/6"),
    Case("5.1", "CONTINUATION after END_STREAM", (request(block=SILENT) + more(1, TRAILERS),),
         GONE, "http2/5.1/7"),
    Case("5.1", "DATA after its RST_STREAM", (request(end=0) + f.rst_stream(1, 8) + data(),), Ignored(),
         "http2/5.1/8"),
    Case("5.1", "HEADERS after its RST_STREAM", (request(end=0) + f.rst_stream(1, 8) + request(block=TRAILERS),),
         GONE, "http2/5.1/9"),
    Case("5.1", "CONTINUATION after its RST_STREAM",
         (request(end=0) + f.rst_stream(1, 8) + more(1, TRAILERS),),
         GONE, "http2/5.1/10"),
    Case("5.1", "DATA on a closed stream", (request(), Ended(), data()), Ignored(), "http2/5.1/11"),
    Case("5.1", "HEADERS on a closed stream", (request(), Ended(), request(block=TRAILERS)), GONE,
         "http2/5.1/12"),
    Case("5.1", "CONTINUATION on a closed stream", (request(), Ended(), more(1, TRAILERS)),
         GONE, "http2/5.1/13"),
    Case("5.1", "WINDOW_UPDATE on a closed stream", (request(), Ended(), f.window_update(1, 9)), Ignored()),
    Case("5.1", "RST_STREAM on a closed stream", (request(), Ended(), f.rst_stream(1, 8)), Ignored()),
    Case("5.1", "PRIORITY on an idle stream", (priority(1) + request(),), Answered(), "generic/2/1"),
    Case("5.1", "WINDOW_UPDATE on a half-closed stream", (request() + f.window_update(1, 100),), Answered(),
         "generic/2/2"),
    Case("5.1", "PRIORITY on a half-closed stream", (request() + priority(1),), Answered(), "generic/2/3"),
    Case("5.1", "RST_STREAM on a half-closed stream", (request(block=SILENT) + f.rst_stream(1, 8),), Ignored(),
         "generic/2/4"),
    Case("5.1", "PRIORITY on a closed stream", (request(), Ended(), priority(1)), Answered(), "generic/2/5"),
    Case("5.1.1", "an even stream id", (request(2),), PROTOCOL, "http2/5.1.1/1"),
    Case("5.1.1", "a stream id below an earlier one", (request(5), Ended(5), request(3)), PROTOCOL,
         "http2/5.1.1/2"),
    Case("5.1.1", "the same stream id again", (request(5), Ended(5), request(5)), PROTOCOL),
    Case("5.1.1", "a stream id that leaves some out", (request(77),), Answered(77)),
    Case("5.1.2", "one stream more than MAX_CONCURRENT_STREAMS",
         (b"".join(request(2 * number + 1, block=SILENT) for number in range(DEFAULT.max_streams + 1)),),
         Reset(2 * DEFAULT.max_streams + 1, (f.REFUSED_STREAM,)), "http2/5.1.2/1"),
    Case("5.3.2", "HEADERS that depends on itself",
         (f.frame(f.HEADERS, 0x25, 1, b"\0\0\0\1\xff" + REQUEST),), Answered(), "http2/5.3.1/1"),
    Case("5.3.2", "PRIORITY that depends on itself", (priority(1, depends_on=1) + request(),), Answered(),
         "http2/5.3.1/2"),
    Case("5.4.1", "an invalid PING: the connection is closed", (f.frame(f.PING, 0, 3, bytes(8)),), PROTOCOL,
         "http2/5.4.1/1"),
    Case("5.4.1", "an invalid PING: GOAWAY comes first", (f.frame(f.PING, 0, 3, bytes(8)),), PROTOCOL,
         "http2/5.4.1/2"),
    Case("5.5", "an extension frame", (f.frame(0x16, 0, 0, bytes(8)),), Ignored(), "http2/5.5/1"),
    Case("5.5", "an extension frame within a block", (half() + f.frame(0x16, 0, 0, bytes(8)) + more(),), PROTOCOL,
         "http2/5.5/2"),
)  # fmt: skip

DATA = (
    Case("6.1", "DATA", (request(end=0) + data(),), Answered(), "generic/3.1/1"),
    Case("6.1", "DATA in several frames", (request(end=0) + data(flags=0) * 3 + data(),), Answered(),
         "generic/3.1/2"),
    Case("6.1", "DATA with padding", (request(end=0) + data(payload=b"\x06x" + bytes(6), flags=9),), Answered(),
         "generic/3.1/3"),
    Case("6.1", "DATA on stream 0", (data(0),), PROTOCOL, "http2/6.1/1"),
    Case("6.1", "DATA on a stream that is half-closed", (request(block=SILENT) + data(),), CLOSED, "http2/6.1/2"),
    Case("6.1", "padding as long as the frame", (request(end=0) + data(payload=b"\x05" + bytes(4), flags=9),),
         PROTOCOL, "http2/6.1/3"),
    Case("6.1", "padding that is not zero", (request(end=0) + data(payload=b"\x02xab", flags=9),), Answered()),
    Case("6.1", "nothing but padding", (request(end=0) + data(payload=b"\x02\0\0", flags=9),), Answered()),
)  # fmt: skip

HEADERS = (
    Case("6.2", "HEADERS", (request(),), Answered(), "generic/3.2/1"),
    Case("6.2", "HEADERS with padding", (f.frame(f.HEADERS, 0xD, 1, b"\x03" + REQUEST + bytes(3)),), Answered(),
         "generic/3.2/2"),
    Case("6.2", "HEADERS with priority", (f.frame(f.HEADERS, 0x25, 1, b"\0\0\0\0\xff" + REQUEST),), Answered(),
         "generic/3.2/3"),
    Case("6.2", "HEADERS with both", (f.frame(f.HEADERS, 0x2D, 1, b"\x02\0\0\0\0\xff" + REQUEST + b"\0\0"),),
         Answered()),
    Case("6.2", "PRIORITY after half a block", (half() + priority(1),), PROTOCOL, "http2/6.2/1"),
    Case("6.2", "HEADERS of another stream after half a block", (half() + half(3),), PROTOCOL, "http2/6.2/2"),
    Case("6.2", "HEADERS on stream 0", (request(0),), PROTOCOL, "http2/6.2/3"),
    Case("6.2", "padding longer than the block", (f.frame(f.HEADERS, 0xD, 1, b"\xff" + REQUEST),), PROTOCOL,
         "http2/6.2/4"),
    Case("6.2", "too short for its priority", (f.frame(f.HEADERS, 0x25, 1, bytes(4)),), FRAME_SIZE),
)  # fmt: skip

PRIORITY = (
    Case("6.3", "PRIORITY of weight 1", (priority(1, weight=1) + request(),), Answered(), "generic/3.3/1"),
    Case("6.3", "PRIORITY of weight 256", (priority(1, weight=256) + request(),), Answered(), "generic/3.3/2"),
    Case("6.3", "PRIORITY that depends on a stream", (priority(1) + priority(3, 1) + request(),), Answered(),
         "generic/3.3/3"),
    Case("6.3", "PRIORITY that is exclusive", (priority(1, exclusive=True) + request(),), Answered(),
         "generic/3.3/4"),
    Case("6.3", "PRIORITY on a higher stream, then a call on a lower", (priority(5) + request(),), Answered(),
         "generic/3.3/5"),
    Case("6.3", "PRIORITY on stream 0", (priority(0),), PROTOCOL, "http2/6.3/1"),
    Case("6.3", "PRIORITY of 4 bytes", (request(end=0) + f.frame(f.PRIORITY, 0, 1, bytes(4)),), FRAME_SIZE,
         "http2/6.3/2"),
)  # fmt: skip

RST_STREAM = (
    Case("6.4", "RST_STREAM", (request(end=0) + f.rst_stream(1, f.CANCEL),), Ignored(), "generic/3.4/1"),
    Case("6.4", "RST_STREAM on stream 0", (f.rst_stream(0, f.CANCEL),), PROTOCOL, "http2/6.4/1"),
    Case("6.4", "RST_STREAM on an idle stream", (f.rst_stream(1, f.CANCEL),), PROTOCOL, "http2/6.4/2"),
    Case("6.4", "RST_STREAM of 3 bytes", (request(end=0) + f.frame(f.RST_STREAM, 0, 1, bytes(3)),), FRAME_SIZE,
         "http2/6.4/3"),
)  # fmt: skip

SETTINGS = (
    Case("6.5", "SETTINGS", (settings((WINDOW, 1_000)),), Hears(lambda found: acknowledged(found) == 2),
         "generic/3.5/1"),
    Case("6.5", "an acknowledgement with payload", (f.frame(f.SETTINGS, 1, 0, bytes(6)),), FRAME_SIZE,
         "http2/6.5/1"),
    Case("6.5", "SETTINGS on a stream", (f.frame(f.SETTINGS, 0, 1, f.make_setting(3, 100)),), PROTOCOL,
         "http2/6.5/2"),
    Case("6.5", "SETTINGS of 3 bytes", (f.frame(f.SETTINGS, 0, 0, bytes(3)),), FRAME_SIZE, "http2/6.5/3"),
    Case("6.5.2", "ENABLE_PUSH 2", (settings((f.ENABLE_PUSH, 2)),), PROTOCOL, "http2/6.5.2/1"),
    Case("6.5.2", "INITIAL_WINDOW_SIZE 2^31", (settings((WINDOW, 1 << 31)),), FLOW_CONTROL, "http2/6.5.2/2"),
    Case("6.5.2", "MAX_FRAME_SIZE 16 383", (settings((f.MAX_FRAME_SIZE, 16_383)),), PROTOCOL, "http2/6.5.2/3"),
    Case("6.5.2", "MAX_FRAME_SIZE 2^24", (settings((f.MAX_FRAME_SIZE, 1 << 24)),), PROTOCOL, "http2/6.5.2/4"),
    Case("6.5.2", "an unknown setting", (settings((0xFF, 1)),), Ignored(), "http2/6.5.2/5"),
    Case("6.5.2", "every setting at its extremes", (settings((1, 0), (1, 0xFFFFFFFF), (2, 1), (2, 0), (3, 0),
         (3, 0xFFFFFFFF), (WINDOW, 0), (WINDOW, MAX), (5, 16_384), (5, (1 << 24) - 1), (6, 0)) + request(),),
         Answered()),
    Case("6.5.3", "INITIAL_WINDOW_SIZE twice: the last counts", (settings((WINDOW, 100), (WINDOW, 1)) + request(),),
         data_of(1), "http2/6.5.3/1"),
    Case("6.5.3", "SETTINGS are acknowledged", (settings(),), Hears(lambda found: acknowledged(found) == 2),
         "http2/6.5.3/2"),
)  # fmt: skip

OTHERS = (
    Case("6.7", "PING", (PING,), Hears(ponged), "generic/3.7/1"),
    Case("6.7", "PING is answered with its payload", (PING,), Hears(ponged), "http2/6.7/1"),
    Case("6.7", "PING with ACK", (f.frame(f.PING, 1, 0, b"invalid!"),),
         Hears(lambda found: not any(each.payload == b"invalid!" for each in found)), "http2/6.7/2"),
    Case("6.7", "PING on a stream", (f.frame(f.PING, 0, 1, bytes(8)),), PROTOCOL, "http2/6.7/3"),
    Case("6.7", "PING of 6 bytes", (f.frame(f.PING, 0, 0, bytes(6)),), FRAME_SIZE, "http2/6.7/4"),
    Case("6.8", "GOAWAY", (f.goaway(0, f.NO_ERROR),), Ignored(), "generic/3.8/1"),
    Case("6.8", "GOAWAY, and its calls go on", (request(end=0) + f.goaway(0, 0) + data(),), Answered()),
    Case("6.8", "GOAWAY on a stream", (f.frame(f.GOAWAY, 0, 1, bytes(8)),), PROTOCOL, "http2/6.8/1"),
    Case("6.8", "GOAWAY of 7 bytes", (f.frame(f.GOAWAY, 0, 0, bytes(7)),), FRAME_SIZE),
    Case("6.9", "WINDOW_UPDATE", (f.window_update(0, 1) + request(),), Answered(), "generic/3.9/1"),
    Case("6.9", "WINDOW_UPDATE on a stream", (request(end=0) + f.window_update(1, 1) + data(),), Answered(),
         "generic/3.9/2"),
    Case("6.9", "WINDOW_UPDATE by 0", (f.window_update(0, 0),), PROTOCOL, "http2/6.9/1"),
    Case("6.9", "WINDOW_UPDATE by 0 on a stream", (request(end=0) + f.window_update(1, 0),),
         Reset(1, (f.PROTOCOL_ERROR,)), "http2/6.9/2"),
    Case("6.9", "WINDOW_UPDATE of 3 bytes", (f.frame(f.WINDOW_UPDATE, 0, 0, bytes(3)),), FRAME_SIZE,
         "http2/6.9/3"),
    Case("6.9.1", "a window of 1 byte", (settings((WINDOW, 1)) + request(),), data_of(1), "http2/6.9.1/1"),
    Case("6.9.1", "a connection window above 2^31-1", (f.window_update(0, MAX) * 2,), FLOW_CONTROL,
         "http2/6.9.1/2"),
    Case("6.9.1", "a stream window above 2^31-1", (request(end=0, block=SILENT) + f.window_update(1, MAX) * 2,),
         Reset(1, (f.FLOW_CONTROL_ERROR,)), "http2/6.9.1/3"),
    Case("6.9.1", "DATA beyond a stream's window",
         (request(end=0, block=SILENT) + data(payload=bytes(16_384), flags=0) * 17,),
         Reset(1, (f.FLOW_CONTROL_ERROR,))),
    Case("6.9.2", "INITIAL_WINDOW_SIZE after HEADERS", (settings((WINDOW, 0)) + request(), settings((WINDOW, 1))),
         data_of(1), "http2/6.9.2/1"),
    Case("6.9.2", "a window that becomes negative", (settings((WINDOW, 3)) + request(), window_of(3),
         settings((WINDOW, 2)) + f.window_update(1, 2)),
         Hears(lambda found: [len(each.payload) for each in found if each.kind == f.DATA] == [3, 1]),
         "http2/6.9.2/2"),
    Case("6.9.2", "INITIAL_WINDOW_SIZE 2^31", (settings((WINDOW, 1 << 31)),), FLOW_CONTROL, "http2/6.9.2/3"),
    Case("6.10", "CONTINUATION", (half(block=REQUEST[:9]) + more(1, REQUEST[9:]),), Answered(), "generic/3.10/1"),
    Case("6.10", "two CONTINUATIONs",
         (half(block=REQUEST[:9]) + more(1, REQUEST[9:20], last=False) + more(1, REQUEST[20:]),), Answered(),
         "generic/3.10/2"),
    Case("6.10", "CONTINUATIONs, one of them empty",
         (half() + more(1, b"", last=False) + more(1, TRAILERS),), Answered(), "http2/6.10/1"),
    Case("6.10", "CONTINUATION, then another frame", (half() + more(1, TRAILERS, last=False) + data(),), PROTOCOL,
         "http2/6.10/2"),
    Case("6.10", "CONTINUATION on stream 0", (half() + more(0, TRAILERS),), PROTOCOL, "http2/6.10/3"),
    Case("6.10", "CONTINUATION after END_HEADERS", (request(end=0) + more(1, TRAILERS),), PROTOCOL,
         "http2/6.10/4"),
    Case("6.10", "CONTINUATION after the last CONTINUATION", (half() + more() + more(1, TRAILERS),), PROTOCOL,
         "http2/6.10/5"),
    Case("6.10", "CONTINUATION after DATA", (request(end=0) + data(flags=0) + more(1, TRAILERS),), PROTOCOL,
         "http2/6.10/6"),
    Case("7", "GOAWAY with an unknown code", (f.goaway(0, 0xFF),), Ignored(), "http2/7/1"),
    Case("7", "RST_STREAM with an unknown code", (request(end=0) + f.rst_stream(1, 0xFF),), Ignored(),
         "http2/7/2"),
    Case("8.4", "PUSH_PROMISE", (request(end=0) + f.frame(f.PUSH_PROMISE, 4, 1, b"\0\0\0\2" + REQUEST),), PROTOCOL,
         "http2/8.2/1"),
    Case("10.5.1", "a block above the limit",
         (half(block=REQUEST) + b"".join(more(1, bytes(16_384), last=False) for _ in range(5)),),
         Goaway((f.ENHANCE_YOUR_CALM,))),
)  # fmt: skip

CASES = OPENING + FRAMES + STREAMS + DATA + HEADERS + PRIORITY + RST_STREAM + SETTINGS + OTHERS
