"""What a client may do with its streams: giving them up is bounded, and their ids are used once and in order."""

import pytest

from mesh.http2 import frames as f
from mesh.http2.blocks import Malformed
from mesh.http2.limits import LEAST_STREAMS, Limits
from mesh.http2.offenders import Offenders
from mesh.http2.stream import Stream
from tests.mesh.http2.clock import StoppedClock
from tests.mesh.http2.recorder import Recorder, goaways, recorder
from tests.mesh.http2.relay import REQUEST, TRAILERS
from tests.mesh.http2.wire import Wire, told, turn, whole

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


# What an address owes


class From(Wire):
    """A wire to a client that has an address."""

    def __init__(self, connection: Recorder, address: str) -> None:
        self.address = address
        super().__init__(connection)

    def get_extra_info(self, name: str) -> object:  # type: ignore[override]
        return (self.address, 50_000) if name == "peername" else None


class Place:
    """Where connections come from, and the time."""

    def __init__(self, **limits: float) -> None:
        self.clock = StoppedClock()
        self.limits = Limits(**limits)  # type: ignore[arg-type]
        self.offenders = Offenders(rate=self.limits.reset_rate)

    async def connect(self, address: str = "127.0.0.1") -> tuple[Recorder, Wire]:
        connection = Recorder(clock=self.clock, limits=self.limits, offenders=self.offenders)
        wire = From(connection, address)
        wire.say(f.PREFACE + f.settings({}) + f.SETTINGS_ACK)
        await turn()
        return connection, wire


def allowed(wire: Wire) -> int | None:
    """The MAX_CONCURRENT_STREAMS that the client has been told last."""
    found = None
    for each in whole(wire.take()):
        if each.kind == f.SETTINGS and not each.flags & f.ACK:
            pairs = dict(f.read_setting(each.payload, at) for at in range(0, len(each.payload), 6))
            found = pairs.get(f.MAX_CONCURRENT_STREAMS, found)
    return found


async def test_a_new_connection_begins_with_what_its_address_has_left() -> None:
    place = Place()
    (_, first), (_, elsewhere) = await place.connect(), await place.connect("10.0.0.1")
    first.say(rapid(1, 500))
    assert not first.closing
    again, second = await place.connect()
    second.say(rapid(1, 1))
    assert (again.faults, len(again.calls)) == (["rapid_reset"], 1)
    elsewhere.say(rapid(1, 500))
    assert not elsewhere.closing


async def test_what_an_address_owes_is_forgiven_at_the_peaceful_rate() -> None:
    place = Place()
    (await place.connect())[1].say(rapid(1, 500))
    place.clock.now += 10
    again, wire = await place.connect()
    wire.say(rapid(1, 330))
    assert again.faults == []
    wire.say(rapid(1_001, 1))
    assert again.faults == ["rapid_reset"]


async def test_where_nothing_is_left_a_few_calls_may_be_open_and_each_second_more() -> None:
    place = Place()
    (await place.connect())[1].say(rapid(1, 500))
    again, wire = await place.connect()
    assert allowed(wire) == LEAST_STREAMS
    wire.say(b"".join(f.headers(2 * number + 1, REQUEST, 1) for number in range(LEAST_STREAMS)))
    assert len(again.calls) == LEAST_STREAMS
    seen = []
    for _ in range(16):
        place.clock.now += 1
        again.on_second()
        await turn()
        seen.append(allowed(wire))
    more = [each for each in seen if each is not None]
    assert more == sorted(more)
    assert more[0] < 100
    assert more[-1] == 1_024
    assert again.faults == []


async def test_and_who_opens_more_all_the_same_is_sent_away() -> None:
    place = Place()
    (await place.connect())[1].say(rapid(1, 500))
    again, wire = await place.connect()
    wire.say(b"".join(f.headers(2 * number + 1, REQUEST, 1) for number in range(100)))
    assert (again.faults, len(again.calls)) == (["rapid_reset"], LEAST_STREAMS)


async def test_an_address_that_comes_again_and_again_to_go_on_is_refused_until_time_has_passed() -> None:
    place = Place(reset_burst=20)
    calls = 0
    for _ in range(100):
        again, wire = await place.connect()
        wire.say(rapid(1, 20))
        calls += len(again.calls)
    assert calls == 20 + 21
    assert (again.faults, again.calls, wire.closing) == (["rapid_reset"], [], True)
    elsewhere, _ = await place.connect("10.0.0.1")
    place.clock.now += 2
    forgiven, _ = await place.connect()
    assert (elsewhere.faults, forgiven.faults) == ([], [])


async def test_a_connection_that_goes_on_counts_once_whatever_it_has_open() -> None:
    place = Place(reset_burst=20)
    (await place.connect())[1].say(rapid(1, 20))
    for number in range(1, 22):
        again, wire = await place.connect()
        wire.say(b"".join(f.headers(each, REQUEST, 1) for each in (1, 3, 5, 7)) + f.rst_stream(1, f.CANCEL))
        assert (again.faults, len(again.calls)) == (["rapid_reset"], 4)
        assert place.offenders.owed("127.0.0.1", now=place.clock.now) == 20 + number
    refused, _ = await place.connect()
    assert (refused.faults, refused.calls) == (["rapid_reset"], [])


async def test_a_connection_that_hangs_up_or_breaks_the_rules_goes_on_too() -> None:
    place = Place(reset_burst=20)
    (await place.connect())[1].say(rapid(1, 20))
    for number, breaks in enumerate((False, True), start=1):
        again, wire = await place.connect()
        wire.say(f.headers(1, REQUEST, 1))
        if breaks:
            wire.say(f.headers(2, REQUEST, 1))
        again.connection_lost(None)
        assert place.offenders.owed("127.0.0.1", now=place.clock.now) == 20 + number


async def test_a_client_that_crashes_with_all_its_calls_open_may_come_again() -> None:
    place = Place(reset_burst=20)
    for _ in range(2):
        hasty, wire = await place.connect()
        wire.say(b"".join(f.headers(each, REQUEST, 1) for each in range(1, 1_001, 2)))
        hasty.connection_lost(None)
    again, _ = await place.connect()
    assert again.faults == []


async def test_calls_that_end_well_pay_for_what_an_address_owes() -> None:
    place = Place()
    (await place.connect())[1].say(rapid(1, 500))
    again, wire = await place.connect()
    for number in range(100):
        wire.say(f.headers(4 * number + 1, REQUEST, 1))
        again.streams[4 * number + 1].send_headers(TRAILERS, 1)
        wire.say(rapid(4 * number + 3, 1))
    assert again.faults == []


async def test_connections_of_a_call_each_pay_for_those_that_hang_up_unanswered() -> None:
    """As PHP's clients are, each for one request: where most are answered, nobody is kept from coming again."""
    place = Place(reset_burst=20)
    for number in range(200):
        connection, wire = await place.connect()
        wire.say(f.headers(1, REQUEST, 1))
        if number % 2:
            connection.streams[1].send_headers(TRAILERS, 1)
        connection.connection_lost(None)
        assert connection.faults == []
    assert place.offenders.owed("127.0.0.1", now=place.clock.now) <= 1


async def test_many_clients_behind_one_address_do_not_add_up() -> None:
    """They may all be behind 127.0.0.1, and each of them only now and then gives up a call."""
    place = Place()
    wires = [(await place.connect())[1] for _ in range(100)]
    for wire in wires:
        wire.say(rapid(1, 20))
        assert not wire.closing
    again, wire = await place.connect()
    wire.say(rapid(1, 480))
    assert again.faults == []


async def test_a_connection_that_is_there_already_loses_nothing_by_another_s_resets() -> None:
    place = Place()
    (peaceful, old), (_, hostile) = await place.connect(), await place.connect()
    hostile.say(rapid(1, 501))
    assert hostile.closing
    old.say(rapid(1, 500))
    assert peaceful.faults == []


async def test_who_hangs_up_has_given_up_its_young_calls() -> None:
    """Else one would open as many as it may and connect again, and need no RST_STREAM."""
    place = Place()
    hasty, wire = await place.connect()
    wire.say(b"".join(f.headers(each, REQUEST, 1) for each in range(1, 2_001, 2)))
    assert len(hasty.calls) == 1_000
    hasty.connection_lost(None)
    again, wire = await place.connect()
    assert allowed(wire) == 512
    wire.say(b"".join(f.headers(each, REQUEST, 1) for each in range(1, 1_001, 2)))
    again.connection_lost(None)
    assert allowed((await place.connect())[1]) == LEAST_STREAMS


async def test_but_not_the_old_ones_nor_those_that_have_an_answer() -> None:
    place = Place()
    patient, wire = await place.connect()
    ids = range(1, 401, 2)
    wire.say(b"".join(f.headers(each, REQUEST, 0) for each in ids))
    patient.on_second()
    patient.on_second()
    wire.say(b"".join(f.headers(each + 400, REQUEST, 0) for each in ids))
    for each in ids:
        patient.streams[each + 400].send_headers(TRAILERS, 1)
    patient.connection_lost(None)
    assert allowed((await place.connect())[1]) == 1_024


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
