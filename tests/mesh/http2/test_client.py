"""The client role: streams are opened only where the upstream takes them, and what it did not process is told."""

import pytest

from mesh.http2 import frames as f
from mesh.http2.stream import Stream
from tests.mesh.http2.relay import REQUEST, RESPONSE, TRAILERS, Upstream, linked
from tests.mesh.http2.wire import Wire, heard, turn, whole


async def greeted() -> tuple[Upstream, Wire]:
    connection = Upstream()
    wire = Wire(connection)
    await turn()
    wire.take()
    return connection, wire


class Watched(Stream):
    """Keeps how it ended."""

    code: int | None = None
    lost = False

    def on_reset(self, code: int) -> None:
        self.code = code

    def on_connection_lost(self) -> None:
        self.lost = True


def opened(connection: Upstream) -> Watched:
    stream = Watched(connection, connection.next_id)
    connection.open(stream)
    return stream


async def test_it_is_usable_once_the_upstream_has_acknowledged_our_settings() -> None:
    connection, wire = await greeted()
    assert not connection.has_room
    wire.say(f.settings({}))
    assert not connection.has_room
    wire.say(f.SETTINGS_ACK)
    assert connection.has_room
    assert connection.told == ["settings", "ready"]
    wire.say(f.SETTINGS_ACK)
    assert connection.told == ["settings", "ready"]


async def test_streams_have_odd_ids_that_grow_and_the_upstreams_window() -> None:
    connection, wire = await greeted()
    wire.say(f.settings({f.INITIAL_WINDOW_SIZE: 77}) + f.SETTINGS_ACK)
    streams = [opened(connection) for _ in range(3)]
    assert [stream.id for stream in streams] == [1, 3, 5]
    assert {stream.send_window for stream in streams} == {77}


async def test_there_is_room_for_as_many_streams_as_the_upstream_allows() -> None:
    connection, wire = await greeted()
    wire.say(f.settings({f.MAX_CONCURRENT_STREAMS: 2}) + f.SETTINGS_ACK)
    first = opened(connection)
    assert connection.has_room
    second = opened(connection)
    assert not connection.has_room
    second.send_reset(f.CANCEL)
    assert connection.has_room
    wire.say(f.settings({f.MAX_CONCURRENT_STREAMS: 0}))
    assert not connection.has_room
    assert first.code is None
    wire.say(f.settings({f.MAX_CONCURRENT_STREAMS: 5}))
    assert connection.has_room


async def test_a_policy_may_allow_less_than_the_upstream_and_never_more() -> None:
    connection, wire = await greeted()
    wire.say(f.settings({f.MAX_CONCURRENT_STREAMS: 2}) + f.SETTINGS_ACK)
    connection.cap(0)
    assert (connection.allowance, connection.has_room) == (0, False)
    wire.say(f.settings({f.MAX_CONCURRENT_STREAMS: 5}))
    assert (connection.allowance, connection.has_room) == (0, False)
    connection.cap(3)
    assert (connection.allowance, connection.has_room) == (3, True)
    connection.cap(9)
    assert connection.allowance == 5


async def test_when_stream_ids_run_out_it_takes_no_more_and_closes_after_the_last() -> None:
    connection, wire = await greeted()
    wire.say(f.settings({}) + f.SETTINGS_ACK)
    connection.next_id = f.MAX_STREAM_ID - 2
    assert opened(connection).id == f.MAX_STREAM_ID - 2
    assert connection.has_room
    last = opened(connection)
    assert last.id == f.MAX_STREAM_ID
    assert not connection.has_room
    wire.say(f.rst_stream(f.MAX_STREAM_ID - 2, f.CANCEL))
    assert not wire.closing
    wire.say(f.headers(f.MAX_STREAM_ID, RESPONSE, 0))
    last.send_headers(TRAILERS, 1)
    wire.say(f.headers(f.MAX_STREAM_ID, TRAILERS, 1))
    assert wire.closing


async def test_what_a_goaway_leaves_out_was_refused_and_the_rest_goes_on() -> None:
    connection, wire = await greeted()
    wire.say(f.settings({}) + f.SETTINGS_ACK)
    streams = [opened(connection) for _ in range(4)]
    await turn()
    wire.say(f.goaway(3, f.NO_ERROR))
    assert [stream.code for stream in streams] == [None, None, f.REFUSED_STREAM, f.REFUSED_STREAM]
    assert list(connection.streams) == [1, 3]
    assert not connection.has_room
    assert not wire.closing
    wire.say(f.goaway(1, f.NO_ERROR))
    assert [stream.code for stream in streams] == [None] + 3 * [f.REFUSED_STREAM]
    wire.say(f.headers(1, RESPONSE, 1))
    streams[0].send_headers(REQUEST, 1)
    assert wire.closing
    await turn()
    assert connection.told[-1] == "closed"


async def test_a_goaway_in_two_steps_lets_everything_finish() -> None:
    connection, wire = await greeted()
    wire.say(f.settings({}) + f.SETTINGS_ACK)
    stream = opened(connection)
    wire.say(f.goaway(f.MAX_STREAM_ID, f.NO_ERROR))
    assert stream.code is None
    assert not connection.has_room
    wire.say(f.goaway(1, f.NO_ERROR))
    assert stream.code is None
    assert not wire.closing


async def test_a_goaway_on_an_idle_connection_closes_it() -> None:
    connection, wire = await greeted()
    wire.say(f.settings({}) + f.SETTINGS_ACK + f.goaway(0, f.NO_ERROR))
    assert wire.closing
    await turn()
    assert connection.told[-1] == "closed"


async def test_leaving_is_announced_by_an_idle_connection() -> None:
    connection, wire = await greeted()
    wire.say(f.settings({}) + f.SETTINGS_ACK)
    await turn()
    wire.take()
    connection.leave()
    await turn()
    assert [(each.kind, each.payload[:8]) for each in whole(wire.take())] == [(f.GOAWAY, bytes(8))]
    assert wire.closing


async def test_leaving_waits_for_the_streams_in_flight_and_does_not_speak_of_it_to_them() -> None:
    """hyper-h2, and so grpclib, hypercorn and Twisted, give up what is in flight when they hear GOAWAY."""
    connection, wire = await greeted()
    wire.say(f.settings({}) + f.SETTINGS_ACK)
    stream = opened(connection)
    await turn()
    wire.take()
    connection.leave()
    connection.leave()
    assert not connection.has_room
    assert not wire.closing
    await turn()
    assert not wire.take()
    wire.say(f.rst_stream(1, f.NO_ERROR))
    assert stream.code == f.NO_ERROR
    assert wire.closing


async def test_a_fault_of_the_upstream_loses_its_streams_and_leaves_no_room() -> None:
    connection, wire = await greeted()
    wire.say(f.settings({}) + f.SETTINGS_ACK)
    stream = opened(connection)
    wire.say(f.frame(f.PUSH_PROMISE, 4, 1, bytes(4)))
    assert stream.lost
    assert connection.leaving
    assert not connection.has_room


async def test_a_response_may_end_before_its_request_and_the_request_goes_on() -> None:
    link = await linked()
    await link.open(1)
    found = await link.at_client(f.headers(1, RESPONSE, 0) + f.headers(1, TRAILERS, 1))
    assert [each.flags for each in found] == [4, 5]
    assert [each.payload for each in await link.at_upstream(f.frame(f.DATA, 1, 1, b"rest"))] == [b"rest"]
    assert not link.front.streams
    assert not link.back.streams


@pytest.mark.parametrize("late", [f.headers(1, TRAILERS, 1), f.frame(f.DATA, 0, 1, b"x"), f.rst_stream(1, 8)])
async def test_what_was_under_way_when_we_reset_a_stream_is_ignored_and_credited(late: bytes) -> None:
    link = await linked()
    await link.open(1)
    await link.at_client(f.headers(1, RESPONSE, 0))
    await link.at_upstream(f.rst_stream(1, f.CANCEL))
    assert await link.at_client(late) == []
    assert await heard(link.upstream) == []
    assert link.back.recv_window + link.back._credit == link.back.window


async def test_a_goaway_that_takes_back_what_another_left_out_is_a_fault() -> None:
    """What was left out may run elsewhere by now (RFC 9113, 6.8)."""
    connection, wire = await greeted()
    wire.say(f.settings({}) + f.SETTINGS_ACK)
    stream = opened(connection)
    opened(connection)
    wire.say(f.goaway(1, f.NO_ERROR) + f.goaway(1, f.NO_ERROR))
    assert connection.faults == []
    wire.say(f.goaway(3, f.NO_ERROR))
    assert connection.faults == ["protocol"]
    assert stream.lost


async def test_it_says_who_it_is_to_whoever_knows_the_setting() -> None:
    said = []
    for token in (0, 0x1234_5678):
        wire = Wire(Upstream(token=token))
        await turn()
        settings = whole(wire.take().removeprefix(f.PREFACE))[0]
        pairs = [f.read_setting(settings.payload, at) for at in range(0, len(settings.payload), 6)]
        said.append(dict(pairs).get(f.TOKEN))
    assert said == [None, 0x1234_5678]


async def test_it_does_not_care_who_the_upstream_is() -> None:
    """An upstream that knows our token has been told it by us: the server role looks at that."""
    connection = Upstream(token=7)
    wire = Wire(connection)
    wire.say(f.settings({f.TOKEN: 7}) + f.SETTINGS_ACK)
    assert connection.has_room
    assert not wire.closing
