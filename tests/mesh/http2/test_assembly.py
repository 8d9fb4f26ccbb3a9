"""Header blocks come together from their frames, wherever they were cut, and cost no more than a limit."""

from itertools import pairwise

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.http2 import frames as f
from mesh.http2.assembly import Assembly
from mesh.http2.blocks import block_of
from mesh.http2.frames import ConnectionFault
from mesh.http2.limits import DEFAULT

BLOCK = block_of((b":path", b"/a.B/C"), (b"x-user-id", b"17"), (b"grpc-timeout", b"1S"))


def stateless() -> Assembly:
    assembly = Assembly(DEFAULT)
    assembly.acknowledged()
    return assembly


@given(st.sets(st.integers(0, len(BLOCK)), max_size=6), st.sampled_from([0, f.END_STREAM]), st.booleans())
def test_a_block_may_be_cut_anywhere(cuts: set[int], end: int, priority: bool) -> None:
    assembly = stateless()
    pieces = [BLOCK[start:stop] for start, stop in pairwise([0, *sorted(cuts), len(BLOCK)])]
    flags = end | (f.HAS_PRIORITY if priority else 0) | (0 if len(pieces) > 1 else f.END_HEADERS)
    whole = assembly.begin(5, flags, (bytes(5) if priority else b"") + pieces[0])
    for number, piece in enumerate(pieces[1:], 2):
        assert whole is None
        assert assembly.stream_id == 5
        whole = assembly.go_on(f.END_HEADERS if number == len(pieces) else 0, piece)
    assert whole == (BLOCK, end)
    assert assembly.stream_id == 0


def test_nothing_can_be_continued_when_nothing_has_begun() -> None:
    assembly = stateless()
    with pytest.raises(ConnectionFault) as caught:
        assembly.go_on(f.END_HEADERS, b"")
    assert caught.value.code == f.PROTOCOL_ERROR


@pytest.mark.parametrize("size", range(5))
def test_priority_fields_have_to_be_whole(size: int) -> None:
    with pytest.raises(ConnectionFault) as caught:
        stateless().begin(1, f.END_HEADERS | f.HAS_PRIORITY, bytes(size))
    assert caught.value.code == f.FRAME_SIZE_ERROR


@pytest.mark.parametrize("piece", [b"", b"x", bytes(1_000), bytes(16_384)], ids=len)
def test_a_block_that_never_ends_is_stopped(piece: bytes) -> None:
    assembly = stateless()
    assembly.begin(1, 0, piece)

    def for_ever() -> None:
        for _ in range(DEFAULT.max_block + 2):
            assembly.go_on(0, piece)

    with pytest.raises(ConnectionFault) as caught:
        for_ever()
    assert caught.value.code == f.ENHANCE_YOUR_CALM


def test_blocks_use_a_table_before_the_acknowledgement_and_none_after() -> None:
    assembly, encoder = Assembly(DEFAULT), hpack.Encoder()
    pairs = [(b"x-user-id", b"17"), (b"x-user-id", b"17")]
    first, second = encoder.encode(pairs), encoder.encode(pairs)
    assert assembly.begin(1, f.END_HEADERS, first) == (block_of(*pairs), 0)
    assert assembly.begin(3, f.END_HEADERS, second) == (block_of(*pairs), 0)
    assembly.acknowledged()
    encoder.header_table_size = 0
    third = encoder.encode(pairs)
    assert third[0] == 0x20
    assert assembly.begin(5, f.END_HEADERS, third) == (third[1:], 0)
    assert assembly.begin(7, f.END_HEADERS, b"\xbe") == (b"\xbe", 0)  # whoever reads it will refuse it


@pytest.mark.parametrize("block", [b"\xbf", b"\x40\x05ab", b"\x3f\xe1\x7f", b"\x00\x81\x00\x01a", b"\x3f"])
@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_block_that_cannot_be_decoded_is_a_fault_of_the_connection(
    block: bytes, acknowledged: bool
) -> None:
    assembly = stateless() if acknowledged else Assembly(DEFAULT)
    if acknowledged and block[0] & 0xE0 != 0x20:
        return  # it is passed on unread
    with pytest.raises(ConnectionFault) as caught:
        assembly.begin(1, f.END_HEADERS, block)
    assert caught.value.code == f.COMPRESSION_ERROR


@pytest.mark.parametrize("fields", [257, 3_000])
def test_too_many_fields_before_the_acknowledgement_are_a_fault_of_the_connection(fields: int) -> None:
    """There each costs ten times as much, and whoever acknowledges our SETTINGS is treated better."""
    assembly = Assembly(DEFAULT)
    with pytest.raises(ConnectionFault) as caught:
        assembly.begin(1, f.END_HEADERS, b"\x90" * fields)
    assert (caught.value.code, caught.value.reason) == (f.ENHANCE_YOUR_CALM, "header_block")
