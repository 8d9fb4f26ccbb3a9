"""Blocks that a peer makes with its dynamic table, before it has acknowledged ours of size 0, become stateless."""

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.http2 import blocks
from mesh.http2.blocks import BadBlock, Legacy, TooLarge
from mesh.http2.limits import Limits
from tests.mesh.http2.hpack_judge import Encoder, Pair, judge, pairs, representations, said, string


@given(st.lists(st.lists(st.tuples(pairs, st.booleans()), max_size=6), min_size=1, max_size=6), st.booleans(),
       st.sampled_from([0, 40, 100, 4_096]))  # fmt: skip
def test_blocks_with_a_dynamic_table_become_stateless_and_keep_everything(
    sequence: list[list[tuple[Pair, bool]]], huffman: bool, table: int
) -> None:
    encoder, legacy, judged = Encoder(4_096), Legacy(Limits(max_block=1 << 20)), hpack.Decoder()
    for number, fields in enumerate(sequence):
        if number == len(sequence) // 2:
            encoder.encoder.header_table_size = table
        stateful = encoder.encode(fields + fields[:1], huffman=huffman)
        expected = list(judged.decode(stateful, raw=True))
        block = legacy.stateless(stateful)
        assert said(blocks.fields(block)) == expected == [pair for pair, _ in fields + fields[:1]]
        decoded = hpack.Decoder().decode(block, raw=True)
        assert [field.indexable for field in decoded] == [field.indexable for field in expected]


@settings(max_examples=300)
@given(st.lists(st.one_of(st.binary(max_size=40), representations()), max_size=5))
def test_any_bytes_before_the_acknowledgement_are_decoded_or_refused(sequence: list[bytes]) -> None:
    legacy, judged = Legacy(), hpack.Decoder()
    for block in sequence:
        try:
            found = legacy.stateless(block)
        except BadBlock:
            return
        assert judge(found) == [tuple(field) for field in judged.decode(block, raw=True)]


def test_a_bomb_is_refused() -> None:
    """One large field in the table, and a block of a thousand references to it."""
    legacy = Legacy()
    bomb = legacy.stateless(b"\x40\x01a" + string(b"v" * 3_000, False))
    assert len(bomb) > 3_000
    with pytest.raises(TooLarge, match="65536"):
        legacy.stateless(b"\xbe" * 1_000)
