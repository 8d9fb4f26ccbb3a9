"""What a peer's mistakes cost it is told once, and what they cost us is bounded."""

import pytest

from mesh.http2 import frames as f
from mesh.http2.limits import LINGER_BYTES, Limits
from tests.mesh.http2.relay import REQUEST, RESPONSE, linked
from tests.mesh.http2.wire import heard, turn

FULL = f.frame(f.DATA, 0, 1, bytes(f.FRAME_LIMIT))

# Faults


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (f.frame(f.SETTINGS, 0, 3), "protocol"),
        (f.frame(f.PING, 0, 0, b"short"), "frame_size"),
        (f.window_update(0, f.MAX_WINDOW), "flow_control"),
        (f.headers(3, b"\xbe", 1), "compression"),
        (f.frame(f.HEADERS, 0, 3, REQUEST) + 100 * f.frame(f.CONTINUATION, 0, 3), "header_block"),
    ],
)
async def test_a_fault_is_told_once_with_its_reason(words: bytes, reason: str) -> None:
    link = await linked()
    await link.open(1)
    link.client.say(words + words)
    link.client.say(words)
    assert link.front.fault is not None
    link.front.fail(link.front.fault)
    assert link.front.faults == [reason]
    assert reason in f.REASONS
    assert [each.kind for each in await heard(link.client)] == [f.GOAWAY]
    assert link.back.faults == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (f.window_update(1, 0), "protocol"),
        (f.window_update(1, f.MAX_WINDOW), "flow_control"),
        (f.headers(1, REQUEST, 1), "malformed"),
        (f.headers(1, b"\x90" * 300, 1), "header_list"),
    ],
)
async def test_a_fault_of_a_stream_is_told_with_its_reason(words: bytes, reason: str) -> None:
    link = await linked()
    await link.open(1)
    link.client.say(words)
    assert link.front.stream_faults == [reason]
    assert reason in f.STREAM_REASONS
    assert link.front.faults == []


async def test_the_goaway_of_a_fault_reaches_a_client_that_is_still_talking() -> None:
    link = await linked()
    link.client.stubborn = True
    link.client.say(f.frame(f.SETTINGS, 0, 3) + REQUEST)
    for _ in range(10):
        link.client.say(bytes(10_000))
    assert [each.kind for each in await heard(link.client)] == [f.GOAWAY]
    assert not link.client.deaf
    link.client.say(bytes(LINGER_BYTES))
    assert link.client.deaf


async def test_a_client_that_reads_nothing_of_what_it_makes_us_write_is_cut_off_with_a_reason() -> None:
    link = await linked(client_capacity=1, front={"limits": Limits(max_unread=10_000)})
    await link.open(1)
    link.client.say(f.frame(f.PING, 0, 0, bytes(8)))
    await turn()
    for _ in range(700):
        link.client.say(f.frame(f.PING, 0, 0, bytes(8)))
    await turn()
    await turn()
    assert link.front.faults == ["unread"]
    assert link.client.aborted
    assert [each.kind for each in await heard(link.upstream)] == [f.RST_STREAM]


# Windows that grow by little


async def test_a_window_that_is_granted_byte_by_byte_costs_no_frame_for_each() -> None:
    link = await linked(client_settings={f.INITIAL_WINDOW_SIZE: 0})
    await link.open(1)
    await link.at_client(f.headers(1, RESPONSE, 0) + FULL)
    link.client.say(f.window_update(1, 1) * 5_000)
    found = await heard(link.client)
    assert [len(each.payload) for each in found if each.kind == f.DATA] == [5_000]


async def test_the_window_of_the_connection_too() -> None:
    link = await linked(narrow=True, client_settings={f.INITIAL_WINDOW_SIZE: f.MAX_WINDOW})
    await link.open(1)
    await link.at_client(f.headers(1, RESPONSE, 0) + 5 * FULL)
    link.client.say(f.window_update(0, 1) * 5_000)
    found = await heard(link.client)
    assert [len(each.payload) for each in found if each.kind == f.DATA] == [
        1,
        4_999,
    ]  # the rest of a frame, and more


async def test_a_window_that_grows_by_one_byte_is_used_all_the_same() -> None:
    link = await linked(client_settings={f.INITIAL_WINDOW_SIZE: 0})
    await link.open(1)
    await link.at_client(f.headers(1, RESPONSE, 0) + FULL)
    for _ in range(3):
        link.client.say(f.window_update(1, 1))
        assert [len(each.payload) for each in await heard(link.client)] == [1]


# Memory


async def test_what_waits_for_a_connection_is_counted() -> None:
    link = await linked(client_settings={f.INITIAL_WINDOW_SIZE: 10})
    await link.open(1, 3)
    for stream_id in (1, 3):
        await link.at_client(f.headers(stream_id, RESPONSE, 0) + f.frame(f.DATA, 0, stream_id, bytes(100)))
    assert link.front.queued == 180
    link.client.say(f.window_update(1, 2_000) + f.rst_stream(3, f.CANCEL))
    assert link.front.queued == 0


async def test_while_too_much_waits_for_a_connection_nothing_more_is_granted_for_it() -> None:
    limits = Limits(max_queued=300_000)
    link = await linked(client_settings={f.INITIAL_WINDOW_SIZE: 0}, front={"limits": limits})
    await link.open(1, 3)
    for stream_id in (1, 3):
        link.upstream.say(f.headers(stream_id, RESPONSE, 0))
        link.upstream.say(16 * f.frame(f.DATA, 0, stream_id, bytes(f.FRAME_LIMIT)))
    await heard(link.upstream)
    assert link.front.queued == 2 * 262_144
    link.client.say(f.window_update(1, 200_000))
    assert await heard(link.upstream) == []
    assert link.front.queued == 2 * 262_144 - 200_000
    link.client.say(f.window_update(1, 62_144))
    granted = [each.number for each in await heard(link.upstream) if each.stream_id]
    assert granted == [262_144]
