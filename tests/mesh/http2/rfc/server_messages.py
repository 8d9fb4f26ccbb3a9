"""What a client may and may not say in a request, section 8."""

from mesh.http2 import frames as f
from mesh.http2.blocks import block_of
from tests.mesh.http2.rfc.case import (
    METHOD,
    PATH,
    REQUEST,
    SCHEME,
    TRAILERS,
    Answered,
    Case,
    Ignored,
    Reset,
    data,
    request,
)

MALFORMED = Reset(1, (f.PROTOCOL_ERROR,))


def with_fields(*pairs: tuple[bytes, bytes]) -> bytes:
    return request(block=REQUEST + block_of(*pairs))


def of(*pairs: tuple[bytes, bytes]) -> bytes:
    return request(block=block_of(*pairs))


def trailing(*pairs: tuple[bytes, bytes], end: int = f.END_STREAM) -> bytes:
    return request(end=0) + f.headers(1, block_of(*pairs), end)


def long(size: bytes, *payloads: bytes) -> bytes:
    """A request with this content-length, and these DATA frames."""
    words = request(end=0 if payloads else f.END_STREAM, block=REQUEST + block_of((b"content-length", size)))
    for number, payload in enumerate(payloads, 1):
        words += data(payload=payload, flags=int(number == len(payloads)))
    return words


EXCHANGES = (
    Case("8.1", "a GET request", (of((b":method", b"GET"), SCHEME, PATH),), Answered(), "generic/4/1"),
    Case("8.1", "a HEAD request", (of((b":method", b"HEAD"), SCHEME, PATH),), Answered(), "generic/4/2"),
    Case("8.1", "a POST request", (request(end=0) + data(),), Answered(), "generic/4/3"),
    Case("8.1", "a POST request with trailers", (request(end=0) + data(flags=0) + request(block=TRAILERS),),
         Answered(), "generic/4/4"),
    Case("8.1", "a second HEADERS that ends nothing", (request(end=0) + f.headers(1, TRAILERS, 0),), MALFORMED,
         "http2/8.1/1"),
    Case("8.1", "trailers without DATA", (trailing((b"x-trailer", b"1")),), Answered()),
    Case("8.1", "its request is given up", (request(end=0) + f.rst_stream(1, f.NO_ERROR),), Ignored()),
)  # fmt: skip

FIELDS = (
    Case("8.2", "a field name in upper case", (with_fields((b"X-TEST", b"ok")),), MALFORMED, "http2/8.1.2/1"),
    *(Case("8.2.1", f"a field name with {name}", (with_fields((b"x" + byte + b"y", b"1")),), MALFORMED)
      for name, byte in (("a space", b" "), ("a colon", b":"), ("a control character", b"\x01"), ("DEL", b"\x7f"),
                         ("a byte above 127", b"\xe9"), ("a line break", b"\n"))),
    Case("8.2.1", "an empty field name", (with_fields((b"", b"1")),), MALFORMED),
    *(Case("8.2.1", f"a field value with {name}", (with_fields((b"x-y", b"a" + byte + b"b")),), MALFORMED)
      for name, byte in (("NUL", b"\0"), ("LF", b"\n"), ("CR", b"\r"))),
    Case("8.2.1", "a field value with bytes above 127", (with_fields((b"x-y", b"caf\xc3\xa9")),), Answered()),
    Case("8.2.1", "a field value with spaces around it", (with_fields((b"x-y", b" a ")),), Answered()),
    Case("8.2.1", "a malformed field in trailers", (trailing((b"X-TEST", b"ok")),), MALFORMED),
    Case("8.2.2", "connection", (with_fields((b"connection", b"keep-alive")),), MALFORMED,
         "http2/8.1.2.2/1"),
    Case("8.2.2", "te other than trailers", (with_fields((b"te", b"trailers, deflate")),), MALFORMED,
         "http2/8.1.2.2/2", whole=True),
    Case("8.2.2", "te: trailers", (with_fields((b"te", b"trailers")),), Answered()),
    *(Case("8.2.2", name.decode(), (with_fields((name, b"1")),), MALFORMED)
      for name in (b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")),
    Case("8.2.2", "transfer-encoding by its index", (request(block=REQUEST + b"\x0f\x2a\x07chunked"),), MALFORMED),
)  # fmt: skip

PSEUDO = (
    Case("8.3", "an unknown pseudo field", (of(METHOD, SCHEME, PATH, (b":test", b"ok")),), MALFORMED,
         "http2/8.1.2.1/1", whole=True),
    Case("8.3", "a response's pseudo field", (of(METHOD, SCHEME, PATH, (b":status", b"200")),), MALFORMED,
         "http2/8.1.2.1/2", whole=True),
    Case("8.3", "a pseudo field in trailers", (trailing(METHOD),), MALFORMED, "http2/8.1.2.1/3"),
    Case("8.3", "a pseudo field after a regular one", (of(METHOD, SCHEME, (b"x-test", b"ok"), PATH),), MALFORMED,
         "http2/8.1.2.1/4", whole=True),
    Case("8.3.1", "an empty :path", (of(METHOD, SCHEME, (b":path", b"")),), MALFORMED, "http2/8.1.2.3/1",
         whole=True),
    Case("8.3.1", "no :method", (of(SCHEME, PATH),), MALFORMED, "http2/8.1.2.3/2", whole=True),
    Case("8.3.1", "no :scheme", (of(METHOD, PATH),), MALFORMED, "http2/8.1.2.3/3", whole=True),
    Case("8.3.1", "no :path", (of(METHOD, SCHEME),), MALFORMED, "http2/8.1.2.3/4", whole=True),
    Case("8.3.1", ":method twice", (of(METHOD, METHOD, SCHEME, PATH),), MALFORMED, "http2/8.1.2.3/5", whole=True),
    Case("8.3.1", ":scheme twice", (of(METHOD, SCHEME, SCHEME, PATH),), MALFORMED, "http2/8.1.2.3/6", whole=True),
    Case("8.3.1", ":path twice", (of(METHOD, SCHEME, PATH, PATH),), MALFORMED, "http2/8.1.2.3/7", whole=True),
    Case("8.3.1", ":authority twice", (of(METHOD, SCHEME, PATH, *2 * [(b":authority", b"a")]),), MALFORMED,
         whole=True),
    Case("8.3.1", "no :authority", (of(METHOD, SCHEME, PATH),), Answered()),
    Case("8.3.1", "an empty block", (request(block=b""),), MALFORMED, whole=True),
    Case("8.4", ":protocol, though extended CONNECT is off",
         (of((b":method", b"CONNECT"), SCHEME, PATH, (b":protocol", b"websocket")),), MALFORMED, whole=True),
    Case("8.5", "CONNECT", (of((b":method", b"CONNECT"), (b":authority", b"a:1")),), MALFORMED, whole=True),
)  # fmt: skip

CONTENT_LENGTH = (
    Case("8.1.1", "content-length 1, DATA of 4 bytes", (long(b"1", b"test"),), MALFORMED, "http2/8.1.2.6/1",
         whole=True),
    Case("8.1.1", "content-length 1, DATA of 4 and 4 bytes", (long(b"1", b"test", b"test"),), MALFORMED,
         "http2/8.1.2.6/2", whole=True),
    Case("8.1.1", "content-length 9, DATA of 4 bytes", (long(b"9", b"test"),), MALFORMED, whole=True),
    Case("8.1.1", "content-length 4, no DATA", (long(b"4"),), MALFORMED, whole=True),
    Case("8.1.1", "content-length 4, and trailers instead of DATA",
         (long(b"4", b"")[:-9] + f.headers(1, TRAILERS, 1),), MALFORMED, whole=True),
    Case("8.1.1", "content-length 8, DATA of 4 and 4 bytes", (long(b"8", b"test", b"test"),), Answered()),
    Case("8.1.1", "content-length 4, DATA of 4 bytes with padding",
         (long(b"4", b"")[:-9] + data(payload=b"\x02test\0\0", flags=9),), Answered()),
    Case("8.1.1", "content-length that is no number", (long(b"4x", b"test"),), MALFORMED, whole=True),
    Case("8.1.1", "content-length below zero", (long(b"-4", b"test"),), MALFORMED, whole=True),
    Case("8.1.1", "content-length twice, and not the same",
         (request(end=0, block=REQUEST + block_of((b"content-length", b"4"), (b"content-length", b"5")))
          + data(payload=b"test"),), MALFORMED, whole=True),
)  # fmt: skip

CASES = EXCHANGES + FIELDS + PSEUDO + CONTENT_LENGTH
