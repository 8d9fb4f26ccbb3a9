"""What is kept of a request costs about its bytes, however it came."""

from splitter.kept import Piece, joined

LARGE = bytes(16_384)


def test_data_is_joined_until_a_frame_is_full() -> None:
    kept: list[Piece] = [(b"a", 0, False)]
    assert joined(kept, b"b", 0, False)
    assert joined(kept, b"c", 1, False)
    assert kept == [(b"abc", 1, False)]
    assert not joined(kept, LARGE, 0, False)


def test_a_header_block_stays_by_itself() -> None:
    assert not joined([], b"a", 0, False)
    assert not joined([(b"a", 0, False)], b"block", 1, True)
    assert not joined([(b"block", 1, True)], b"a", 0, False)
