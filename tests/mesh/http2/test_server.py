"""The server role: calls are opened, refused and drained so that a client always knows what was processed."""

import asyncio

import hpack
import pytest

from mesh.http2 import frames as f
from mesh.http2.blocks import BadBlock, Malformed, block_of
from mesh.http2.limits import DEFAULT, Limits
from tests.mesh.http2.recorder import Recorder, goaways, recorder
from tests.mesh.http2.relay import REQUEST, RESPONSE, TRAILERS, linked
from tests.mesh.http2.wire import Frame, Wire, heard, told, turn, whole


async def test_a_call_is_told_of_with_its_whole_block() -> None:
    connection, wire = await recorder()
    wire.say(f.headers(1, b"\x20" + REQUEST, 0) + f.headers(7, REQUEST, 1))
    wire.say(f.frame(f.HEADERS, 1, 9, REQUEST[:5]) + f.frame(f.CONTINUATION, 4, 9, REQUEST[5:]))
    assert connection.calls == [(1, REQUEST, 0), (7, REQUEST, 1), (9, REQUEST, 1)]


async def test_a_client_may_call_before_it_has_acknowledged_our_settings() -> None:
    connection, wire = await recorder(acknowledged=False)
    encoder = hpack.Encoder()
    pairs = [(b":method", b"POST"), (b"x-user-id", b"17")]
    wire.say(f.headers(1, encoder.encode(pairs), 1) + f.headers(3, encoder.encode(pairs), 1))
    assert not connection.acknowledged
    encoder.header_table_size = 0
    wire.say(f.SETTINGS_ACK + f.headers(5, encoder.encode(pairs), 1))
    assert connection.acknowledged
    assert [hpack.Decoder().decode(block, raw=True) for _, block, _ in connection.calls] == 3 * [pairs]
    assert [block for _, block, _ in connection.calls[:2]] == 2 * [block_of(*pairs)]


async def test_malformed_calls_are_reset_and_undecodable_ones_end_the_connection() -> None:
    connection, wire = await recorder()
    connection.mistake = Malformed("it lacks a path")
    assert [(each.kind, each.number) for each in await told(wire, f.headers(1, REQUEST, 1))] == [
        (f.RST_STREAM, f.PROTOCOL_ERROR)
    ]
    connection.mistake = BadBlock("it is garbage")
    assert goaways(await told(wire, f.headers(3, REQUEST, 1))) == [(3, f.COMPRESSION_ERROR)]


async def test_streams_above_the_limit_are_refused_until_others_end() -> None:
    connection, wire = await recorder()
    last = 2 * DEFAULT.max_streams + 1
    for stream_id in range(1, last, 2):
        wire.say(f.headers(stream_id, REQUEST, 1))
    assert len(connection.calls) == DEFAULT.max_streams
    assert [(each.kind, each.number) for each in await told(wire, f.headers(last, REQUEST, 1))] == [
        (f.RST_STREAM, f.REFUSED_STREAM)
    ]
    wire.say(f.rst_stream(1, f.CANCEL) + f.headers(last + 2, REQUEST, 1))
    assert connection.calls[-1][0] == last + 2


@pytest.mark.parametrize("why", ["malformed", "too many"])
async def test_a_client_that_does_not_read_its_refusals_is_sent_away(why: str) -> None:
    connection, wire = await recorder(limits=Limits(max_streams=1, reset_burst=1 << 20))
    wire.say(f.headers(1, REQUEST, 1))
    if why == "malformed":
        connection.mistake = Malformed("it lacks a path")
        connection.streams.clear()
    connection.pause_writing()
    for number in range(1, DEFAULT.max_unread_answers + 1):
        wire.say(f.headers(2 * number + 1, REQUEST, 1))
    assert not wire.closing
    wire.say(f.headers(2 * DEFAULT.max_unread_answers + 3, REQUEST, 1))
    assert wire.closing


# Draining


async def drained() -> tuple[Recorder, Wire, Frame]:
    """It has one call under way, and has been told to drain; the client has not answered the PING yet."""
    connection, wire = await recorder()
    wire.say(f.headers(1, REQUEST, 0))
    connection.drain()
    announced, ping = await heard(wire)
    assert goaways([announced]) == [(f.MAX_STREAM_ID, f.NO_ERROR)]
    return connection, wire, ping


async def test_a_drain_is_announced_and_streams_under_way_are_still_taken() -> None:
    connection, wire, ping = await drained()
    assert (ping.kind, ping.flags) == (f.PING, 0)
    wire.say(f.headers(3, REQUEST, 0))
    assert [each[0] for each in connection.calls] == [1, 3]
    connection.drain()
    assert await heard(wire) == []


async def test_after_one_round_trip_the_last_stream_is_named_and_later_ones_are_refused() -> None:
    connection, wire, ping = await drained()
    wire.say(f.headers(3, REQUEST, 0))
    assert goaways(await told(wire, f.frame(f.PING, f.ACK, 0, ping.payload))) == [(3, f.NO_ERROR)]
    found = await told(wire, f.headers(5, REQUEST, 0))
    assert [(each.kind, each.stream_id, each.number) for each in found] == [
        (f.RST_STREAM, 5, f.REFUSED_STREAM)
    ]
    assert [each[0] for each in connection.calls] == [1, 3]
    assert not wire.closing
    wire.say(f.rst_stream(1, f.CANCEL) + f.rst_stream(3, f.CANCEL))
    assert wire.closing


async def test_a_drain_without_calls_ends_with_the_round_trip() -> None:
    connection, wire = await recorder()
    connection.drain()
    ping = (await heard(wire))[1]
    assert not wire.closing
    assert goaways(await told(wire, f.frame(f.PING, f.ACK, 0, ping.payload))) == [(0, f.NO_ERROR)]
    assert wire.lost


async def test_no_goaway_names_a_higher_stream_than_the_one_before() -> None:
    _connection, wire, ping = await drained()
    pong = f.frame(f.PING, f.ACK, 0, ping.payload)
    wire.say(pong + f.headers(5, REQUEST, 0) + pong)
    wire.say(f.frame(f.SETTINGS, 0, 1))
    assert goaways(await heard(wire)) == [(1, f.NO_ERROR), (1, f.PROTOCOL_ERROR)]


async def test_an_answer_to_another_ping_does_not_end_the_drain() -> None:
    connection, wire, _ = await drained()
    assert await told(wire, f.frame(f.PING, f.ACK, 0, b"whatever")) == []
    wire.say(f.headers(3, REQUEST, 0))
    assert len(connection.calls) == 2


async def test_a_client_may_be_drained_before_it_has_said_a_word_or_after_it_has_gone() -> None:
    connection = Recorder()
    connection.drain()
    wire = Wire(connection)
    connection.drain()
    await turn()
    _settings, _window, announced, _ping = whole(wire.take())
    assert goaways([announced]) == [(f.MAX_STREAM_ID, f.NO_ERROR)]
    wire.say(f.PREFACE + f.settings({}) + f.SETTINGS_ACK + f.headers(1, REQUEST, 1))
    assert len(connection.calls) == 1
    wire.cut_off()
    await turn()
    connection.draining = False
    connection.drain()
    assert not connection.draining


class Hasty(Recorder):
    """It does not wait long for the answer to a PING."""

    drain_timeout = 0.01


@pytest.mark.parametrize("greeted", [True, False])
async def test_a_client_that_does_not_answer_holds_up_no_drain(greeted: bool) -> None:
    connection = Hasty()
    wire = Wire(connection)
    wire.stubborn = True
    if greeted:
        wire.say(f.PREFACE + f.settings({}) + f.SETTINGS_ACK)
    connection.drain()
    async with asyncio.timeout(10):
        await wire.gone.wait()
    assert goaways(whole(wire.take())) == [(f.MAX_STREAM_ID, f.NO_ERROR), (0, f.NO_ERROR)]


async def test_the_calls_of_a_client_that_does_not_answer_still_run_to_their_end() -> None:
    connection = Hasty()
    wire = Wire(connection)
    wire.say(f.PREFACE + f.settings({}) + f.SETTINGS_ACK + f.headers(1, REQUEST, 1))
    connection.drain()
    said: list[Frame] = []
    async with asyncio.timeout(10):
        while goaways(said) != [(f.MAX_STREAM_ID, f.NO_ERROR), (1, f.NO_ERROR)]:
            said += await heard(wire)
    assert [each.number for each in await told(wire, f.headers(3, REQUEST, 1))] == [f.REFUSED_STREAM]
    assert connection.stream_faults == ["refused_draining"]
    assert not wire.closing
    connection.streams[1].send_headers(TRAILERS, 1)
    assert wire.closing


async def test_calls_in_flight_run_to_their_end_during_a_drain() -> None:
    link = await linked()
    await link.open(1)
    link.front.drain()
    ping = (await heard(link.client))[1]
    link.client.say(f.frame(f.PING, f.ACK, 0, ping.payload))
    await heard(link.client)
    assert await link.completes(1)
    assert link.client.closing
    await turn()
    assert link.front.closed


async def test_frames_that_come_together_with_the_last_one_change_nothing() -> None:
    link = await linked()
    await link.open(1, end=1)
    link.front.drain()
    ping = (await heard(link.client))[1]
    link.client.say(f.frame(f.PING, f.ACK, 0, ping.payload))
    await link.at_client(f.headers(1, RESPONSE, 0))
    link.client.say(f.rst_stream(1, f.CANCEL) + f.headers(3, REQUEST, 1) + f.headers(5, TRAILERS, 1))
    assert [each.kind for each in await heard(link.upstream)] == [f.RST_STREAM]
    await turn()
    assert link.front.closed


@pytest.mark.parametrize("late", [f.headers(1, TRAILERS, 1), f.frame(f.DATA, 0, 1, b"x"), f.rst_stream(1, 8)])
async def test_what_was_under_way_when_we_reset_a_stream_is_ignored_and_credited(late: bytes) -> None:
    connection, wire = await recorder()
    wire.say(f.headers(1, REQUEST, 0))
    connection.streams[1].send_reset(f.CANCEL)
    assert [each.kind for each in await heard(wire)] == [f.RST_STREAM]
    assert await told(wire, late) == []
    assert len(connection.calls) == 1
    assert connection.recv_window + connection._credit == connection.window


# Ourselves


@pytest.mark.parametrize("token", [0, 77])
async def test_a_sidecar_that_is_connected_to_itself_notices(token: int) -> None:
    connection = Recorder(token=77)
    wire = Wire(connection)
    wire.say(f.PREFACE + f.settings({f.TOKEN: token}))
    assert connection.faults == (["loop"] if token else [])
    assert wire.closing == bool(token)


async def test_without_a_token_nobody_is_ourselves() -> None:
    connection = Recorder()
    Wire(connection).say(f.PREFACE + f.settings({f.TOKEN: 0}))
    assert connection.faults == []
