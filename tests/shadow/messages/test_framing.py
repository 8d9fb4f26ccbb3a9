"""Bodies from peers nobody here wrote: what is whole is read, what is not is told, nothing raises."""

import struct
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.messages.framing import MOST_MESSAGES, split
from tests.shadow.answers import body


@given(st.lists(st.binary(max_size=50)), st.sampled_from(["identity", "gzip", "deflate"]))
def test_messages_come_back_whatever_compresses_them(messages: list[bytes], encoding: str) -> None:
    read = split(body(*messages, encoding=encoding), encoding)
    assert read.messages == tuple(messages)
    assert read.fault == ""


@given(st.lists(st.binary(max_size=20), min_size=1), st.data())
def test_a_body_cut_anywhere_gives_what_is_whole_and_says_what_is_not(
    messages: list[bytes], data: st.DataObject
) -> None:
    whole = body(*messages)
    read = split(whole[: data.draw(st.integers(0, len(whole) - 1))], "")
    assert read.messages == tuple(messages[: len(read.messages)])
    ends = [len(body(*messages[:count])) for count in range(len(messages))]
    cut_between = len(body(*read.messages)) in ends and not read.fault
    assert cut_between or read.fault.startswith(f"message {len(read.messages) + 1} ends")


@given(st.binary(max_size=200), st.sampled_from(["", "identity", "gzip", "deflate", "snappy"]))
def test_garbage_never_raises(garbage: bytes, encoding: str) -> None:
    split(garbage, encoding)
    split(b"\x01" + struct.pack(">I", len(garbage)) + garbage, encoding)


@pytest.mark.parametrize(
    ("wrong", "encoding", "told"),
    [
        (b"\x00\x00", "", "message 1 ends in its prefix, after 2 of 5 bytes"),
        (b"\x00\x00\x00\x00\x09abc", "", "message 1 ends after 3 of 9 bytes"),
        (b"\x02\x00\x00\x00\x00", "", "message 1 has flag 2, where 0 or 1 says whether it is compressed"),
        (
            b"\x01\x00\x00\x00\x01x",
            "",
            "message 1 is compressed, and grpc-encoding is '': known are gzip, deflate",
        ),
        (body(b"", b"x") + b"\x07" + bytes(4), "", "message 3 has flag 7, where"),
        (b"\x01\x00\x00\x00\x01x", "gzip", "message 1 is gzip that is cut off"),
        (b"\x01\x00\x00\x00\x01x", "deflate", "message 1 is deflate that is cut off"),
        (b"\x01\x00\x00\x00\x04xxxx", "gzip", "message 1 is no gzip: "),
        (body(zlib.compress(b"a") + b"!!"), "deflate", ""),
        (
            b"\x01" + body(zlib.compress(b"a") + b"!!")[1:],
            "deflate",
            "message 1 has 2 bytes after its deflate",
        ),
    ],
)
def test_what_is_wrong_is_told(wrong: bytes, encoding: str, told: str) -> None:
    fault = split(wrong, encoding).fault
    assert fault.startswith(told)
    assert bool(fault) == bool(told)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_not_expanded_beyond_the_bound(encoding: str) -> None:
    bomb = body(bytes(20 << 20), encoding=encoding)
    tracemalloc.start()
    try:
        read = split(bomb, encoding, most_bytes=1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read.messages == ()
    assert read.fault == "message 1 has more than the 1048576 bytes that are left for it when expanded"
    assert peak < 4 << 20


def test_the_bound_is_of_all_messages_together() -> None:
    most = body(bytes(600), encoding="gzip")
    read = split(most + most, "gzip", most_bytes=1_000)
    assert (len(read.messages), "the 400 bytes that are left" in read.fault) == (1, True)


def test_plain_messages_beyond_the_bound_leave_nothing_for_compressed_ones() -> None:
    read = split(body(bytes(2_000)) + body(b"abc", encoding="gzip"), "gzip", most_bytes=1_000)
    assert (len(read.messages), "when expanded" in read.fault) == (1, True)


def test_so_many_messages_are_read_and_no_more() -> None:
    read = split(bytes(5) * (MOST_MESSAGES + 1), "")
    assert len(read.messages) == MOST_MESSAGES
    assert read.fault == f"message {MOST_MESSAGES + 1} is one more than the {MOST_MESSAGES} that are read"
