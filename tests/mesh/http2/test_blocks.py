"""Header blocks without state say exactly what the `hpack` library says they say, or are refused.

The library is the judge: its encoder makes blocks for our reader, and its decoder reads ours.
"""

import hpack
import pytest
from hpack.hpack import encode_integer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mesh.http2 import blocks
from mesh.http2.blocks import BadBlock, Malformed, TooLarge, block_of
from mesh.http2.limits import Limits
from tests.mesh.http2.hpack_judge import Encoder, Pair, judge, pairs, representations, said, string

# Reading


@given(st.lists(st.tuples(pairs, st.booleans()), max_size=12), st.booleans())
def test_whatever_an_encoder_without_a_table_says_is_read_back(
    fields: list[tuple[Pair, bool]], huffman: bool
) -> None:
    block = Encoder().encode(fields, huffman=huffman)
    assert said(blocks.fields(block)) == [pair for pair, _ in fields] == judge(block)


@given(st.lists(representations(), max_size=8))
def test_every_representation_is_read_and_knows_where_it_stands(parts: list[bytes]) -> None:
    block = b"".join(parts)
    found = blocks.fields(block)
    assert said(found) == judge(block)
    assert [block[field.start : field.end] for field in found] == parts
    assert said(blocks.fields(block, len(parts[0]) if parts else 0)) == said(found)[1:]


@pytest.mark.parametrize("index", range(1, 62))
def test_every_static_field_can_be_indexed(index: int) -> None:
    block = bytes((0x80 | index,))
    if blocks.STATIC[index - 1][0] == b"transfer-encoding":
        with pytest.raises(Malformed, match="transfer-encoding"):
            blocks.fields(block)
    else:
        assert said(blocks.fields(block)) == [blocks.STATIC[index - 1]] == judge(block)


@pytest.mark.parametrize("first", [0x80, 0xBE, 0xFF, 0x7F, 0x0F, 0x1F], ids=hex)
def test_an_index_outside_the_static_table_is_refused(first: int) -> None:
    rest = b"\x00" if first == 0xFF else b"\x2f\x01a"  # 127; the static table's end and beyond
    with pytest.raises(BadBlock, match="index"):
        blocks.fields(bytes((first,)) + (rest if first in (0xFF, 0x7F, 0x0F, 0x1F) else b""))


@settings(max_examples=400)
@given(st.binary(max_size=60))
@example(b"")
@example(b"\x40\x01a\x81\xff")
@example(b"\x82\x20")
@example(b"\xb9")
@example(b"\x0f\x2a\x01a")
def test_any_bytes_are_refused_or_mean_what_the_library_says(block: bytes) -> None:
    try:
        found = blocks.fields(block)
    except (BadBlock, Malformed):
        return
    assert said(found) == judge(block)


@settings(max_examples=200)
@given(st.lists(representations(), min_size=1, max_size=4), st.data())
def test_a_damaged_block_is_refused_or_means_what_the_library_says(
    parts: list[bytes], data: st.DataObject
) -> None:
    block = bytearray(b"".join(parts))
    at = data.draw(st.integers(0, len(block) - 1))
    block[at] = data.draw(st.integers(0, 255))
    try:
        found = blocks.fields(bytes(block))
    except (BadBlock, Malformed):
        return
    assert said(found) == judge(bytes(block))


@given(st.lists(representations(), min_size=1, max_size=3))
def test_a_block_that_is_cut_short_anywhere_is_refused(parts: list[bytes]) -> None:
    block = b"".join(parts)
    whole = {sum(map(len, parts[:count])) for count in range(len(parts) + 1)}
    for size in range(len(block)):
        if size in whole:
            assert len(blocks.fields(block[:size])) == sorted(whole).index(size)
        else:
            with pytest.raises(BadBlock):
                blocks.fields(block[:size])


@pytest.mark.parametrize("prefix", range(1, 9))
@pytest.mark.parametrize(
    "beyond", [-1, 0, 1, 126, 127, 128, 129, 16_382, 16_383, 16_384, 1 << 20, (1 << 24) - 1]
)
def test_integers_are_read_at_every_boundary(prefix: int, beyond: int) -> None:
    number = (1 << prefix) - 1 + beyond
    encoded = bytes(encode_integer(number, prefix))
    assert blocks._integer(encoded + b"rest", 0, (1 << prefix) - 1) == (number, len(encoded))


@pytest.mark.parametrize("encoded", [b"\x7f\xff\xff\xff\xff\x01", b"\x7f" + 100 * b"\x80" + b"\x00"])
def test_an_integer_without_end_is_refused(encoded: bytes) -> None:
    with pytest.raises(BadBlock, match="too large"):
        blocks._integer(encoded, 0, 0x7F)


@pytest.mark.parametrize(
    "name",
    [b"", b":", b"Upper", b"with space", b"tab\t", b"nul\0", b"a:b", b"\x7f", b"\xff", b"connection", b"upgrade",
     b"keep-alive", b"proxy-connection", b"transfer-encoding", b":a:b", b":Path"],
)  # fmt: skip
def test_a_name_that_http2_forbids_is_malformed(name: bytes) -> None:
    with pytest.raises(Malformed, match="not allowed"):
        blocks.fields(blocks.literal(name, b"value"))


@pytest.mark.parametrize("value", [b"a\nb", b"a\rb", b"a\0b", b"\n", b"\0"])
@pytest.mark.parametrize("huffman", [False, True])
def test_a_value_with_a_line_break_or_a_zero_byte_is_malformed(value: bytes, huffman: bool) -> None:
    with pytest.raises(Malformed, match="line break"):
        blocks.fields(b"\x00\x01a" + string(value, huffman))


def test_a_value_may_begin_and_end_with_a_space() -> None:
    """A grpc-message does, when a server's words do."""
    assert said(blocks.fields(blocks.literal(b"grpc-message", b" why "))) == [(b"grpc-message", b" why ")]


def test_the_caches_stay_bounded_and_stay_right() -> None:
    for number in range(5_000):
        name, value = b"x-%d" % number, b"value %d" % number
        block = b"\x00" + string(name, True) + string(value, True)
        assert said(blocks.fields(block)) == [(name, value)]
    assert len(blocks._huffman) <= blocks._HUFFMAN_CACHE_LIMIT
    assert len(blocks._good_names) <= blocks._NAME_CACHE_LIMIT


# Trailers


def test_trailers_end_the_request_and_hold_no_pseudo_fields() -> None:
    blocks.check_trailers(blocks.block_of((b"x-a", b"1")), 1)
    with pytest.raises(Malformed, match="does not end"):
        blocks.check_trailers(blocks.block_of((b"x-a", b"1")), 0)
    with pytest.raises(Malformed, match=":path"):
        blocks.check_trailers(blocks.block_of((b":path", b"/")), 1)
    with pytest.raises(BadBlock):
        blocks.check_trailers(b"\xbe", 1)


# Size updates


@given(st.lists(st.sampled_from([b"\x20"]), max_size=4), st.lists(representations(), max_size=3))
def test_updates_to_size_0_are_stripped(updates: list[bytes], parts: list[bytes]) -> None:
    assert blocks.without_table_update(b"".join(updates + parts)) == b"".join(parts)


@pytest.mark.parametrize(
    "block", [b"\x21", b"\x3e", b"\x3f\xe1\x1f", b"\x20\x21", b"\x3f", b"\x3f\xe1", b"\x20\x3f"]
)
def test_any_other_update_is_refused(block: bytes) -> None:
    with pytest.raises(BadBlock):
        blocks.without_table_update(block)


@given(st.lists(representations(), min_size=1, max_size=3), st.data())
def test_an_update_behind_a_field_is_refused(parts: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(parts)))
    with pytest.raises(BadBlock, match="size update"):
        blocks.fields(b"".join(parts[:at]) + b"\x20" + b"".join(parts[at:]))


# Writing


@given(pairs, st.booleans())
def test_a_literal_is_read_by_the_library_with_its_sensitivity(pair: Pair, sensitive: bool) -> None:
    decoder = hpack.Decoder()
    (field,) = decoder.decode(blocks.literal(*pair, never_indexed=sensitive), raw=True)
    assert tuple(field) == pair
    assert isinstance(field, hpack.NeverIndexedHeaderTuple) == sensitive
    assert not decoder.header_table.dynamic_entries


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 254, 255, 16_510, 16_511, 60_000])
def test_a_string_of_any_length_is_written(size: int) -> None:
    pair = (b"x-long", b"v" * size)
    assert judge(blocks.literal(*pair)) == [pair]


@given(st.lists(pairs, max_size=8))
def test_a_block_keeps_its_fields_in_order(fields: list[Pair]) -> None:
    assert judge(blocks.block_of(*fields)) == fields


@given(st.lists(representations(), max_size=8), st.data())
def test_editing_drops_and_appends_fields_and_touches_no_other(
    parts: list[bytes], data: st.DataObject
) -> None:
    block = b"".join(parts)
    found = blocks.fields(block)
    drop = data.draw(st.lists(st.sampled_from(found), unique=True) if found else st.just([]))
    edited = blocks.edited(block, drop=drop, append=blocks.literal(b"x-new", b"1"))
    kept = [part for part, field in zip(parts, found, strict=True) if field not in drop]
    assert edited == b"".join(kept) + blocks.literal(b"x-new", b"1")
    assert judge(edited) == [
        pair for pair, field in zip(said(found), found, strict=True) if field not in drop
    ] + [(b"x-new", b"1")]


def test_our_first_word_empties_every_table() -> None:
    decoder = hpack.Decoder()
    decoder.decode(blocks.TABLE_SIZE_ZERO + b"\x40\x01a\x01b", raw=True)
    assert decoder.header_table_size == 0
    assert not decoder.header_table.dynamic_entries


# Limits


def test_a_block_may_have_as_many_fields_as_the_limit_and_no_more() -> None:
    limits = Limits(max_fields=10)
    block = b"\x90" * 10
    assert len(blocks.fields(block, 0, limits)) == 10
    with pytest.raises(TooLarge, match="more than 10 fields"):
        blocks.fields(block + b"\x90", 0, limits)


def test_of_a_block_with_too_many_fields_no_more_is_read_than_the_limit() -> None:
    """65 004 fields of one byte cost 30 to 60 ms."""
    with pytest.raises(TooLarge):
        blocks.fields(b"\x90" * 256 + b"\xbe")  # the last is no field at all
    with pytest.raises(BadBlock):
        blocks.fields(b"\x90" * 255 + b"\xbe")


def test_a_list_of_large_fields_counts_as_the_peer_was_told() -> None:
    """Name, value and 32 bytes for each field (RFC 9113, 6.5.2)."""
    limits = Limits(max_block=20_000)
    fits = block_of((b"x", b"v" * (20_000 - 2 * 33)), (b"x", b""))
    assert len(blocks.fields(fits, 0, limits)) == 2
    with pytest.raises(TooLarge, match="a header list of 20001 bytes"):
        blocks.fields(block_of((b"x", b"v" * (20_000 - 2 * 33 + 1)), (b"x", b"")), 0, limits)


@given(st.lists(st.tuples(st.sampled_from([b"x", b"cookie", b"x-long-name"]), st.binary(max_size=64).filter(
       lambda v: not set(v) & {0, 10, 13})), max_size=256), st.booleans())  # fmt: skip
def test_what_is_not_added_up_cannot_be_too_large(pairs: list[tuple[bytes, bytes]], huffman: bool) -> None:
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    block = encoder.encode(pairs, huffman=huffman)
    if len(block) <= 16_384:
        assert sum(len(name) + len(value) + 32 for name, value in pairs) <= 65_536


@pytest.mark.parametrize(
    ("block", "opens"),
    [
        (b"", False),
        (b"\x83", True),  # :method POST
        (b"\x8e", True),  # :status 500
        (b"\x8f", False),  # accept-charset
        (b"\x44\x01/", True),  # :path, with indexing
        (b"\x04\x01/", True),
        (b"\x14\x01/", True),  # never indexed
        (b"\x0f\x00\x00", False),
        (block_of((b":path", b"/")), True),
        (block_of((b"grpc-status", b"0")), False),
        (b"\x00\x84\xb9\x58\xd3\x3f\x01/", True),  # :path, in Huffman code
        (b"\x00\x85\xf2\xb2\x4a\x84\xff\x01/", False),  # x-..., in Huffman code
        (b"\x00", False),
    ],
)
def test_a_request_is_told_from_trailers_by_its_first_field(block: bytes, opens: bool) -> None:
    assert blocks.opens_request(block) == opens
