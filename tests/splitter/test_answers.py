"""What `splitter.answers` promises: answers of our own that every gRPC client reads as what they say."""

import asyncio
from urllib.parse import unquote_to_bytes

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.http2 import frames
from mesh.http2.server import ServerConnection
from mesh.http2.stream import Stream
from splitter.answers import RESOURCE_EXHAUSTED, UNAVAILABLE, answer, percent_encoded, reset_code


@given(st.text())
def test_a_message_is_percent_encoded_as_grpc_asks(message: str) -> None:
    """gRPC over HTTP/2, "Responses": printable ASCII but % as it is, everything else %XX of its UTF-8."""
    encoded = percent_encoded(message)
    assert all(0x20 <= byte <= 0x7E for byte in encoded)
    assert unquote_to_bytes(encoded).decode() == message
    assert all(part[:2] == part[:2].upper() for part in encoded.decode().split("%")[1:])


@pytest.mark.parametrize(
    ("message", "encoded"),
    [
        ("no healthy endpoint", b"no healthy endpoint"),
        ("100 %", b"100 %25"),
        ("a\nb", b"a%0Ab"),
        ("Grüße", b"Gr%C3%BC%C3%9Fe"),
        ("~ \x7f", b"~ %7F"),
        ("", b""),
    ],
)
def test_messages_that_are_easily_got_wrong(message: str, encoded: bytes) -> None:
    assert percent_encoded(message) == encoded


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (frames.NO_ERROR, "INTERNAL"),
        (frames.PROTOCOL_ERROR, "INTERNAL"),
        (frames.INTERNAL_ERROR, "INTERNAL"),
        (frames.FLOW_CONTROL_ERROR, "INTERNAL"),
        (frames.REFUSED_STREAM, "UNAVAILABLE"),
        (frames.CANCEL, "CANCELLED"),
        (frames.ENHANCE_YOUR_CALM, "RESOURCE_EXHAUSTED"),
        (0xC, "PERMISSION_DENIED"),
        (0xFF, "INTERNAL"),
    ],
)
def test_a_reset_means_what_grpc_says_it_means(code: int, status: str) -> None:
    """gRPC over HTTP/2, "Errors"."""
    assert reset_code(code) == status


class Written(asyncio.Transport):
    """Keeps what a connection writes."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


Answered = list[tuple[int, int, object]]


async def answered(code: int, message: str, *, started: bool = False, ended: bool = True) -> Answered:
    """What an answer of ours puts on stream 1: (frame type, flags, fields or error code)."""
    connection, transport = ServerConnection(), Written()
    connection.connection_made(transport)
    await asyncio.sleep(0)
    transport.data = b""
    stream = connection.streams[1] = Stream(connection, 1)
    stream.recv_end = ended
    answer(stream, code, message, started=started)
    await asyncio.sleep(0)
    assert connection.streams == {}
    found: Answered = []
    rest, decoder = transport.data, hpack.Decoder()
    while rest:
        word, flags, stream_id = frames.read_head(rest)
        payload, rest = rest[9 : 9 + (word >> 8)], rest[9 + (word >> 8) :]
        assert stream_id == 1
        is_block = word & 0xFF == frames.HEADERS
        said = decoder.decode(payload, raw=True) if is_block else int.from_bytes(payload, "big")
        found.append((word & 0xFF, flags, said))
    return found


END = frames.END_STREAM | frames.END_HEADERS


async def test_an_answer_is_trailers_alone_in_one_block() -> None:
    assert await answered(UNAVAILABLE, "naïve: 100 %") == [
        (
            frames.HEADERS,
            END,
            [
                (b":status", b"200"),
                (b"content-type", b"application/grpc"),
                (b"grpc-status", b"14"),
                (b"grpc-message", b"na%C3%AFve: 100 %25"),
            ],
        )
    ]


async def test_behind_headers_that_were_passed_on_only_trailers_are_missing() -> None:
    assert await answered(RESOURCE_EXHAUSTED, "enough", started=True) == [
        (frames.HEADERS, END, [(b"grpc-status", b"8"), (b"grpc-message", b"enough")])
    ]


async def test_a_client_that_still_sends_is_told_to_stop_without_an_error() -> None:
    """RFC 9113, 8.1."""
    kinds = [(kind, said) for kind, _, said in await answered(UNAVAILABLE, "no", ended=False)]
    assert kinds[1:] == [(frames.RST_STREAM, frames.NO_ERROR)]
