"""What a client may do with its streams: giving them up is bounded, and their ids are used once and in order."""

import pytest

from mesh.http2 import frames as f
from mesh.http2.blocks import Malformed
from mesh.http2.limits import Limits
from mesh.http2.stream import Stream
from tests.mesh.http2.clock import StoppedClock
from tests.mesh.http2.recorder import Recorder, goaways, recorder
from tests.mesh.http2.relay import REQUEST, TRAILERS
from tests.mesh.http2.wire import Wire, told

# Streams given up


def rapid(first: int, count: int, *, code: int = f.CANCEL) -> bytes:
    """Calls that are cancelled at once."""
    ids = range(first, first + 2 * count, 2)
    return b"".join(f.headers(each, REQUEST, 1) + f.rst_stream(each, code) for each in ids)


async def timeless(**limits: float) -> tuple[Recorder, Wire, StoppedClock]:
    """A client for which no time passes."""
    clock = StoppedClock()
    connection, wire = await recorder(clock=clock, limits=Limits(**limits))  # type: ignore[arg-type]
    return connection, wire, clock


async def test_a_rapid_reset_ends_the_connection() -> None:
    """CVE-2023-44487: each call costs us its request, and the client nothing."""
    connection, wire, _ = await timeless()
    wire.say(rapid(1, 500))
    assert not wire.closing
    assert goaways(await told(wire, rapid(1_001, 1))) == [(1_001, f.ENHANCE_YOUR_CALM)]
    assert connection.faults == ["rapid_reset"]


async def test_calls_may_be_cancelled_at_a_peaceful_rate() -> None:
    _, wire, clock = await timeless()
    for second in range(100):
        wire.say(rapid(66 * second + 1, 33))
        clock.now += 1
    assert not wire.closing


async def test_each_call_that_ends_otherwise_pays_for_one_that_is_cancelled() -> None:
    connection, wire, _ = await timeless()
    for number in range(2_000):
        stream_id = 4 * number + 1
        wire.say(f.headers(stream_id, REQUEST, 1))
        stream = connection.streams[stream_id]
        stream.recv_end = True
        stream.send_headers(TRAILERS, 1)
        wire.say(rapid(stream_id + 2, 1))
    assert not wire.closing
    wire.say(rapid(8_001, 499))
    assert not wire.closing
    wire.say(rapid(9_001, 1))
    assert wire.closing


async def test_a_call_that_has_had_its_answer_may_be_reset() -> None:
    connection, wire, _ = await timeless()
    for stream_id in range(1, 2_001, 2):
        wire.say(f.headers(stream_id, REQUEST, 0))
        connection.streams[stream_id].send_headers(TRAILERS, 1)
        wire.say(f.rst_stream(stream_id, f.NO_ERROR))
    assert not connection.streams
    assert not wire.closing


async def test_a_thousand_old_calls_may_be_cancelled_at_once() -> None:
    connection, wire, _ = await timeless(reset_burst=10)
    ids = range(1, 2_001, 2)
    wire.say(b"".join(f.headers(each, REQUEST, 1) for each in ids))
    connection.on_second()
    connection.on_second()
    wire.say(b"".join(f.rst_stream(each, f.CANCEL) for each in ids))
    assert not wire.closing
    wire.say(rapid(2_001, 11))
    assert connection.faults == ["rapid_reset"]


async def test_old_calls_that_are_cancelled_pay_for_no_young_ones() -> None:
    connection, wire, _ = await timeless(reset_burst=10)
    wire.say(b"".join(f.headers(each, REQUEST, 1) for each in range(1, 201, 2)))
    connection.on_second()
    connection.on_second()
    for stream_id in range(1, 23, 2):
        wire.say(f.rst_stream(stream_id, f.CANCEL) + rapid(stream_id + 200, 1))
    assert connection.faults == ["rapid_reset"]


MADE: dict[str, tuple[int, bytes, str]] = {
    "WINDOW_UPDATE by 0": (0, f.window_update(1, 0), "protocol"),
    "WINDOW_UPDATE above 2^31-1": (0, f.window_update(1, f.MAX_WINDOW), "flow_control"),
    "DATA after END_STREAM": (1, f.frame(f.DATA, 0, 1, b"x"), "stream_closed"),
    "HEADERS after END_STREAM": (1, f.headers(1, TRAILERS, 1), "stream_closed"),
    "malformed trailers": (0, f.headers(1, REQUEST, 1), "malformed"),
    "trailers that end nothing": (0, f.headers(1, TRAILERS, 0), "malformed"),
    "trailers with too many fields": (0, f.headers(1, b"\x90" * 300, 1), "header_list"),
}


@pytest.mark.parametrize("name", MADE)
async def test_a_client_that_makes_us_reset_its_calls_has_reset_them(name: str) -> None:
    """CVE-2025-8671: a rapid reset whose RST_STREAM frames are ours."""
    end, mistake, reason = MADE[name]
    connection, wire, _ = await timeless(reset_burst=20)
    for number in range(21):
        stream_id = 2 * number + 1
        assert not wire.closing
        wire.say(f.headers(stream_id, REQUEST, end))
        wire.say(mistake[:5] + stream_id.to_bytes(4, "big") + mistake[9:])
    assert connection.faults == ["rapid_reset"]
    assert connection.stream_faults == 21 * [reason]


async def test_malformed_calls_are_given_up_too() -> None:
    connection, wire, _ = await timeless(reset_burst=20)
    connection.mistake = Malformed("it lacks a path")
    for number in range(21):
        wire.say(f.headers(2 * number + 1, REQUEST, 1))
    assert connection.faults == ["rapid_reset"]


async def test_a_client_that_opens_more_streams_than_it_knows_it_may_gives_them_up() -> None:
    connection, wire, _ = await timeless(max_streams=1, reset_burst=20)
    wire.say(b"".join(f.headers(2 * number + 1, REQUEST, 1) for number in range(22)))
    assert connection.faults == ["rapid_reset"]
    assert connection.stream_faults == 21 * ["refused_max_streams"]


async def test_a_client_that_cannot_know_yet_how_many_streams_it_may_open_is_only_refused() -> None:
    connection, wire = await recorder(acknowledged=False, limits=Limits(max_streams=1, reset_burst=0))
    wire.say(b"".join(f.headers(2 * number + 1, REQUEST, 1) for number in range(100)))
    assert connection.faults == []
    assert connection.stream_faults == 99 * ["refused_max_streams"]


# Stream ids


async def test_a_stream_that_was_left_out_cannot_be_opened_any_more() -> None:
    connection, wire = await recorder()
    wire.say(f.headers(5, REQUEST, 1) + f.headers(9, REQUEST, 1))
    assert [each[0] for each in connection.calls] == [5, 9]
    assert goaways(await told(wire, f.headers(7, REQUEST, 1))) == [(9, f.PROTOCOL_ERROR)]


@pytest.mark.parametrize("stream_id", [2, 8])
async def test_a_client_cannot_open_streams_with_even_ids(stream_id: int) -> None:
    connection, wire = await recorder()
    if stream_id > 2:
        wire.say(f.headers(5, REQUEST, 1))
    assert goaways(await told(wire, f.headers(stream_id, REQUEST, 1)))[0][1] == f.PROTOCOL_ERROR
    assert len(connection.calls) == stream_id // 8


async def test_stream_ids_that_are_left_out_pay_for_nothing() -> None:
    """Else the highest id of all would pay for a billion useless frames."""
    connection, wire, _ = await timeless()
    for stream_id in (1, 3, 9, 1_000_001, f.MAX_STREAM_ID):
        wire.say(f.headers(stream_id, REQUEST, 1))
    assert connection.opened == 5
    wire.say(f.SETTINGS_ACK * 10_010)
    assert connection.faults == ["useless_frames"]


async def test_late_trailers_are_told_from_misuse_however_the_stream_was_reset() -> None:
    connection, wire = await recorder(limits=Limits(max_streams=3))
    for stream_id in (1, 3, 5):
        wire.say(f.headers(stream_id, REQUEST, 0))
    connection.streams[1].send_reset(f.CANCEL)
    connection.mistake = Malformed("it lacks a path")
    wire.say(f.headers(7, REQUEST, 0))  # malformed
    connection.streams[7] = Stream(connection, 7)
    wire.say(f.headers(9, REQUEST, 0))  # too many
    for stream_id in (1, 7, 9):
        connection.streams.pop(stream_id, None)
        wire.say(f.headers(stream_id, TRAILERS, 1))
    assert connection.faults == []
