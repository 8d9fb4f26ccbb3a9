"""Frames that concern the connection are answered as RFC 9113 says, and a flood of them is one."""

import pytest

from mesh.http2 import frames as f
from mesh.http2 import limits
from mesh.http2.control import ControlFrames
from mesh.http2.stream import Stream
from tests.mesh.http2.relay import REQUEST, Linked, linked
from tests.mesh.http2.wire import heard, told

PING = f.frame(f.PING, 0, 0, b"12345678")


class StoppedClock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def timeless() -> tuple[Linked, StoppedClock]:
    """A client for which no time passes."""
    link, clock = await linked(), StoppedClock()
    link.front._control = ControlFrames(link.front, clock=clock)
    return link, clock


async def test_a_ping_is_answered_with_its_payload() -> None:
    link = await linked()
    (pong,) = await told(link.client, PING)
    assert (pong.kind, pong.flags, pong.stream_id, pong.payload) == (f.PING, f.ACK, 0, b"12345678")


async def test_settings_are_applied_in_order_and_acknowledged_once() -> None:
    link = await linked()
    pairs = [
        (f.INITIAL_WINDOW_SIZE, 5),
        (f.MAX_CONCURRENT_STREAMS, 9),
        (0xFE03, 1),
        (f.INITIAL_WINDOW_SIZE, 7),
    ]
    payload = b"".join(f.make_setting(*pair) for pair in pairs)
    assert [
        (each.kind, each.flags) for each in await told(link.upstream, f.frame(f.SETTINGS, 0, 0, payload))
    ] == [(f.SETTINGS, f.ACK)]
    assert (link.back.peer_initial_window, link.back.peer_max_streams) == (7, 9)
    assert link.back.told[-1] == "settings"


async def test_a_new_initial_window_moves_open_streams_and_those_to_come() -> None:
    link = await linked()
    await link.open(1)
    await link.at_client(f.window_update(1, 1_000) + f.settings({f.INITIAL_WINDOW_SIZE: 65_540}))
    await link.open(3)
    assert [link.back.streams[each].send_window for each in (1, 3)] == [66_540, 65_540]


class CountedStream(Stream):
    """Counts what a SETTINGS frame makes it do."""

    moved = 0

    def widen(self, increment: int) -> None:
        self.moved += 1
        super().widen(increment)


async def test_a_frame_full_of_settings_moves_each_stream_once_and_the_same_again_moves_none() -> None:
    """Else 16 KiB of SETTINGS would make 4 096 streams move 2 730 times each."""
    link = await linked()
    stream = CountedStream(link.front, 1)
    link.front.streams[1] = stream
    many = b"".join(f.make_setting(f.INITIAL_WINDOW_SIZE, 70_000 + number) for number in range(2_000))
    link.client.say(f.frame(f.SETTINGS, 0, 0, many))
    link.client.say(f.settings({f.INITIAL_WINDOW_SIZE: 71_999}))
    assert stream.moved == 1
    assert stream.send_window == 71_999


FLOODS = {
    "PRIORITY": f.frame(f.PRIORITY, 0, 1, bytes(5)),
    "unknown types": f.frame(0xBB, 0, 0, b""),
    "PING": PING,
    "answers to PING": f.frame(f.PING, f.ACK, 0, bytes(8)),
    "SETTINGS": f.settings({}),
    "acknowledgements": f.SETTINGS_ACK,
    "GOAWAY": f.goaway(0, 0),
    "empty DATA": f.frame(f.DATA, 0, 1),
    "DATA that is only padding": f.frame(f.DATA, f.PADDED, 1, b"\x01\0"),
    "empty DATA on a closed stream": f.frame(f.DATA, 0, 3),
    "RST_STREAM on a closed stream": f.rst_stream(3, f.CANCEL),
    "HEADERS on a closed stream": f.headers(3, b"\x88", 1),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_of_frames_that_carry_nothing_ends_the_connection(name: str) -> None:
    link, _ = await timeless()
    await link.open(1)
    await link.open(3)
    await link.at_upstream(f.rst_stream(3, f.CANCEL))
    count = limits.MAX_USELESS_FRAMES + link.front.highest_seen // 2
    link.client.say(FLOODS[name] * (count - 10))
    assert not link.client.closing
    await heard(link.client)
    link.client.say(FLOODS[name] * 20)
    found = await heard(link.client)
    assert (found[-1].kind, found[-1].payload[4:8]) == (f.GOAWAY, f.ENHANCE_YOUR_CALM.to_bytes(4, "big"))
    assert link.client.closing


async def test_the_same_frames_at_a_peaceful_rate_are_no_flood() -> None:
    link, clock = await timeless()
    for _ in range(40):
        link.client.say(PING * 1_000)
        await heard(link.client)
        clock.now += 1
    assert not link.client.closing


async def test_each_stream_that_is_opened_pays_for_a_frame() -> None:
    """Clients that send PRIORITY or PING with each call are as old as HTTP/2."""
    link, _ = await timeless()
    for number in range(limits.MAX_USELESS_FRAMES + 100):
        stream_id = 2 * number + 1
        link.client.say(f.frame(f.PRIORITY, 0, stream_id, bytes(5)) + f.headers(stream_id, REQUEST, 1))
        link.client.say(f.rst_stream(stream_id, f.CANCEL))
        if number % 100 == 0:
            await heard(link.upstream)
    assert not link.client.closing


async def test_settings_cost_the_more_the_more_streams_they_move() -> None:
    link, _ = await timeless()
    for stream_id in range(1, 2 * 640, 2):
        link.front.streams[stream_id] = Stream(link.front, stream_id)
    frames = [f.settings({f.INITIAL_WINDOW_SIZE: 70_000 + each % 2}) for each in range(1_000)]
    for each in frames[:900]:
        link.client.say(each)
    assert not link.client.closing
    for each in frames[900:]:
        link.client.say(each)
    assert link.client.closing


@pytest.mark.parametrize("question", [PING, f.settings({})], ids=["PING", "SETTINGS"])
async def test_a_peer_that_asks_but_does_not_read_is_sent_away(question: bytes) -> None:
    link, _ = await timeless()
    link.front.pause_writing()
    link.client.say(question * limits.MAX_UNREAD_ANSWERS)
    assert not link.client.closing
    link.client.say(question)
    assert link.client.closing


async def test_answers_that_are_read_are_not_counted() -> None:
    link, _ = await timeless()
    for _ in range(5):
        link.front.pause_writing()
        link.client.say(PING * limits.MAX_UNREAD_ANSWERS)
        link.front.resume_writing()
        link.client.say(PING)
    assert not link.client.closing
