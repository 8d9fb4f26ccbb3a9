"""What windows admit, stream by stream and for a connection as a whole: each rule on its own.

All of them together, at random, are in `test_simulation`.
"""

from mesh.http2 import frames as f
from mesh.http2.limits import DEFAULT, Limits
from tests.mesh.http2.relay import REQUEST, RESPONSE, TRAILERS, linked, unsettled
from tests.mesh.http2.spoken import WINDOW, answering, data, grants, kinds, much, sizes
from tests.mesh.http2.wire import heard, told, turn


async def test_a_short_call_is_granted_nothing_it_does_not_need() -> None:
    link = await answering(upstream_settings={WINDOW: 1 << 20})
    link.client.say(much(1, 30_000))
    assert grants(await heard(link.client), 1) == 0


async def test_a_sender_is_granted_more_once_half_of_its_window_is_used() -> None:
    link = await answering(upstream_settings={WINDOW: f.MAX_WINDOW})
    link.client.say(much(1, DEFAULT.stream_window // 2))
    assert grants(await heard(link.client), 1) == 0
    link.client.say(data(1, b"x"))
    assert grants(await heard(link.client), 1) == DEFAULT.stream_window // 2 + 1
    link.client.say(much(1, 60_000))
    assert grants(await heard(link.client), 1) == 0


async def test_no_sender_is_granted_more_than_the_limit() -> None:
    link = await answering(upstream_settings={WINDOW: f.MAX_WINDOW})
    for _ in range(20):
        link.client.say(much(1, 16_384))
        await heard(link.client)
        assert link.front.streams[1].recv_window <= DEFAULT.stream_window
    assert link.front.streams[1].recv_window >= 32_767


async def test_a_window_that_became_negative_is_made_up_for_first() -> None:
    link = await answering()
    await link.at_upstream(much(1, 1_000))
    await link.at_client(f.settings({WINDOW: 100}))
    assert link.back.streams[1].send_window == 100 - 1_000
    assert sizes(await link.at_upstream(much(1, 500))) == []
    await link.at_client(f.window_update(1, 900))
    assert sizes(await heard(link.upstream)) == []
    assert sizes(await link.at_upstream() or await told(link.upstream, f.window_update(1, 200))) == [200]
    await link.at_client(f.settings({WINDOW: 65_535}))
    assert sizes(await heard(link.upstream)) == [300]


async def test_new_settings_are_acknowledged_before_they_are_used() -> None:
    """A peer counts by its old window until it has read the acknowledgement (nghttp2 does)."""
    link = await answering(client_settings={WINDOW: 10})
    await link.at_client(much(1, 50))
    found = await told(link.client, f.settings({WINDOW: 40}))
    assert kinds(found)[0] == (f.SETTINGS, f.ACK)
    assert sizes(found) == [30]


async def test_a_destination_that_is_stuck_as_a_whole_causes_no_more_grants() -> None:
    link = await answering(narrow=True, client_settings={WINDOW: f.MAX_WINDOW})
    link.upstream.say(much(1, DEFAULT.stream_window))
    assert sum(sizes(await heard(link.client))) == 65_535  # all that the client's connection admits
    assert grants(await heard(link.upstream), 1) == 0
    assert link.front.streams[1].queued == DEFAULT.stream_window - 65_535
    link.client.say(f.window_update(0, DEFAULT.stream_window))
    assert sum(sizes(await heard(link.client))) == DEFAULT.stream_window - 65_535
    assert grants(await heard(link.upstream), 1) == DEFAULT.stream_window


async def test_a_connection_for_which_too_much_waits_causes_no_grants_until_less_does() -> None:
    most = 300_000
    link = await linked(
        narrow=True, client_settings={WINDOW: f.MAX_WINDOW}, front={"limits": Limits(max_queued=most)}
    )
    streams = range(1, 17, 2)
    for stream_id in streams:
        await link.open(stream_id)
        await link.at_client(f.headers(stream_id, RESPONSE, 0) + much(stream_id, DEFAULT.stream_window))
    await heard(link.upstream)
    assert link.front.queued == len(streams) * DEFAULT.stream_window - 65_535
    while link.front.queued:
        too_much = link.front.queued > most + 40_000
        waiting = [each for each in streams if link.front.streams[each].queued > 40_000]
        link.client.say(f.window_update(0, 40_000))
        await heard(link.client)
        found = await heard(link.upstream)
        assert not too_much or not any(grants(found, each) for each in waiting)
    assert min(leg.recv_window for leg in link.back.streams.values()) >= DEFAULT.stream_window // 2
    assert not any(unsettled(link.front, link.back).values())


async def test_what_is_granted_and_what_is_queued_are_never_more_than_the_limit_together() -> None:
    """A connection that admits a little again and again must not be mistaken for one that admits it all."""
    link = await linked(narrow=True, client_settings={WINDOW: f.MAX_WINDOW})
    for stream_id in (1, 3, 5):
        await link.open(stream_id)
        await link.at_client(f.headers(stream_id, RESPONSE, 0))
    for _ in range(40):
        for stream_id, leg in link.back.streams.items():
            link.upstream.say(much(stream_id, min(leg.recv_window, 100_000)))
        await told(link.client, f.window_update(0, 20_000))
        for stream_id, leg in link.back.streams.items():
            assert leg.recv_window + link.front.streams[stream_id].queued <= DEFAULT.stream_window


async def test_the_end_of_a_message_needs_no_window() -> None:
    link = await answering(client_settings={WINDOW: 5})
    link.upstream.say(data(1, b"12345"))
    link.front.send_window = 0
    link.upstream.say(data(1, b"", f.END_STREAM))
    assert kinds(await heard(link.client)) == [(f.DATA, 0), (f.DATA, f.END_STREAM)]


async def test_the_end_of_a_message_does_not_wait_for_a_full_socket_and_a_closed_window() -> None:
    link = await answering(client_capacity=100)
    link.upstream.say(data(1, bytes(200)))
    await turn()
    assert not link.front.writable
    link.front.send_window = 0
    link.upstream.say(data(1, b"", f.END_STREAM))
    assert kinds(await heard(link.client)) == [(f.DATA, 0), (f.DATA, f.END_STREAM)]


async def test_trailers_wait_for_the_data_before_them() -> None:
    link = await answering(client_settings={WINDOW: 5})
    assert sizes(await link.at_client(data(1, b"1234567") + f.headers(1, TRAILERS, 1))) == [5]
    found = await told(link.client, f.window_update(1, 2))
    assert kinds(found) == [(f.DATA, 0), (f.HEADERS, 5)]


async def test_a_header_block_in_the_middle_of_a_message_resets_the_stream() -> None:
    link = await answering(client_settings={WINDOW: 5})
    await link.at_client(data(1, b"1234567"))
    assert [(each.kind, each.number) for each in await told(link.upstream, f.headers(1, RESPONSE, 0))] == [
        (f.RST_STREAM, f.PROTOCOL_ERROR)
    ]
    assert [each.kind for each in await heard(link.client)] == [f.RST_STREAM]


async def test_tiny_frames_are_joined_while_they_wait() -> None:
    """65 535 frames of one byte would cost a hundred times their bytes in memory."""
    link = await answering(client_settings={WINDOW: 0})
    for _ in range(40_000 // 50):
        link.upstream.say(50 * data(1, b"x"))
    assert len(link.front.streams[1].queue or ()) <= 3
    assert sizes(await told(link.client, f.window_update(1, 40_000))) == [16_384, 16_384, 7_232]


async def test_streams_that_wait_for_the_same_window_are_served_in_turn() -> None:
    link = await linked(narrow=True, client_settings={WINDOW: f.MAX_WINDOW})
    for stream_id in (1, 3, 5):
        await link.open(stream_id)
        await link.at_client(f.headers(stream_id, RESPONSE, 0))
    await link.at_client(much(1, 65_535))
    for stream_id in (1, 3, 5):
        await link.at_client(much(stream_id, 40_000))
    found = await told(link.client, f.window_update(0, 9 * 16_384))
    assert [each.stream_id for each in found if each.kind == f.DATA][:6] == [1, 3, 5, 1, 3, 5]


async def test_a_client_that_does_not_read_takes_nothing_from_the_others() -> None:
    """Its answers fill what its streams were granted, but the upstream's connection has window left for everyone."""
    link = await linked(narrow=True, client_settings={WINDOW: f.MAX_WINDOW})
    other_front, other = link.another()
    for stream_id in range(1, 601, 2):
        link.client.say(f.headers(stream_id, REQUEST, 1))
    await heard(link.upstream)
    for stream_id in range(1, 601, 2):
        link.upstream.say(f.headers(stream_id, RESPONSE, 0) + much(stream_id, 65_535))
    assert sum(sizes(await heard(link.client))) == 65_535
    await heard(other)
    other.say(f.headers(1, REQUEST, 1))
    await heard(link.upstream)
    link.upstream.say(f.headers(601, RESPONSE, 0) + much(601, 65_535) + f.headers(601, TRAILERS, 1))
    found = await heard(other)
    assert sum(sizes(found)) == 65_535
    assert kinds(found)[-1] == (f.HEADERS, 5)
    assert not other_front.streams
    link.client.cut_off()
    await heard(link.upstream)
    assert not any(unsettled(link.back).values())
