"""What `splitter.switch` promises: one decision per call, at its first block, whatever connection it comes on."""

import asyncio
import sys

import hpack

from mesh.http2 import frames
from splitter.switch import ClientConnection
from tests.splitter.rig import LOOPBACK, SAFE, Client, Rig, pair

KEYED = {"split": {"blue": 50, "green": 50}, "key": {"metadata": "x-user-id", "salt": "s"}}


async def test_a_user_gets_the_same_color_on_every_connection_and_from_every_sidecar() -> None:
    async with pair(KEYED) as one, pair(KEYED) as other:
        clients = [one.client, await one.rig.client(), other.client]
        for number in range(20):
            colors = set()
            for client, at in zip(clients, (one, one, other), strict=True):
                call = client.call(SAFE, (b"x-user-id", b"%d" % number))
                backend, request = await at.rig.request()
                request.answer()
                await call.end()
                colors.add(backend.color)
            assert len(colors) == 1
        assert {color for color, *_ in one.rig.counted()} == {"blue", "green"}


async def test_connections_share_the_exact_count() -> None:
    """20 calls at 10 % are 2, however many clients make them."""
    async with pair({"split": {"blue": 90, "green": 10}}) as at:
        clients = [await at.rig.client() for _ in range(4)]
        colors = []
        for number in range(20):
            call = clients[number % 4].call()
            backend, request = await at.rig.request()
            request.answer()
            await call.end()
            colors.append(backend.color)
        assert colors.count("green") == 2


async def test_a_client_that_still_uses_its_dynamic_table_is_understood() -> None:
    """Calls may come before the client has acknowledged that we want no table; the endpoint sees none."""
    async with pair(KEYED | {"overrides": [{"metadata": {"x-team": "a"}, "color": "green"}]}) as at:
        early = await at.rig.client(acknowledges=False)
        encoder = early._encoder = hpack.Encoder()
        for _ in range(3):
            call = early.call(SAFE, (b"x-user-id", b"7"), (b"x-team", b"a"))
            request = await at.green.request()
            assert (request.fields[b"x-user-id"], request.fields[b"x-team"]) == (b"7", b"a")
            request.answer()
            await call.end()
        assert encoder.header_table.dynamic_entries, "the table is in use"
        early.acknowledge()
        encoder.header_table_size = 0
        call = early.call(SAFE, (b"x-team", b"a"))
        (await at.green.request()).answer()
        assert (await call.end()).status == 0


async def test_a_block_that_cannot_be_decoded_costs_its_own_connection_only() -> None:
    async with pair() as at:
        bad = await at.rig.client()
        good = at.client.call()
        lost = bad.call()
        requests = [await at.blue.request(), await at.blue.request()]
        bad.say(frames.headers(101, b"\xff\xff\xff\xff\xff", frames.END_STREAM))
        await bad.gone()
        assert bad.goaways[-1][1] == frames.COMPRESSION_ERROR
        assert not lost.over
        for request in requests:
            request.answer()
        assert (await good.end()).status == 0
        assert len(at.rig.switch.clients) == 1


async def test_draining_tells_every_client_and_waits_for_the_last_call() -> None:
    async with pair() as at:
        other = await at.rig.client()
        call = at.client.call()
        request = await at.blue.request()
        at.rig.switch.drain()
        await other.gone()
        assert other.goaways == [(2**31 - 1, 0), (0, 0)]
        assert not at.rig.switch.empty.is_set()
        request.answer()
        assert (await call.end()).status == 0
        await at.client.gone()
        async with asyncio.timeout(5):
            await at.rig.switch.empty.wait()


async def test_a_call_that_was_under_way_when_draining_began_is_served() -> None:
    """Until the client has answered our PING, it cannot know."""
    async with pair() as at:
        first = at.client.call()
        request = await at.blue.request()
        at.client.pause()
        at.rig.switch.drain()
        late = at.client.call()
        second = await at.blue.request()
        assert at.client.transport is not None
        at.client.transport.resume_reading()
        for each in (request, second):
            each.answer()
        assert [(await call.end()).status for call in (first, late)] == [0, 0]
        await at.client.gone()


async def test_nobody_to_wait_for_is_drained_at_once() -> None:
    async with Rig() as rig:
        rig.switch.drain()
        assert rig.switch.empty.is_set()


async def test_a_client_that_connects_while_we_drain_is_sent_away() -> None:
    async with Rig() as rig:
        rig.switch.drain()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: ClientConnection(rig.switch), LOOPBACK, 0)
        host, port = server.sockets[0].getsockname()[:2]
        _, client = await loop.create_connection(Client, host, port)
        await client.gone()
        assert client.goaways[0] == (2**31 - 1, 0)
        server.close()


async def test_what_is_in_flight_is_counted_over_all_clients() -> None:
    async with pair() as at:
        other = await at.rig.client()
        calls = [at.client.call(), other.call(), other.call()]
        requests = [await at.blue.request() for _ in calls]
        assert at.rig.switch.in_flight == 3
        for request in requests:
            request.answer()
        for call in calls:
            await call.end()
        assert at.rig.switch.in_flight == 0


async def test_calls_leave_no_reference_to_the_connections_they_were_on() -> None:
    """What is left would keep a connection, its pool and its endpoint for ever: compiled code can lose count."""
    async with pair({"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 100}]}) as at:
        client = await at.rig.client()
        control = at.rig.control
        pools = (*control.endpoints.pools.values(), *control.shadow_endpoints.pools.values())

        async def references(calls: int) -> list[int]:
            for _ in range(calls):
                call = client.call()
                for backend in (at.blue, at.green):
                    (await backend.request()).answer()
                await call.end()
            await at.rig.news.until(lambda: not any(pool.in_flight for pool in pools))
            held = (at.rig.switch, *at.rig.switch.clients, *pools, *(pool.connections[0] for pool in pools))
            return [sys.getrefcount(each) for each in held]

        assert await references(20) == await references(2)
