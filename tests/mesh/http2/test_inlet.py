"""What a connection does about every frame that a peer may not send, and about peers that do not speak HTTP/2.

Each row of the tables is said on a connection with streams in every state; what is right is RFC 9113.
"""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from mesh.http2 import frames as f
from mesh.http2.blocks import fields, literal
from mesh.http2.limits import DEFAULT
from mesh.http2.stream import Stream
from tests.mesh.http2.faults import (
    BYSTANDER,
    CLOSED,
    FROM_CLIENT,
    FROM_UPSTREAM,
    HALF_CLOSED,
    IDLE,
    OPEN,
    RESET_BY_PEER,
    RESET_BY_US,
    Expected,
    data,
    goaway,
    reset,
)
from tests.mesh.http2.relay import REQUEST, RESPONSE, Linked, linked, unsettled
from tests.mesh.http2.wire import Wire, heard, told, turn, whole


async def in_every_state() -> Linked:
    """A client and an upstream with a stream in every state; both have heard everything."""
    link = await linked()
    await link.open(OPEN)
    await link.open(HALF_CLOSED, end=1)
    await link.open(CLOSED, end=1)
    await link.at_client(f.headers(CLOSED, RESPONSE, 1))
    await link.open(RESET_BY_PEER, RESET_BY_US, BYSTANDER)
    return link


def verdict(found: list[tuple[int, int, int]]) -> Expected:
    """What a peer was told about its mistake, if anything."""
    if not found:
        return None
    kind, code, stream_id = found[0]
    return ("goaway" if kind == f.GOAWAY else "reset", code, stream_id)


async def said(wire: Wire, words: bytes) -> Expected:
    answer = [each for each in await told(wire, words) if each.kind in (f.GOAWAY, f.RST_STREAM)]
    assert len(answer) <= 1
    return verdict(
        [
            (
                each.kind,
                int.from_bytes(each.payload[-4:] if each.kind == f.RST_STREAM else each.payload[4:8], "big"),
                each.stream_id,
            )
            for each in answer
        ]
    )


@pytest.fixture(autouse=True)
def no_internal_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a peer says, it must not be an exception of ours that ends it."""
    yield
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("name", FROM_CLIENT)
async def test_a_client_that_says(name: str) -> None:
    """… is answered as RFC 9113 says, and neither its other calls (unless the connection is at fault), nor the
    upstream's connection, nor another client notice."""
    words, expected = FROM_CLIENT[name]
    link = await in_every_state()
    await link.at_upstream(f.rst_stream(RESET_BY_PEER, f.CANCEL))
    await link.at_client(f.rst_stream(RESET_BY_US, f.CANCEL))
    _, another = link.another()
    assert await said(link.client, words) == expected
    at_upstream = await heard(link.upstream)
    if expected is None:
        assert await link.completes(BYSTANDER)
        assert await link.completes(OPEN)
    elif expected[0] == "reset":
        if expected[2] != IDLE:
            assert [(each.kind, each.stream_id, each.number) for each in at_upstream] == [
                (f.RST_STREAM, expected[2], expected[1])
            ]
        assert await link.completes(BYSTANDER)
    else:
        assert link.client.closing
        assert {each.stream_id for each in at_upstream if each.kind == f.RST_STREAM} == {
            OPEN,
            HALF_CLOSED,
            BYSTANDER,
        }
        await turn()
        assert link.front.closed
    assert not link.upstream.closing
    another.say(f.headers(1, REQUEST, 1))
    assert [each.kind for each in await heard(link.upstream)] == [f.HEADERS]


@pytest.mark.parametrize("name", FROM_UPSTREAM)
async def test_an_upstream_that_says(name: str) -> None:
    """… is answered as RFC 9113 says; each call it breaks is reset towards its client, whose connection lives on."""
    words, expected = FROM_UPSTREAM[name]
    link = await in_every_state()
    await link.at_client(f.headers(HALF_CLOSED, RESPONSE, 0))
    await link.at_client(f.rst_stream(RESET_BY_PEER, f.CANCEL))
    await link.at_upstream(f.rst_stream(RESET_BY_US, f.CANCEL))
    assert await said(link.upstream, words) == expected
    at_client = [each for each in await heard(link.client) if each.kind == f.RST_STREAM]
    if expected is None:
        assert not at_client
        assert await link.completes(BYSTANDER)
    elif expected[0] == "reset":
        assert [(each.stream_id, each.number) for each in at_client] == [(expected[2], expected[1])]
        assert await link.completes(BYSTANDER)
    else:
        assert link.upstream.closing
        assert {each.stream_id for each in at_client} == {OPEN, HALF_CLOSED, BYSTANDER}
        assert not link.back.has_room
    assert not link.client.closing
    assert [each.kind for each in await told(link.client, f.frame(f.PING, 0, 0, bytes(8)))] == [f.PING]


async def test_a_client_that_overruns_a_stream_window_loses_that_stream() -> None:
    link = await linked(upstream_settings={f.INITIAL_WINDOW_SIZE: 0})
    await link.open(1, 3)
    await link.at_upstream(16 * data(1, bytes(16_384)))
    assert await said(link.client, data(1)) == reset(1, f.FLOW_CONTROL_ERROR)
    assert [(each.kind, each.stream_id) for each in await heard(link.upstream)] == [(f.RST_STREAM, 1)]
    await link.at_client(f.window_update(3, 100))
    assert await link.completes(3)


async def test_a_client_that_overruns_the_connection_window_loses_the_connection() -> None:
    link = await linked(upstream_settings={f.INITIAL_WINDOW_SIZE: 0})
    link.front.recv_window = 20_000
    await link.open(1, 3)
    assert await said(link.client, data(1, bytes(16_384)) + data(3, bytes(3_616))) is None
    assert await said(link.client, data(3)) == goaway(f.FLOW_CONTROL_ERROR)


async def test_data_without_payload_needs_no_window() -> None:
    link = await linked(upstream_settings={f.INITIAL_WINDOW_SIZE: 0})
    await link.open(1)
    link.front.streams[1].recv_window = 0
    link.front.recv_window = 0
    assert await said(link.client, data(1, b"", 0)) is None


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        f.PREFACE[:-1] + b"!",
        f.PREFACE + f.frame(f.PING, 0, 0, bytes(8)),
        f.PREFACE + f.SETTINGS_ACK,
        f.PREFACE + f.headers(1, REQUEST, 1),
    ],
    ids=["HTTP/1.1", "TLS", "a bad preface", "PING first", "an acknowledgement first", "HEADERS first"],
)
async def test_a_client_that_does_not_open_with_preface_and_settings_is_sent_away(words: bytes) -> None:
    link = await linked()
    front, wire = link.another()
    wire.take()
    fresh = Wire(type(front)(lambda call: link.back))
    assert await said(fresh, words) == goaway(f.PROTOCOL_ERROR)
    assert fresh.closing


async def test_an_upstream_that_does_not_open_with_settings_is_left() -> None:
    link = await linked()
    back = type(link.back)()
    wire = Wire(back)
    await turn()
    wire.take()
    wire.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert [each.kind for each in await heard(wire)] == [f.GOAWAY]
    await turn()
    assert back.told == ["closed"]


async def test_the_greeting_may_come_byte_by_byte() -> None:
    link = await linked()
    front, _ = link.another()
    wire = Wire(type(front)(lambda call: link.back))
    for byte in f.PREFACE + f.settings({}) + f.SETTINGS_ACK + f.headers(1, REQUEST, 1):
        wire.say(bytes((byte,)))
    assert [each.kind for each in await heard(link.upstream)] == [f.HEADERS]


async def test_what_comes_after_the_connection_was_closed_is_dropped() -> None:
    """TLS transports may still deliver what they have decrypted."""
    link = await linked()
    await link.open(1)
    link.client.say(f.frame(f.PING, 0, 1, bytes(8)))
    await turn()
    link.client.take()
    link.upstream.take()
    for words in (f.headers(3, REQUEST, 1), f.PREFACE + f.settings({}), b"nonsense", data(1)):
        link.front.data_received(words)
    await turn()
    assert not link.client.held
    assert not link.upstream.take()
    assert link.front._rest == b""


class Clumsy(Stream):
    """Its code has a mistake."""

    def on_data(self, payload: bytes, end: int) -> None:
        raise KeyError("a mistake of ours")


async def test_a_mistake_of_ours_costs_one_connection_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    link = await linked()
    await link.open(1)
    stream = Clumsy(link.front, 3)
    link.front.streams[3] = stream
    link.front.highest_seen = 3
    assert await said(link.client, data(3)) == goaway(f.INTERNAL_ERROR)
    assert "a mistake of ours" in caplog.text
    caplog.clear()
    assert not link.upstream.closing


async def test_garbage_of_any_length_ends_one_connection() -> None:
    for size in range(1, 60):
        link = await linked()
        link.client.say(b"\xff" * size)
        await asyncio.sleep(0)
        assert link.client.closing == (size >= 9)
        whole(link.client.take())


async def test_a_header_block_may_fill_the_limit() -> None:
    link = await linked()
    await link.open(1)
    used = sum(len(field.name) + len(field.value) + 32 for field in fields(REQUEST)) + len(b"x-large") + 32
    block = REQUEST + literal(b"x-large", b"v" * (DEFAULT.max_block - used))
    too_much = f.headers(5, REQUEST + literal(b"x-large", b"v" * (DEFAULT.max_block - used + 1)), 1)
    assert await said(link.client, too_much) == reset(5, f.ENHANCE_YOUR_CALM)
    found = await link.at_upstream(f.headers(7, block, 1))
    assert [each.kind for each in found] == [f.HEADERS] + 3 * [f.CONTINUATION]
    assert b"".join(each.payload for each in found) == block


# Frames that say nothing


@pytest.mark.parametrize("words", [data(1, b""), data(1, b"\x02\0\0", f.PADDED)], ids=["empty", "padding"])
async def test_data_that_says_nothing_is_not_passed_on(words: bytes) -> None:
    """A flood of such frames is the end of some servers."""
    link = await linked()
    await link.open(1)
    await link.at_client(f.headers(1, RESPONSE, 0))
    assert await link.at_upstream(words * 100) == []
    assert await link.at_client(words * 100) == []
    assert not any(unsettled(link.front, link.back).values())
    assert await link.at_upstream(data(1, b"", f.END_STREAM))


async def test_padding_alone_uses_up_no_window_for_ever() -> None:
    link = await linked()
    await link.open(1)
    sent = 0
    for _ in range(2_000):
        if link.front.streams[1].recv_window < 256:
            break
        link.client.say(data(1, b"\xff" + bytes(255), f.PADDED))
        sent += 256
    granted = sum(each.number for each in await heard(link.client) if each.stream_id == 1)
    assert sent == 2_000 * 256
    assert link.front.streams[1].recv_window == 262_144 - sent + granted


async def test_a_call_with_too_many_fields_is_refused_and_the_others_go_on() -> None:
    link = await linked()
    await link.open(1)
    many = REQUEST + b"\x90" * 254
    assert await said(link.client, f.headers(3, many, 1)) == reset(3, f.ENHANCE_YOUR_CALM)
    assert link.front.stream_faults == ["header_list"]
    assert [each.kind for each in await link.at_upstream(f.headers(5, many[:-1], 1))] == [f.HEADERS]
    assert await link.completes(1)
