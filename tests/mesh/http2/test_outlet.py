"""What is written reaches the peer in order and in few writes, and a peer that does not read cannot fill our memory."""

import asyncio

import hpack
import pytest

from mesh.http2 import frames as f
from mesh.http2.limits import DEFAULT, LINGER_BYTES
from mesh.http2.outlet import Outlet
from tests.mesh.http2.relay import REQUEST
from tests.mesh.http2.wire import Wire, turn, whole

MAX_UNREAD = DEFAULT.max_unread


class PlainOutlet(Outlet):
    """With the limits of a client's connection."""

    def __init__(self) -> None:
        super().__init__(high_water=DEFAULT.write_high_water, max_unread=MAX_UNREAD)


class HastyOutlet(PlainOutlet):
    """It waits for nobody."""

    close_timeout = 0.01
    linger_timeout = 0.01


class CountingWire(Wire):
    """Counts the writes."""

    writes = 0

    def write(self, data: bytes) -> None:
        self.writes += 1
        super().write(data)


async def test_the_frames_of_one_turn_are_one_write_in_order() -> None:
    outlet = PlainOutlet()
    wire = CountingWire(outlet)
    for number in range(5):
        outlet.send(f.rst_stream(number, number))
    outlet.send_block(9, REQUEST, 1)
    assert wire.writes == 0
    await turn()
    assert wire.writes == 1
    assert [each.stream_id for each in whole(wire.take())] == [0, 1, 2, 3, 4, 9]
    await turn()
    assert wire.writes == 1


async def test_the_first_block_on_a_connection_empties_the_table_and_the_others_are_as_given() -> None:
    outlet = PlainOutlet()
    wire = Wire(outlet)
    outlet.send_block(1, REQUEST, 0)
    outlet.send_block(3, REQUEST, 1)
    await turn()
    first, second = whole(wire.take())
    assert (first.payload, second.payload) == (b"\x20" + REQUEST, REQUEST)
    assert (first.flags, second.flags) == (f.END_HEADERS, f.END_HEADERS | f.END_STREAM)
    decoder = hpack.Decoder()
    assert decoder.decode(first.payload) == decoder.decode(second.payload)


@pytest.mark.parametrize("size", [16_383, 16_384, 40_000])
async def test_a_block_longer_than_a_frame_is_split(size: int) -> None:
    outlet = PlainOutlet()
    wire = Wire(outlet)
    outlet.send_block(1, bytes(size), 1)
    await turn()
    found = whole(wire.take())
    assert b"".join(each.payload for each in found) == b"\x20" + bytes(size)
    assert len(found) == (1 + size + 16_383) // 16_384


async def test_closing_sends_what_is_written_first() -> None:
    outlet = PlainOutlet()
    wire = Wire(outlet)
    outlet.send(b"last words")
    outlet.close()
    assert wire.take() == b"last words"
    assert wire.closing
    outlet.send(b"too late")
    outlet.close()
    await turn()
    assert wire.lost
    assert not wire.held


async def test_closing_before_there_is_a_connection_is_nothing() -> None:
    PlainOutlet().close()


async def test_a_peer_that_does_not_take_the_last_words_is_cut_off() -> None:
    outlet = HastyOutlet()
    wire = Wire(outlet, capacity=1)
    outlet.send(b"last words")
    outlet.close()
    assert not wire.lost
    async with asyncio.timeout(5):
        await wire.gone.wait()
    assert wire.aborted


async def test_a_peer_that_takes_the_last_words_is_not_cut_off() -> None:
    outlet = HastyOutlet()
    wire = Wire(outlet)
    outlet.close()
    await asyncio.sleep(0.03)
    assert wire.lost
    assert not wire.aborted


async def test_a_closed_connection_is_never_writable_again() -> None:
    """A transport that is closing still says when its buffer has drained."""
    outlet = PlainOutlet()
    wire = Wire(outlet, capacity=5)
    outlet.send(b"last words")
    await turn()
    assert not outlet.writable
    outlet.close()
    outlet.resume_writing()
    assert not outlet.writable
    wire.abort()
    await turn()


async def test_a_peer_that_reads_nothing_is_cut_off_when_it_has_made_us_write_too_much() -> None:
    outlet = PlainOutlet()
    wire = Wire(outlet, capacity=1_000)
    outlet.send(bytes(MAX_UNREAD * 2))  # written while the socket was willing: the windows bound it
    await turn()
    assert not outlet.writable
    for _ in range(MAX_UNREAD // 65_536):
        outlet.send(bytes(65_536))
        await turn()
    assert not wire.aborted
    outlet.send(b"one byte more")
    await turn()
    assert wire.aborted
    await turn()
    assert outlet.transport is None


async def test_a_peer_that_reads_now_and_then_is_not_cut_off() -> None:
    outlet = PlainOutlet()
    wire = Wire(outlet, capacity=1_000)
    for _ in range(4 * MAX_UNREAD // 1_000_000):
        outlet.send(bytes(1_000_000))
        await turn()
        outlet.send(bytes(1_000_000))
        await turn()
        assert not outlet.writable
        wire.take()
        assert outlet.writable
    assert not wire.aborted


# Last words


async def test_last_words_can_be_read_before_the_connection_is_gone() -> None:
    """Closing a socket with bytes unread makes TCP destroy what the peer has not read yet."""
    outlet = PlainOutlet()
    wire = Wire(outlet)
    wire.stubborn = True
    outlet.send(b"last words")
    outlet.close(linger=True)
    assert wire.take() == b"last words"
    assert wire.closing
    assert not wire.deaf
    outlet.drop(1_000)
    wire.stubborn = False
    wire.take()
    await turn()
    assert wire.lost


async def test_a_peer_that_does_not_hang_up_is_not_waited_for() -> None:
    outlet = HastyOutlet()
    wire = Wire(outlet)
    wire.stubborn = True
    outlet.close(linger=True)
    async with asyncio.timeout(5):
        await wire.gone.wait()
    assert not wire.aborted


async def test_a_peer_that_goes_on_talking_is_not_listened_to_for_long() -> None:
    outlet = PlainOutlet()
    wire = Wire(outlet)
    wire.stubborn = True
    outlet.close(linger=True)
    outlet.drop(LINGER_BYTES)
    assert not wire.deaf
    outlet.drop(1)
    assert wire.deaf
    outlet.drop(1)
    await turn()
    assert wire.lost


async def test_a_peer_that_takes_no_last_words_is_cut_off_though_we_linger() -> None:
    outlet = HastyOutlet()
    wire = Wire(outlet, capacity=1)
    wire.stubborn = True
    outlet.send(b"last words")
    outlet.close(linger=True)
    async with asyncio.timeout(5):
        await wire.gone.wait()
    assert wire.aborted


class HalfWire(Wire):
    """As over TLS, one end cannot be closed alone."""

    def can_write_eof(self) -> bool:
        return False


async def test_where_one_end_cannot_be_closed_alone_we_only_wait() -> None:
    outlet = HastyOutlet()
    wire = HalfWire(outlet)
    outlet.send(b"last words")
    outlet.close(linger=True)
    assert not wire.closing
    async with asyncio.timeout(5):
        await wire.gone.wait()
    assert wire.take() == b"last words"
