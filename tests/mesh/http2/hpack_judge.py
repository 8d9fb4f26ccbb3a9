"""The `hpack` library as the judge of header blocks: its encoder makes them for our reader, its decoder reads ours."""

import hpack
from hpack.hpack import encode_integer
from hypothesis import strategies as st

from mesh.http2 import blocks
from mesh.http2.blocks import Field

Pair = tuple[bytes, bytes]

GOOD_NAME = b"abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~"

names = st.one_of(
    st.sampled_from([name for name, _ in blocks.STATIC if name != b"transfer-encoding"]),
    st.lists(st.sampled_from(GOOD_NAME), min_size=1, max_size=40).map(bytes),
)
values = st.one_of(
    st.sampled_from([value for _, value in blocks.STATIC]),
    st.binary(max_size=40).filter(lambda value: not set(value) & {0, 10, 13}),
    st.integers(120, 400).map(lambda size: b"v" * size),
)
pairs = st.tuples(names, values)


class Encoder:
    """All that `hpack.Encoder` can produce, for a peer that has no dynamic table."""

    def __init__(self, table: int = 0) -> None:
        self.encoder = hpack.Encoder()
        self.encoder.header_table_size = table
        self.encoder.encode([])  # the size update

    def encode(self, fields: list[tuple[Pair, bool]], *, huffman: bool) -> bytes:
        """`bool`: never indexed."""
        return self.encoder.encode(
            [
                hpack.NeverIndexedHeaderTuple(*pair) if sensitive else hpack.HeaderTuple(*pair)
                for pair, sensitive in fields
            ],
            huffman=huffman,
        )


def judge(block: bytes) -> list[Pair]:
    """What the library reads, with a table of size 0. Raises whatever it raises."""
    decoder = hpack.Decoder(max_header_list_size=1 << 30)
    decoder.header_table_size = decoder.max_allowed_table_size = 0
    return [(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)]


def said(found: list[Field]) -> list[Pair]:
    return [(field.name, field.value) for field in found]


incremental = st.tuples(st.just(0x40), st.just(6))
plain = st.tuples(st.just(0x00), st.just(4))
never = st.tuples(st.just(0x10), st.just(4))


def string(text: bytes, huffman: bool) -> bytes:
    raw = hpack.huffman.HuffmanEncoder(
        hpack.huffman_constants.REQUEST_CODES, hpack.huffman_constants.REQUEST_CODES_LENGTH
    ).encode(text)
    raw = raw if huffman else text
    head = encode_integer(len(raw), 7)
    head[0] |= 0x80 * huffman
    return bytes(head) + raw


@st.composite
def representations(draw: st.DrawFn) -> bytes:
    """One field in any of the ways of RFC 7541, section 6, with a name from the static table or not."""
    bits, prefix = draw(st.one_of(incremental, plain, never))
    name, value = draw(pairs)
    index = draw(
        st.sampled_from([0, *(at for at, (known, _) in enumerate(blocks.STATIC, 1) if known == name)])
    )
    head = encode_integer(index, prefix)
    head[0] |= bits
    return (
        bytes(head)
        + (b"" if index else string(name, draw(st.booleans())))
        + string(value, draw(st.booleans()))
    )
