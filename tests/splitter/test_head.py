"""What `splitter.head` promises: the status of a response, whatever the block looks like, and the same one again."""

import hpack
import pytest
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st

from mesh.http2.blocks import BadBlock, Malformed, block_of
from splitter.answers import CODE_NAMES
from splitter.head import HEADERS, INTERIM, TRAILERS, Head, read_head

OWN = {code.value[0]: code.name for code in StatusCode}


@pytest.mark.parametrize(("code", "name"), OWN.items())
def test_every_status_of_grpc_has_its_name(code: int, name: str) -> None:
    assert read_head(block_of((b"grpc-status", b"%d" % code))) == Head(TRAILERS, name)


def test_we_know_no_status_that_grpc_does_not() -> None:
    assert dict(enumerate(CODE_NAMES)) == OWN


@pytest.mark.parametrize(
    "value", [b"17", b"99", b"999", b"1000", b"", b"-1", b"+0", b"OK", b"0 ", "²".encode()]
)
def test_a_status_that_grpc_does_not_know_is_unknown(value: bytes) -> None:
    assert read_head(block_of((b"grpc-status", value))).status == "UNKNOWN"


def test_headers_without_a_status_have_none() -> None:
    assert read_head(block_of((b":status", b"200"), (b"content-type", b"application/grpc"))) == Head(
        HEADERS, None
    )


@pytest.mark.parametrize(
    ("value", "interim"), [(b"100", True), (b"103", True), (b"200", False), (b"404", False)]
)
def test_only_1xx_is_interim(value: bytes, interim: bool) -> None:
    assert (read_head(block_of((b":status", value))).kind == INTERIM) is interim


@given(
    st.sampled_from([b"100", b"200", b"503"]),
    st.one_of(st.none(), st.integers(0, 16)),
    st.booleans(),
    st.binary(max_size=600).map(bytes.hex),
)
def test_a_block_says_the_same_in_any_encoding_and_when_it_comes_again(
    http: bytes, code: int | None, huffman: bool, more: str
) -> None:
    pairs = [(b":status", http), (b"x-more", more.encode())]
    if code is not None:
        pairs.append((b"grpc-status", b"%d" % code))
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    block = encoder.encode(pairs, huffman=huffman)[1:]
    kind = INTERIM if http.startswith(b"1") else HEADERS
    implied = "UNAVAILABLE" if http == b"503" else None
    expected = Head(kind, implied if code is None else OWN[code])
    assert [read_head(block), read_head(block)] == [expected, expected]


def test_more_kinds_of_blocks_than_are_remembered_are_still_read() -> None:
    for number in range(3_000):
        block = block_of((b"grpc-status", b"%d" % (number % 17)), (b"x-number", b"%d" % number))
        assert read_head(block).status == CODE_NAMES[number % 17]


@pytest.mark.parametrize("block", [b"\xff\xff\xff\xff\xff", b"\xc0", b"\x00\x05ab"])
def test_a_block_that_cannot_be_decoded_is_refused_every_time(block: bytes) -> None:
    for _ in range(2):
        with pytest.raises(BadBlock):
            read_head(block)


def test_a_malformed_block_is_refused_every_time() -> None:
    for _ in range(2):
        with pytest.raises(Malformed):
            read_head(block_of((b":status", b"200"), (b"Upper", b"1")))
