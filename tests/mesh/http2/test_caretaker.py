"""Peers that say nothing, or nothing that ends, are asked, and then left; those that are merely quiet are not."""

import asyncio
import logging

import pytest

from mesh.http2 import frames as f
from mesh.http2.caretaker import UNWATCHED, Caretaker
from mesh.http2.limits import Limits
from tests.mesh.http2.clock import Days
from tests.mesh.http2.relay import REQUEST, RESPONSE, TRAILERS, Front, Upstream, linked
from tests.mesh.http2.spoken import WINDOW, data, much
from tests.mesh.http2.watched import PONG, code, watched
from tests.mesh.http2.wire import Wire, heard, turn, whole


async def fresh(days: Days, words: bytes = b"", **limits: float) -> tuple[Front, Wire]:
    """A client that has just connected, and said this."""
    back = Upstream()
    front = Front(lambda call: back, caretaker=days.caretaker, limits=Limits(**limits))  # type: ignore[arg-type]
    wire = Wire(front)
    wire.say(words)
    await turn()
    wire.take()
    return front, wire


# Greetings


@pytest.mark.parametrize("words", [b"", f.PREFACE[:10], f.PREFACE, f.PREFACE + f.settings({})[:8]], ids=len)
async def test_a_client_that_does_not_greet_is_sent_away(words: bytes) -> None:
    days = Days()
    front, wire = await fresh(days, words)
    days.pass_by(9)
    assert not wire.closing
    days.pass_by(1)
    assert front.faults == ["greeting_timeout"]
    assert code(await heard(wire)) == f.PROTOCOL_ERROR


async def test_a_client_that_greets_byte_by_byte_is_sent_away() -> None:
    days = Days()
    front, wire = await fresh(days)
    for byte in f.PREFACE:
        wire.say(bytes((byte,)))
        days.pass_by(1)
    assert front.faults == ["greeting_timeout"]


async def test_a_client_that_never_acknowledges_our_settings_is_sent_away_whatever_else_it_says() -> None:
    """Until then its header blocks take the slow way."""
    days = Days()
    front, wire = await fresh(days, f.PREFACE + f.settings({}))
    for _ in range(10):
        wire.say(f.frame(f.PING, 0, 0, bytes(8)))
        days.pass_by(1)
    assert front.faults == ["settings_timeout"]
    assert code(await heard(wire)) == f.SETTINGS_TIMEOUT


async def test_an_upstream_that_never_acknowledges_is_left() -> None:
    days = Days()
    back = Upstream(caretaker=days.caretaker)
    wire = Wire(back)
    wire.say(f.settings({}))
    days.pass_by(10)
    assert back.faults == ["settings_timeout"]
    assert back.leaving


async def test_a_client_that_has_greeted_may_be_silent() -> None:
    days, link = await watched()
    days.pass_by(59)
    assert not link.client.closing
    assert await heard(link.client) == []


# Frames and blocks that do not end


async def test_a_frame_that_comes_byte_by_byte_is_not_waited_for() -> None:
    days, link = await watched()
    await link.open(1)
    for byte in data(1, bytes(100))[:11]:
        link.client.say(bytes((byte,)))
        days.pass_by(1)
    assert link.front.faults == ["block_timeout"]
    assert code(await heard(link.client)) == f.PROTOCOL_ERROR


async def test_a_header_block_that_comes_frame_by_frame_is_not_waited_for() -> None:
    days, link = await watched()
    await link.open(1)
    link.client.say(f.frame(f.HEADERS, 0, 3, REQUEST))
    for _ in range(11):
        days.pass_by(1)
        link.client.say(f.frame(f.CONTINUATION, 0, 3, b"\0\1a\1b"))
    assert link.front.faults == ["block_timeout"]


async def test_a_frame_or_block_that_ends_in_time_is_no_fault_however_many_there_are() -> None:
    days, link = await watched()
    await link.open(1)
    half = f.frame(f.HEADERS, 0, 1, TRAILERS[:4])
    for number in range(40):  # each second ends within a frame, but always within another one
        frame = f.frame(f.PING, 0, 0, number.to_bytes(8, "big"))
        link.client.say(frame[5:] if number else b"")
        link.client.say(frame[:5])
        if not number:
            link.client.say(frame[5:] + frame[:5])
        days.pass_by(1)
    link.client.say(f.frame(f.PING, 0, 0, bytes(8))[5:] + half)
    days.pass_by(9)
    link.client.say(f.frame(f.CONTINUATION, f.END_HEADERS, 1, TRAILERS[4:]))
    assert not link.front.faults
    assert not link.client.closing


# Peers that take nothing


async def test_a_peer_that_takes_nothing_of_what_we_hold_is_cut_off() -> None:
    days, link = await watched(client_capacity=1_000, client_settings={WINDOW: 1 << 20})
    await link.open(1)
    link.upstream.say(f.headers(1, RESPONSE, 0) + much(1, 60_000))
    await turn()
    await turn()
    assert link.client.held
    for second in range(59):
        days.pass_by(1)
        link.upstream.say(PONG)
        if second % 10 == 0:
            link.client.say(f.frame(f.PING, 0, 0, bytes(8)))  # it talks, but it does not read
            await turn()
    assert not link.client.aborted
    days.pass_by(2)
    assert link.front.faults == ["write_timeout"]
    assert link.client.aborted
    assert [(each.kind, each.stream_id) for each in await heard(link.upstream)][-1] == (f.RST_STREAM, 1)


async def test_a_peer_that_takes_a_little_now_and_then_is_not_cut_off() -> None:
    days, link = await watched(client_capacity=1_000, client_settings={WINDOW: 1 << 20})
    await link.open(1)
    link.upstream.say(f.headers(1, RESPONSE, 0) + much(1, 60_000))
    await turn()
    await turn()
    for second in range(300):
        days.pass_by(1)
        link.upstream.say(PONG)
        if second % 50 == 0:
            link.client.take(1)
            link.client.say(f.frame(f.PING, 0, 0, bytes(8)))
            await turn()
    assert not link.front.faults


# All together


async def test_there_is_a_limit_to_connections_and_a_place_that_is_left_is_taken() -> None:
    days = Days()
    first, first_wire = await fresh(days, max_connections=2)
    second, _ = await fresh(days, max_connections=2)
    third, third_wire = await fresh(days, max_connections=2)
    assert (first.faults, second.faults, third.faults) == ([], [], ["max_connections"])
    assert third_wire.closing
    first_wire.cut_off()
    await turn()
    await turn()
    assert days.caretaker.served == 1
    fourth, _ = await fresh(days, max_connections=2)
    assert fourth.faults == []


async def test_upstreams_take_no_client_s_place() -> None:
    days, _ = await watched()
    assert (len(days.caretaker), days.caretaker.served) == (2, 1)


async def test_the_client_that_most_waits_for_is_cut_off_when_too_much_waits_for_all() -> None:
    days = Days()
    days.caretaker = Caretaker(limits=Limits(max_queued_total=100_000), clock=days.clock)
    both = {"caretaker": days.caretaker}
    link = await linked(front=both, back=both, client_settings={WINDOW: 0})
    fronts = [(link.front, link.client), *(link.another({WINDOW: 0}) for _ in range(2))]
    for number, (_, wire) in enumerate(fronts):
        wire.say(f.headers(1, REQUEST, 0))
        await turn()
        stream_id = 2 * number + 1
        link.upstream.say(f.headers(stream_id, RESPONSE, 0) + much(stream_id, 30_000 + 10_000 * number))
    await heard(link.upstream)
    assert days.caretaker.queued == 120_000
    days.pass_by(1)
    assert [front.faults for front, _ in fronts] == [[], [], ["unread"]]
    assert fronts[2][1].aborted
    assert days.caretaker.queued == 70_000
    assert [(each.kind, each.stream_id) for each in await heard(link.upstream)] == [(f.RST_STREAM, 5)]


async def test_a_connection_that_is_closed_or_gone_is_looked_after_no_more() -> None:
    days, link = await watched()
    link.front.close()
    days.pass_by(100)
    await turn()
    assert len(days.caretaker) == 1
    link.upstream.cut_off()
    await turn()
    assert len(days.caretaker) == 0
    days.pass_by(100)
    assert link.front.faults == []


class Clumsy(Front):
    """Our code for it has a mistake."""

    def on_second(self) -> None:
        raise KeyError("a mistake of ours")


async def test_a_mistake_with_one_connection_does_not_leave_the_others_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    days, link = await watched()
    clumsy = Clumsy(lambda call: link.back, caretaker=days.caretaker)
    Wire(clumsy).say(f.PREFACE + f.settings({}) + f.SETTINGS_ACK)
    last, _ = await fresh(days)
    days.pass_by(10)
    assert last.faults == ["greeting_timeout"]
    assert "a mistake of ours" in caplog.text
    caplog.set_level(logging.CRITICAL)
    caplog.clear()


async def test_it_works_by_itself_and_lets_others_work() -> None:
    caretaker = Caretaker(interval=0.001)
    back = Upstream()
    limits = Limits(greeting_timeout=1)
    wires = [Wire(Front(lambda call: back, caretaker=caretaker, limits=limits)) for _ in range(600)]
    task = asyncio.get_running_loop().create_task(caretaker.run())
    async with asyncio.timeout(30):
        for wire in wires:
            await wire.gone.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for wire in wires:
        assert [each.kind for each in whole(wire.take())][-1] == f.GOAWAY


async def test_who_has_no_caretaker_is_watched_by_nobody() -> None:
    wire = Wire(Upstream())
    assert (len(UNWATCHED), UNWATCHED.served) == (0, 0)
    wire.protocol.connection_lost(None)
