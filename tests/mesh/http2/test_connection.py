"""A connection credits what it passed on, serves its streams in turn, and ends for all of them at once."""

from typing import Any

import pytest

from mesh.http2 import frames as f
from mesh.http2.client import ClientConnection
from mesh.http2.limits import CONNECTION_WINDOW, CREDIT_STEP
from mesh.http2.server import ServerConnection
from mesh.http2.stream import Stream
from tests.mesh.http2.relay import REQUEST, RESPONSE, TRAILERS, Upstream, linked, unsettled
from tests.mesh.http2.wire import Wire, heard, turn, whole

FULL = f.frame(f.DATA, 0, 1, bytes(f.FRAME_LIMIT))


@pytest.mark.parametrize("kind", [ServerConnection, ClientConnection])
async def test_the_greeting_says_what_we_promise(
    kind: type[ServerConnection] | type[ClientConnection],
) -> None:
    connection = kind()
    wire = Wire(connection)
    await turn()
    greeting = wire.take()
    if kind is ClientConnection:
        assert greeting.startswith(f.PREFACE)
    settings, window = whole(greeting.removeprefix(f.PREFACE))
    values = dict(f.read_setting(settings.payload, at) for at in range(0, len(settings.payload), 6))
    assert values[f.HEADER_TABLE_SIZE] == 0
    assert values[f.INITIAL_WINDOW_SIZE] == 262_144
    assert f.MAX_FRAME_SIZE not in values
    assert values.get(f.ENABLE_PUSH) == (0 if kind is ClientConnection else None)
    assert (window.kind, window.stream_id, window.number + 65_535) == (
        f.WINDOW_UPDATE,
        0,
        connection.recv_window,
    )


async def test_what_was_passed_on_is_credited_in_large_steps() -> None:
    link = await linked(upstream_settings={f.INITIAL_WINDOW_SIZE: f.MAX_WINDOW})
    await link.open(1)
    passed, credited = 0, []
    for _ in range(3 * CREDIT_STEP // f.FRAME_LIMIT):
        link.client.say(FULL)
        passed += f.FRAME_LIMIT
        found = await heard(link.client)
        credited += [each.number for each in found if each.kind == f.WINDOW_UPDATE and not each.stream_id]
    assert credited == 3 * [CREDIT_STEP]
    assert link.front.recv_window == CONNECTION_WINDOW


async def test_what_waits_is_not_credited_until_it_is_passed_on_or_dropped() -> None:
    link = await linked(upstream_settings={f.INITIAL_WINDOW_SIZE: 0})
    await link.open(1)
    link.client.say(3 * FULL)
    assert link.front._credit == 0
    await link.at_client(f.window_update(1, 10_000))
    assert link.front._credit == 10_000
    await link.at_client(f.rst_stream(1, f.CANCEL))
    assert link.front._credit == 3 * f.FRAME_LIMIT


async def test_a_stream_that_waits_for_its_own_window_blocks_nobody() -> None:
    link = await linked(client_settings={f.INITIAL_WINDOW_SIZE: 0})
    await link.open(1, 3)
    await link.at_client(f.headers(1, RESPONSE, 0) + FULL)
    assert not link.front.blocked
    link.client.say(f.window_update(3, 100))
    assert await link.completes(3)


async def test_when_the_window_opens_the_socket_may_say_that_it_is_full() -> None:
    """Not everything that the window admits is poured into a socket that does not take it."""
    link = await linked(
        client_settings={f.INITIAL_WINDOW_SIZE: f.MAX_WINDOW}, client_capacity=262_144, narrow=True
    )
    for stream_id in range(1, 101, 2):
        await link.open(stream_id)
        link.upstream.say(f.headers(stream_id, RESPONSE, 0))
        link.upstream.say(3 * f.frame(f.DATA, 0, stream_id, bytes(f.FRAME_LIMIT)))
    await heard(link.client)
    link.client.say(f.window_update(0, 1 << 30))
    await turn()
    assert not link.front.writable
    assert len(link.client.held) < 2 * 262_144 + 50_000
    received = 0
    for _ in range(20):
        received += sum(len(each.payload) for each in await heard(link.client) if each.kind == f.DATA)
    assert received == 50 * 3 * f.FRAME_LIMIT - 65_535
    assert not link.front.blocked
    assert not any(unsettled(link.front, link.back).values())


class Clumsy(Stream):
    """Its code has a mistake."""

    def on_connection_lost(self) -> None:
        raise KeyError("a mistake of ours")


@pytest.mark.parametrize("how", ["lost", "fault"])
async def test_all_streams_are_told_of_the_end_at_once_whatever_one_of_them_does(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also when the peer does not read our last words, so that the socket stays open for a while."""
    link = await linked(client_capacity=1)
    await link.open(1)
    link.front.streams[0] = Clumsy(link.front, 0)
    await link.open(3)
    link.front.streams = {0: link.front.streams[0], **link.front.streams}
    if how == "lost":
        link.client.cut_off()
    else:
        link.client.say(f.frame(f.PING, 0, 1, bytes(8)))
    found = await heard(link.upstream)
    assert [(each.kind, each.stream_id) for each in found] == [(f.RST_STREAM, 1), (f.RST_STREAM, 3)]
    assert not link.front.streams
    assert "a mistake of ours" in caplog.text
    caplog.clear()


async def test_the_goaway_of_a_fault_names_the_last_stream_and_the_reason() -> None:
    link = await linked()
    await link.open(1, 3, 5)
    link.client.say(f.frame(f.SETTINGS, 0, 3))
    (found,) = await heard(link.client)
    assert found.payload[:8] == (5).to_bytes(4, "big") + f.PROTOCOL_ERROR.to_bytes(4, "big")
    assert b"stream" in found.payload[8:]


class Telling(Upstream):
    """Keeps how many streams are left when one leaves."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.heard_of: list[int] = []

    def on_forgotten(self) -> None:
        self.heard_of.append(len(self.streams))


async def test_whoever_is_alert_hears_of_each_stream_that_leaves() -> None:
    link = await linked(back_kind=Telling)
    assert isinstance(link.back, Telling)
    heard_of = link.back.heard_of
    await link.open(1, 3)
    await link.at_upstream(f.rst_stream(1, f.CANCEL))
    assert heard_of == []
    link.back.alert = True
    await link.at_upstream(f.headers(5, REQUEST, 1))
    await link.at_client(f.headers(5, RESPONSE, 0) + f.headers(5, TRAILERS, 1))
    assert heard_of == [1]
