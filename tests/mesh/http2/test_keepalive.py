"""Whoever is silent is asked whether it is there, as often as it allows, and left if it is not."""

from mesh.http2 import frames as f
from tests.mesh.http2.relay import RESPONSE
from tests.mesh.http2.spoken import data, kinds
from tests.mesh.http2.watched import PONG, code, watched
from tests.mesh.http2.wire import heard


async def test_a_silent_client_is_asked_and_then_left() -> None:
    days, link = await watched()
    days.pass_by(60)
    assert [(each.kind, each.flags) for each in await heard(link.client)] == [(f.PING, 0)]
    days.pass_by(19)
    assert not link.client.closing
    days.pass_by(1)
    assert link.front.faults == ["keepalive_timeout"]
    assert code(await heard(link.client)) == f.NO_ERROR


async def test_a_client_that_answers_stays_for_ever() -> None:
    days, link = await watched()
    for _ in range(10):
        days.pass_by(61)
        link.client.say(PONG)
        assert len(await heard(link.client)) == 1
    assert not link.front.faults


async def test_an_upstream_without_calls_is_not_asked() -> None:
    """gRPC servers allow a PING every two hours then."""
    days, link = await watched()
    for _ in range(30):
        days.pass_by(50)
        link.client.say(PONG)
    assert await heard(link.upstream) == []


async def test_an_upstream_that_is_silent_while_it_has_calls_is_asked_and_then_lost() -> None:
    days, link = await watched()
    await link.open(1)
    days.pass_by(10)
    assert kinds(await heard(link.upstream)) == [(f.PING, 0)]
    days.pass_by(9)
    assert not link.upstream.closing
    days.pass_by(1)
    assert link.back.faults == ["keepalive_timeout"]
    assert [(each.kind, each.stream_id) for each in await heard(link.client)] == [(f.RST_STREAM, 1)]


async def test_an_upstream_is_asked_twice_at_most_until_it_sends_something_of_its_calls() -> None:
    """A gRPC server calls more than two PINGs without data within five minutes abuse."""
    days, link = await watched()
    await link.open(1)

    async def pings(seconds: int) -> int:
        count = 0
        for _ in range(seconds):
            days.pass_by(1)
            link.client.say(PONG)
            found = [each for each in await heard(link.upstream) if each.kind == f.PING]
            count += len(found)
            if found:
                link.upstream.say(PONG)
        return count

    assert await pings(300) == 2
    link.upstream.say(f.headers(1, RESPONSE, 0) + data(1))
    assert await pings(100) == 2
    assert await pings(1_000) == 3  # one each time five minutes have passed
    assert not link.back.faults


async def test_a_call_that_never_ends_is_not_lost_while_its_upstream_answers() -> None:
    days, link = await watched()
    await link.open(1)
    for _ in range(100):
        days.pass_by(5)
        link.upstream.say(f.window_update(0, 1))
        link.client.say(PONG)
    assert await heard(link.upstream) == []
    assert await link.completes(1)
