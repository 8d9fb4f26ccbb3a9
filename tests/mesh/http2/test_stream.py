"""Two streams that are each other's peer behave like one: what each moment of a call promises."""

import pytest

from mesh.http2 import frames as f
from mesh.http2.stream import GONE, Stream
from tests.mesh.http2.relay import REQUEST, RESPONSE, TRAILERS, linked, unsettled
from tests.mesh.http2.spoken import WINDOW, answering, data, kinds, much
from tests.mesh.http2.wire import heard, told

# Frames pass


async def test_what_one_side_says_the_other_hears() -> None:
    link = await linked()
    await link.open(1)
    assert await link.completes(1)
    assert not link.front.streams
    assert not link.back.streams


async def test_padding_and_priority_are_taken_off() -> None:
    link = await linked()
    priority, padded = b"\0\0\0\0\x10", b"\x03" + REQUEST + b"\0\0\0"
    flags = f.END_HEADERS | f.PADDED | f.HAS_PRIORITY
    words = f.frame(f.HEADERS, flags, 1, b"\x03" + priority + padded[1:]) + data(
        1, b"\x04body\0\0\0\0", f.PADDED
    )
    found = await link.at_upstream(words)
    assert [(each.kind, each.flags, each.payload[-4:]) for each in found] == [
        (f.HEADERS, f.END_HEADERS, REQUEST[-4:]),
        (f.DATA, 0, b"body"),
    ]
    assert not any(unsettled(link.front, link.back).values())


async def test_flags_that_mean_nothing_are_not_passed_on() -> None:
    link = await linked()
    found = await link.at_upstream(f.frame(f.HEADERS, 0xD4, 1, REQUEST) + data(1, b"x", 0xF6))
    assert kinds(found) == [(f.HEADERS, f.END_HEADERS), (f.DATA, 0)]


async def test_interim_responses_come_before_the_response() -> None:
    link = await linked()
    await link.open(1)
    found = await link.at_client(f.headers(1, b"\x08\x03103", 0) * 2 + f.headers(1, RESPONSE, 0))
    assert kinds(found) == 3 * [(f.HEADERS, f.END_HEADERS)]
    found = await link.at_client(data(1) + f.headers(1, TRAILERS, 1))
    assert kinds(found) == [(f.DATA, 0), (f.HEADERS, 5)]


async def test_a_reset_is_passed_on_with_its_code() -> None:
    link = await linked()
    await link.open(1, 3)
    assert [each.number for each in await link.at_upstream(f.rst_stream(1, f.CANCEL))] == [f.CANCEL]
    assert [each.number for each in await link.at_client(f.rst_stream(3, f.REFUSED_STREAM))] == [
        f.REFUSED_STREAM
    ]
    assert not link.front.streams
    assert not link.back.streams


async def test_a_lost_client_cancels_its_calls_and_a_lost_upstream_too() -> None:
    link = await linked()
    await link.open(1)
    link.client.cut_off()
    assert [(each.kind, each.number) for each in await heard(link.upstream)] == [(f.RST_STREAM, f.CANCEL)]
    link.front, link.client = link.another()
    await link.quiet()
    await link.at_upstream(f.headers(1, REQUEST, 0))
    link.upstream.cut_off()
    assert [(each.kind, each.number) for each in await heard(link.client)] == [(f.RST_STREAM, f.CANCEL)]


# The end


@pytest.mark.parametrize("side", ["client", "upstream"])
async def test_a_reset_drops_and_credits_what_is_queued(side: str) -> None:
    link = await answering(client_settings={WINDOW: 0})
    await link.at_client(much(1, 60_000))
    words = f.rst_stream(1, f.CANCEL)
    found = await (link.at_upstream(words) if side == "client" else link.at_client(words))
    assert [each.number for each in found] == [f.CANCEL]
    assert not any(unsettled(link.front, link.back).values())
    assert not link.front.blocked


async def test_a_complete_answer_is_delivered_although_the_rest_of_the_request_is_refused() -> None:
    """RFC 9113, 8.1: a client must not lose a response because RST_STREAM with NO_ERROR follows it."""
    link = await answering(client_settings={WINDOW: 5})
    words = data(1, b"1234567") + f.headers(1, TRAILERS, 1) + f.rst_stream(1, f.NO_ERROR)
    assert kinds(await link.at_client(words)) == [(f.DATA, 0)]
    assert await link.at_upstream(much(1, 60_000)) == []  # what the client says meanwhile is dropped
    assert not any(unsettled(link.front, link.back).values())
    found = await told(link.client, f.window_update(1, 2))
    assert kinds(found) == [(f.DATA, 0), (f.HEADERS, 5), (f.RST_STREAM, 0)]
    assert found[-1].number == f.NO_ERROR
    assert not link.front.streams


@pytest.mark.parametrize(
    "rest", [data(1, b"rest", f.END_STREAM), f.headers(1, TRAILERS, 1)], ids=["data", "trailers"]
)
async def test_a_client_that_ends_meanwhile_is_not_reset(rest: bytes) -> None:
    link = await answering(client_settings={WINDOW: 5})
    await link.at_client(data(1, b"1234567", f.END_STREAM) + f.rst_stream(1, f.NO_ERROR))
    assert await link.at_upstream(rest) == []
    assert kinds(await told(link.client, f.window_update(1, 2))) == [(f.DATA, f.END_STREAM)]
    assert not link.front.streams


async def test_a_client_that_has_ended_already_only_gets_its_answer() -> None:
    link = await answering(client_settings={WINDOW: 5})
    await link.at_upstream(data(1, b"", f.END_STREAM))
    await link.at_client(data(1, b"1234567"))
    stream = link.front.streams[1]
    await link.at_client(f.headers(1, TRAILERS, 1))
    stream.send_reset(f.NO_ERROR)
    assert kinds(await told(link.client, f.window_update(1, 2))) == [(f.DATA, 0), (f.HEADERS, 5)]
    assert not link.front.streams


async def test_a_client_that_cancels_meanwhile_gets_no_more() -> None:
    link = await answering(client_settings={WINDOW: 5})
    await link.at_client(data(1, b"1234567", f.END_STREAM) + f.rst_stream(1, f.NO_ERROR))
    assert await link.at_upstream(f.rst_stream(1, f.CANCEL)) == []
    assert await told(link.client, f.window_update(1, 2)) == []
    assert not link.front.streams
    assert not any(unsettled(link.front, link.back).values())


async def test_a_second_reset_changes_nothing_and_a_real_one_ends_it() -> None:
    link = await answering(client_settings={WINDOW: 5})
    await link.at_client(data(1, b"1234567", f.END_STREAM) + f.rst_stream(1, f.NO_ERROR))
    stream = link.front.streams[1]
    stream.send_reset(f.NO_ERROR)
    assert await heard(link.client) == []
    stream.send_reset(f.INTERNAL_ERROR)
    assert [each.number for each in await heard(link.client)] == [f.INTERNAL_ERROR]
    stream.send_reset(f.INTERNAL_ERROR)
    assert await heard(link.client) == []


async def test_a_client_that_gives_up_with_no_error_cancels_its_call_at_once() -> None:
    """Only a response is worth finishing; Node's clients close streams with this code."""
    link = await linked(upstream_settings={WINDOW: 5})
    await link.open(1)
    await link.at_upstream(data(1, b"1234567", f.END_STREAM))
    assert [(each.kind, each.number) for each in await link.at_upstream(f.rst_stream(1, f.NO_ERROR))] == [
        (f.RST_STREAM, f.NO_ERROR)
    ]
    assert not link.back.streams
    assert not any(unsettled(link.front, link.back).values())


async def test_an_incomplete_answer_is_cut_off_by_any_reset() -> None:
    link = await answering(client_settings={WINDOW: 5})
    found = await link.at_client(data(1, b"1234567") + f.rst_stream(1, f.NO_ERROR))
    assert kinds(found) == [(f.DATA, 0), (f.RST_STREAM, 0)]
    assert not link.front.streams


async def test_nothing_is_granted_to_a_sender_that_has_ended() -> None:
    link = await answering()
    await link.at_upstream(much(1, 60_000) + data(1, b"", f.END_STREAM))
    assert await link.at_client(f.window_update(1, 1_000_000)) == []


async def test_data_of_two_sources_is_credited_to_each() -> None:
    """A call that is sent again has bytes that were credited before, and bytes that were not."""
    link = await linked(upstream_settings={WINDOW: 0})
    leg = Stream(link.back, link.back.next_id)
    link.back.open(leg)
    leg.send_data(b"credited before", 0, None)
    leg.send_data(b"one", 0, link.front)
    leg.send_data(b"two", 0, link.front)
    leg.send_data(b"", 1, None)
    assert len(leg.queue or ()) == 2
    await link.at_client(f.window_update(leg.id, 1_000))
    assert link.front._credit == 6


@pytest.mark.parametrize("how", ["reset", "goaway", "lost", "fault"])
async def test_what_is_said_to_a_stream_that_has_left_is_dropped_and_credited(how: str) -> None:
    """A policy may keep such a stream for a peer; nothing it says may reach the wire or be lost from a window."""
    link = await linked()
    await link.open(1)
    leg = link.back.streams[1]
    leg.peer = None
    if how == "lost":
        link.upstream.cut_off()
    else:
        link.upstream.say(
            {"reset": f.rst_stream(1, 2), "goaway": f.goaway(0, 0), "fault": f.frame(99, 0, 0)}[how]
        )
        if how == "fault":
            link.upstream.say(f.frame(f.PING, 0, 1))
    await heard(link.upstream)
    assert not link.back.streams
    await link.at_upstream(much(1, 40_000))
    leg.widen(1)
    leg.drain()
    leg.send_reset(f.CANCEL)
    leg.send_headers(TRAILERS, 0)
    await link.at_upstream(data(1) + f.headers(1, TRAILERS, 1))
    assert await heard(link.upstream) == []
    assert leg.queue is GONE
    assert len(GONE) == 1
    assert leg.queued == 0
    assert link.front._credit == 40_001
    assert not link.back.blocked


async def test_a_stream_shows_its_state() -> None:
    link = await answering()
    assert (
        repr(link.front.streams[1])
        == "<Stream 1 send=65535 recv=262144 sent_end=False recv_end=False queued=0>"
    )
