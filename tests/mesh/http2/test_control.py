"""Frames that concern the connection are answered as RFC 9113 says, and a flood of them is one."""

import pytest

from mesh.http2 import frames as f
from mesh.http2.limits import DEFAULT, Limits
from mesh.http2.stream import Stream
from tests.mesh.http2.clock import StoppedClock
from tests.mesh.http2.relay import REQUEST, Linked, linked
from tests.mesh.http2.wire import heard, told

PING = f.frame(f.PING, 0, 0, b"12345678")


async def timeless(**limits: int) -> tuple[Linked, StoppedClock]:
    """A client for which no time passes."""
    clock = StoppedClock()
    return await linked(front={"clock": clock, "limits": Limits(**limits)}), clock


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
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_of_frames_that_carry_nothing_ends_the_connection(name: str) -> None:
    link, _ = await timeless()
    await link.open(1)
    await link.open(3)
    await link.at_upstream(f.rst_stream(3, f.CANCEL))
    count = DEFAULT.max_useless_frames + link.front.opened
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
    link, _ = await timeless(reset_burst=1 << 20)
    for number in range(DEFAULT.max_useless_frames + 100):
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
    frames = [f.settings({f.INITIAL_WINDOW_SIZE: 70_000 + each % 2}) for each in range(130)]
    for each in frames[:120]:
        link.client.say(each)
    assert not link.client.closing
    for each in frames[120:]:
        link.client.say(each)
    assert link.client.closing


@pytest.mark.parametrize("question", [PING, f.settings({})], ids=["PING", "SETTINGS"])
async def test_a_peer_that_asks_but_does_not_read_is_sent_away(question: bytes) -> None:
    link, _ = await timeless()
    link.front.pause_writing()
    link.client.say(question * DEFAULT.max_unread_answers)
    assert not link.client.closing
    link.client.say(question)
    assert link.client.closing


async def test_answers_that_are_read_are_not_counted() -> None:
    link, _ = await timeless()
    for _ in range(5):
        link.front.pause_writing()
        link.client.say(PING * DEFAULT.max_unread_answers)
        link.front.resume_writing()
        link.client.say(PING)
    assert not link.client.closing


# Frames that cost too little to be looked at one by one


@pytest.mark.parametrize("stream_id", [0, 1, 3], ids=["connection", "open stream", "closed stream"])
async def test_a_flood_of_window_updates_that_follow_on_nothing_ends_the_connection(stream_id: int) -> None:
    link, _ = await timeless()
    await link.open(1, 3)
    await link.at_upstream(f.rst_stream(3, f.CANCEL))
    link.client.say(f.window_update(stream_id, 1) * DEFAULT.max_useless_frames)
    assert not link.client.closing
    link.client.say(f.window_update(stream_id, 1) * 2_000)
    assert link.front.faults == ["useless_frames"]


async def test_a_client_may_grant_each_byte_that_it_is_sent() -> None:
    link, _ = await timeless()
    await link.open(1)
    await link.at_client(f.headers(1, b"\x88", 0))
    for _ in range(30):
        await link.at_client(f.frame(f.DATA, 0, 1, b"x") * 1_000)
        link.client.say((f.window_update(0, 1) + f.window_update(1, 1)) * 1_000)
    assert not link.client.closing


async def test_a_client_may_widen_each_stream_that_it_opens() -> None:
    link, _ = await timeless()
    for stream_id in range(1, 30_001, 2):
        link.client.say(f.headers(stream_id, REQUEST, 1) + f.window_update(stream_id, 1 << 20))
        link.upstream.say(f.headers(stream_id, b"\x88", 1))
        await heard(link.upstream)
    assert not link.client.closing


async def test_what_was_under_way_when_we_reset_a_stream_is_no_flood_and_what_comes_beyond_it_is() -> None:
    link, _ = await timeless()
    await link.open(1)
    link.client.say(f.frame(f.DATA, 0, 1, bytes(10_000)))
    await link.at_client(f.rst_stream(1, f.CANCEL))
    late = f.frame(f.DATA, 0, 1, bytes(10))
    left = (262_144 - 10_000) // 10
    link.client.say(late * left)
    link.client.say(late * (DEFAULT.max_useless_frames - 10))
    assert not link.client.closing
    link.client.say(late * 20)
    assert link.front.faults == ["useless_frames"]


async def test_data_on_a_stream_that_the_client_itself_has_closed_is_a_flood() -> None:
    link, _ = await timeless()
    await link.open(1)
    link.client.say(f.rst_stream(1, f.CANCEL))
    link.client.say(f.frame(f.DATA, 0, 1, bytes(100)) * (DEFAULT.max_useless_frames + 10))
    assert link.front.faults == ["useless_frames"]


async def test_an_upstream_may_send_what_it_had_for_calls_that_were_cancelled() -> None:
    link = await linked(back={"limits": Limits(max_useless_frames=10)})
    await link.open(1)
    await link.at_client(f.headers(1, b"\x88", 0))
    link.client.say(f.rst_stream(1, f.CANCEL))
    link.upstream.say(f.frame(f.DATA, 0, 1, bytes(1_000)) * 1_000)
    assert link.back.faults == []
    assert link.back.recv_window + link.back._credit == link.back.window
