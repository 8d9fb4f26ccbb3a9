"""Every frame we build is one that RFC 9113 allows and that a reader who shares no code with us reads back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.http2 import frames as f
from tests.mesh.http2.wire import Frame, whole

stream_ids = st.integers(0, f.MAX_STREAM_ID)
codes = st.integers(0, (1 << 32) - 1)


@given(st.integers(0, 255), st.integers(0, 255), stream_ids, st.binary(max_size=300))
def test_a_frame_is_read_back_as_it_was_built(kind: int, flags: int, stream_id: int, payload: bytes) -> None:
    assert whole(f.frame(kind, flags, stream_id, payload)) == [Frame(kind, flags, stream_id, payload)]


def test_the_largest_frame_is_as_large_as_every_peer_takes() -> None:
    (frame,) = whole(f.frame(f.DATA, 0, 1, bytes(f.FRAME_LIMIT)))
    assert len(frame.payload) == 16_384


@given(st.dictionaries(st.integers(0, 0xFFFF), codes, max_size=10))
def test_settings_hold_what_they_were_given(values: dict[int, int]) -> None:
    (frame,) = whole(f.settings(values))
    pieces = [frame.payload[at : at + 6] for at in range(0, len(frame.payload), 6)]
    assert (frame.kind, frame.flags, frame.stream_id) == (4, 0, 0)
    assert [(int.from_bytes(p[:2], "big"), int.from_bytes(p[2:], "big")) for p in pieces] == list(
        values.items()
    )
    assert [f.read_setting(frame.payload, at) for at in range(0, len(frame.payload), 6)] == list(
        values.items()
    )


@given(stream_ids, st.integers(1, f.MAX_WINDOW), codes)
def test_window_updates_resets_and_goaways_hold_their_numbers(
    stream_id: int, increment: int, code: int
) -> None:
    update, reset, goaway = whole(
        f.window_update(stream_id, increment)
        + f.rst_stream(stream_id, code)
        + f.goaway(stream_id, code, "why")
    )
    assert update == Frame(8, 0, stream_id, increment.to_bytes(4, "big"))
    assert reset == Frame(3, 0, stream_id, code.to_bytes(4, "big"))
    assert goaway == Frame(7, 0, 0, stream_id.to_bytes(4, "big") + code.to_bytes(4, "big") + b"why")


def test_the_reason_of_a_goaway_is_cut_to_256_bytes() -> None:
    (frame,) = whole(f.goaway(1, 2, "ü" * 1_000))
    assert len(frame.payload) == 8 + 256


@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 16_385, 32_768, 32_769, 65_536])
@pytest.mark.parametrize("flags", [0, f.END_STREAM])
def test_a_header_block_of_any_size_is_headers_and_continuations(size: int, flags: int) -> None:
    block = bytes(at % 251 for at in range(size))
    first, *rest = whole(f.headers(3, block, flags))
    assert (first.kind, first.stream_id) == (f.HEADERS, 3)
    assert first.flags & f.END_STREAM == flags
    assert all((each.kind, each.stream_id) == (f.CONTINUATION, 3) for each in rest)
    assert [bool(each.flags & f.END_HEADERS) for each in (first, *rest)] == [False] * len(rest) + [True]
    assert not any(each.flags & ~f.END_HEADERS for each in rest)
    assert b"".join(each.payload for each in (first, *rest)) == block
    assert all(0 < len(each.payload) <= 16_384 for each in (first, *rest) if size)


def test_a_fault_carries_its_code_and_says_why() -> None:
    fault = f.ConnectionFault(f.PROTOCOL_ERROR, "because")
    assert (fault.code, fault.text, str(fault), fault.reason) == (1, "because", "because", "protocol")
