"""What `splitter.pool` promises of the connections to one endpoint, with servers on real sockets."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from mesh.http2 import frames
from mesh.http2.stream import Stream
from splitter import connector as module
from splitter.endpoint import Endpoint, Pace
from splitter.pool import UNCONNECTED, Pool
from splitter.upstream import PAUSE, STEP, Upstream
from tests.splitter.rig import LOOPBACK, Backend
from tests.splitter.wire import News, Peer

NONE = {frames.MAX_CONCURRENT_STREAMS: 0}
ONE = {frames.MAX_CONCURRENT_STREAMS: 1}


class Asking(Stream):
    """Says to its connection that it was refused, as a leg does."""

    def on_reset(self, code: int) -> None:
        if code == frames.REFUSED_STREAM:
            cast("Upstream", self.connection).refused()


@dataclass(eq=False)
class Waiting:
    """A call that waits for a connection, and notes what becomes of it."""

    news: News
    gone: bool = False
    connection: Upstream | None = None
    rejected: str = ""
    stream: Stream | None = None
    expires: int | None = None
    expired: bool = False

    def attach(self, connection: Upstream) -> None:
        self.connection = connection
        self.stream = Asking(connection, connection.next_id)
        connection.open(self.stream)
        self.news.tell()

    def reject(self, reason: str) -> None:
        self.rejected = reason
        self.news.tell()

    def expire(self) -> None:
        self.expired = True
        self.news.tell()

    def end(self) -> None:
        assert self.stream is not None
        self.stream.send_reset(frames.CANCEL)


@dataclass
class Connecting:
    """A pool that runs, and a server that may be there."""

    pool: Pool
    server: Backend
    news: News
    turns: list[bool] = field(default_factory=list)
    """What `usable` became, whenever it changed."""

    def call(self) -> Waiting:
        """As a call does it: a connection at once, or one to wait for."""
        call = Waiting(self.news)
        connection = self.pool.acquire()
        if connection is None:
            self.pool.hold(call)
        else:
            call.attach(connection)
        return call

    async def served(self) -> Waiting:
        """A call that has a connection, as soon as there is one with room."""
        call = self.call()
        await self.news.until(lambda: call.connection, what="a connection with room")
        return call

    async def usable(self, value: bool) -> None:
        await self.news.until(lambda: self.turns and self.turns[-1] is value, what=f"usable={value}")

    async def connected(self, number: int = 1) -> Peer:
        """The server's `number`th connection, once the pool may use it."""
        peer = await self.server.connection(number)
        await peer.sync()
        return peer


Sleep = Callable[[float], Awaitable[None]]
FAST = Pace(connect_timeout=5.0, first_delay=0.01, longest_delay=0.5)


@asynccontextmanager
async def connecting(
    *, listening: bool = True, pace: Pace = FAST, sleep: Sleep = asyncio.sleep, **peer: object
) -> AsyncIterator[Connecting]:
    news = News()
    server = Backend("blue", news=news, **peer)
    await server.listen()
    if not listening:
        server.refuse()

    def on_change() -> None:
        made.turns.append(pool.usable)
        news.tell()

    pool = Pool(server.endpoint, on_change=on_change, pace=pace, sleep=sleep)
    made = Connecting(pool, server, news)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(pool.run())
        try:
            yield made
        finally:
            running.cancel()
            pool.retire()
            server.die()
            for each in server.peers:
                await each.gone()


def _noting(slept: list[float], enough: asyncio.Event | None = None) -> Callable[[float], Awaitable[None]]:
    """Notes what would be slept, and says when that was a dozen times."""
    sleep = asyncio.sleep

    async def noting(seconds: float) -> None:
        slept.append(seconds)
        if enough is not None and len(slept) == 12:
            enough.set()
        await sleep(0)

    return noting


class TestConnecting:
    async def test_a_connection_is_opened_before_anybody_calls(self) -> None:
        async with connecting() as at:
            assert (at.pool.usable, at.pool.connected) == (True, False)
            await at.connected()
            assert at.pool.connected
            assert at.pool.acquire() is not None

    async def test_it_is_used_only_after_our_settings_are_acknowledged(self) -> None:
        async with connecting(acknowledges=False) as at:
            peer = await at.server.connection()
            call = at.call()
            await peer.sync()
            assert (call.connection, at.pool.acquire()) == (None, None)
            peer.acknowledge()
            await at.news.until(lambda: call.connection)

    async def test_an_endpoint_that_refuses_is_not_usable_until_it_accepts(self) -> None:
        async with connecting(listening=False) as at:
            await at.usable(False)
            await at.server.listen()
            await at.usable(True)
            assert at.turns == [False, True]
            assert at.pool.acquire() is not None

    @pytest.mark.parametrize("behavior", ["says nothing", "hangs up", "speaks no HTTP/2"])
    async def test_an_endpoint_that_accepts_but_does_not_serve_is_not_usable(self, behavior: str) -> None:
        impatient = replace(FAST, connect_timeout=0.1)
        async with connecting(acknowledges=False, pace=impatient) as at:
            peer = await at.server.connection()
            if behavior == "hangs up":
                peer.cut()
            elif behavior == "speaks no HTTP/2":
                peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await at.usable(False)
            await peer.gone()

    @pytest.mark.parametrize("address", [("a..b", 80), ("x" * 70, 80), ("\0", 80), (LOOPBACK, 70_000)])
    async def test_an_address_that_cannot_be_one_is_not_usable_and_ends_nothing(
        self, address: tuple[str, int]
    ) -> None:
        """Consul takes any text for an address; one bad registration must not end the sidecar."""
        turned = asyncio.Event()
        pool = Pool(Endpoint("blue", *address), on_change=turned.set)
        running = asyncio.create_task(pool.run())
        async with asyncio.timeout(10):
            await turned.wait()
        assert not pool.usable
        assert not running.done()
        running.cancel()
        await asyncio.wait((running,))

    async def test_it_asks_again_ever_more_slowly_while_that_fails(self) -> None:
        slept: list[float] = []
        enough = asyncio.Event()
        async with connecting(listening=False, sleep=_noting(slept, enough)), asyncio.timeout(10):
            await enough.wait()
        low, high = 1 - module.JITTER, 1 + module.JITTER
        delay = FAST.first_delay
        for seconds in slept[:12]:
            assert delay * low <= seconds <= delay * high
            delay = min(delay * module.GROWTH, FAST.longest_delay)

    async def test_a_lost_connection_is_replaced_though_nobody_calls(self) -> None:
        async with connecting(pace=replace(FAST, lasting=0.0)) as at:
            for number in range(1, 4):
                (await at.connected(number)).cut()
            await at.connected(4)
            assert at.turns == []

    @pytest.mark.parametrize("farewell", ["hangs up", "says goaway"])
    async def test_an_endpoint_that_leaves_as_soon_as_it_is_reached_is_asked_ever_more_slowly(
        self, farewell: str
    ) -> None:
        slept: list[float] = []
        async with connecting(sleep=_noting(slept)) as at:
            for number in range(1, 6):
                peer = await at.connected(number)
                peer.cut() if farewell == "hangs up" else peer.goaway(0)
            await at.connected(6)
        assert len(slept) >= 5
        assert slept[4] > slept[0]

    async def test_also_where_goodbye_comes_with_the_greeting(self) -> None:
        slept: list[float] = []
        enough = asyncio.Event()
        farewell = frames.SETTINGS_ACK + frames.goaway(0, 0)
        async with connecting(acknowledges=False, sleep=_noting(slept, enough)) as at:
            async with asyncio.timeout(10):
                for number in range(1, 20):
                    (await at.server.connection(number)).say(farewell)
                    if enough.is_set():
                        break
        assert at.turns[:1] == [False]
        assert slept[4] > slept[0]

    async def test_and_the_second_time_it_is_left_out_until_a_connection_lasts(self) -> None:
        async with connecting(pace=replace(FAST, lasting=0.05)) as at:
            (await at.connected()).cut()
            (await at.connected(2)).cut()
            await at.usable(False)
            assert at.pool.problem == f"{at.server.endpoint} closes connections as soon as they are made"
            peer = await at.connected(3)
            assert at.pool.connected
            assert at.turns == [False], "it was believed at once"
            await at.usable(True)
            assert (at.pool.problem, peer.closed) == ("", False)

    async def test_connections_that_served_may_be_as_short_as_they_like(self) -> None:
        """Servers leave after so many requests (nginx's keepalive_requests), which takes no time under load."""
        slept: list[float] = []
        async with connecting(sleep=_noting(slept)) as at:
            for number in range(1, 6):
                peer = await at.connected(number)
                at.call().end()
                await peer.sync()
                peer.goaway(1)
                await peer.gone()
            await at.connected(6)
        assert (slept, at.turns) == ([], [])

    async def test_a_connection_that_says_goaway_is_replaced_and_stays_until_its_calls_are_done(self) -> None:
        async with connecting() as at:
            old = await at.connected()
            call = at.call()
            old.goaway(frames.MAX_STREAM_ID)
            await at.connected(2)
            assert at.pool.in_flight == 1
            assert at.call().connection is not call.connection
            assert not old.closed
            call.end()
            await old.gone()


class TestManyCalls:
    async def test_beyond_what_a_connection_allows_another_is_opened(self) -> None:
        async with connecting(settings=ONE) as at:
            await at.connected()
            calls = [at.call() for _ in range(3)]
            await at.news.until(lambda: all(call.connection for call in calls))
            assert len({call.connection for call in calls}) == 3
            assert at.pool.in_flight == 3

    async def test_beyond_all_connections_a_call_waits_for_any_other_to_end(self) -> None:
        async with connecting(settings=ONE) as at:
            await at.connected()
            calls = [at.call() for _ in range(module.MAX_CONNECTIONS + 2)]
            await at.news.until(
                lambda: sum(bool(call.connection) for call in calls) == module.MAX_CONNECTIONS
            )
            await at.connected(module.MAX_CONNECTIONS)
            assert at.pool.in_flight == len(calls)
            for waiting, ending in zip(calls[-2:], (calls[15], calls[7]), strict=True):
                ending.end()
                assert waiting.connection is ending.connection
            assert len(at.server.open) == module.MAX_CONNECTIONS

    async def test_calls_that_a_first_connection_can_serve_open_no_second(self) -> None:
        async with connecting(acknowledges=False) as at:
            peer = await at.server.connection()
            calls = [at.call() for _ in range(3)]
            peer.acknowledge()
            await at.news.until(lambda: all(call.connection for call in calls))
            for _ in range(5):
                await peer.sync()
            assert len(at.server.peers) == 1

    async def test_those_that_wait_longest_are_served_first_and_those_that_gave_up_not_at_all(self) -> None:
        async with connecting(acknowledges=False) as at:
            peer = await at.server.connection()
            calls = [at.call() for _ in range(4)]
            calls[1].gone = True
            peer.acknowledge()
            await at.news.until(lambda: calls[3].connection)
            ids = [call.stream.id if call.stream else None for call in calls]
            assert ids == [1, None, 3, 5]

    async def test_an_endpoint_that_allows_more_in_mid_connection_gets_more(self) -> None:
        async with connecting(settings=NONE) as at:
            peer = await at.connected()
            call = at.call()
            assert call.connection is None
            peer.say(frames.settings(ONE))
            await at.news.until(lambda: call.connection)

    async def test_no_more_calls_wait_than_may(self) -> None:
        async with connecting(acknowledges=False, pace=replace(FAST, max_held=2)) as at:
            peer = await at.server.connection()
            calls = [at.call() for _ in range(3)]
            assert [call.rejected for call in calls] == ["", "", "too many calls wait for a connection"]
            peer.acknowledge()
            await at.news.until(lambda: calls[1].connection)
            assert calls[2].connection is None

    async def test_no_call_waits_for_ever_for_an_endpoint_without_a_connection(self) -> None:
        async with connecting(acknowledges=False, pace=Pace(connect_timeout=30.0, hold_limit=0.02)) as at:
            await at.server.connection()
            call, gone = at.call(), at.call()
            gone.gone = True
            await at.news.until(lambda: call.rejected)
            assert call.rejected == f"no connection to {at.server.endpoint} within 0.02 s"
            assert (gone.rejected, at.pool.in_flight) == ("", 0)

    async def test_but_one_that_is_only_full_may_be_waited_for(self) -> None:
        async with connecting(settings=ONE, pace=replace(FAST, hold_limit=0.0)) as at:
            await at.connected()
            at.server.refuse()
            first, waiting = at.call(), at.call()
            await asyncio.sleep(0.01)
            assert waiting.rejected == ""
            first.end()
            assert waiting.connection is first.connection

    async def test_calls_that_wait_are_told_when_connecting_has_failed(self) -> None:
        async with connecting(acknowledges=False) as at:
            peer, call, gone = await at.server.connection(), at.call(), at.call()
            gone.gone = True
            at.server.refuse()
            peer.cut()
            await at.news.until(lambda: call.rejected)
            assert call.rejected.startswith(f"cannot connect to blue 127.0.0.1:{at.server.port}: ")
            assert gone.rejected == ""

    async def test_while_one_connection_serves_a_second_that_fails_rejects_nobody(self) -> None:
        async with connecting(settings=ONE) as at:
            await at.connected()
            first = at.call()
            at.server.refuse()
            waiting = at.call()
            first.end()
            assert waiting.connection is first.connection
            assert at.turns == []


class TestAnEndpointThatRefuses:
    """It answers REFUSED_STREAM though its SETTINGS allow more."""

    async def test_gets_no_second_connection_for_it(self) -> None:
        async with connecting() as at:
            peer = await at.connected()
            begun, calls = [at.call() for _ in range(10)], [Waiting(at.news) for _ in range(100)]
            await _refuse(peer, *begun)
            for call in calls:
                at.pool.hold(call)
            for number in range(3):
                await at.news.until(lambda number=number: calls[number].stream)
                assert at.pool.in_flight == len(calls) - number
                assert len(at.pool.connections[0].streams) == 1
                await _refuse(peer, calls[number])
            assert len(at.server.peers) == 1

    async def test_also_where_the_others_are_full(self) -> None:
        async with connecting(settings=ONE) as at:
            await at.connected()
            first, second = at.call(), at.call()
            await at.news.until(lambda: second.connection)
            await _refuse(at.server.peers[1], second)
            third = at.call()
            await at.news.until(lambda: third.connection)
            assert third.connection is second.connection
            assert first.stream is not None
            assert len(at.server.peers) == 2

    async def test_rests_ever_longer_until_it_serves_one(self) -> None:
        async with connecting() as at:
            peer = await at.connected()
            connection = at.pool.connections[0]
            for pause in (1, 2, 4, 8):
                assert connection._pause == pause * PAUSE
                await _refuse(peer, await at.served())
            served, refused = await at.served(), at.call()
            served.end()
            await at.news.until(lambda: refused.stream)
            await _refuse(peer, refused)
            assert connection._pause == 2 * PAUSE

    async def test_then_gets_what_it_carried_and_a_few_more_with_time(self) -> None:
        async with connecting(settings={frames.MAX_CONCURRENT_STREAMS: 11}) as at:
            await at.connected()
            calls = [at.call() for _ in range(4)]
            connection = at.pool.connections[0]
            calls[0].end()
            connection.refused()
            assert (connection.allowance, connection.has_room) == (0, False)
            connection._resume()
            assert (connection.allowance, connection.has_room) == (3, False)
            connection._recover()
            assert connection.allowance == 3 + STEP
            connection._recover()
            assert connection.allowance == 11
            assert connection._recovery is None

    async def test_weighs_more_than_one_with_room_as_long_as_it_rests(self) -> None:
        async with connecting() as at:
            await at.connected()
            at.call()
            assert at.pool.load == 1
            at.pool.connections[0].refused()
            assert at.pool.load == UNCONNECTED + 1

    @pytest.mark.parametrize("how", ["by resets", "by its SETTINGS"])
    async def test_is_not_waited_for_longer_than_one_without_a_connection(self, how: str) -> None:
        none = NONE if how == "by its SETTINGS" else {}
        async with connecting(settings=none, pace=replace(FAST, hold_limit=0.0)) as at:
            peer = await at.connected()
            first, waiting = at.call(), at.call()
            if how == "by resets":
                await _refuse(peer, first, waiting)
                waiting = at.call()
            await at.news.until(lambda: waiting.rejected)
            why = "allows no calls (MAX_CONCURRENT_STREAMS 0)" if none else "has refused all calls for 0 s"
            assert waiting.rejected == f"{at.server.endpoint} {why}"

    async def test_but_has_served_one_since_may_be_waited_for(self) -> None:
        async with connecting() as at:
            peer = await at.connected()
            await _refuse(peer, at.call())
            connection = at.pool.connections[0]
            served = await at.served()
            assert not connection.is_barren(0.0)
            served.end()
            assert not connection.is_barren(0.0)


class TestAConnectionThatIsAllowedNothing:
    """Its SETTINGS say MAX_CONCURRENT_STREAMS 0."""

    async def test_is_not_the_last_word_of_its_endpoint(self) -> None:
        async with connecting() as at:
            (await at.connected()).say(frames.settings(NONE))
            await at.server.peers[0].sync()
            calls = [at.call() for _ in range(20)]
            await at.connected(2)
            await at.news.until(lambda: all(call.connection for call in calls))
            assert len(at.server.peers) == 2

    async def test_is_no_spare_of_the_one_that_works(self) -> None:
        async with connecting(settings=ONE) as at:
            await at.connected()
            calls = [at.call() for _ in range(2)]
            await at.news.until(lambda: all(call.connection for call in calls))
            (await at.connected(2)).say(frames.settings(NONE))
            await at.server.peers[1].sync()
            for call in calls:
                call.end()
            working, useless = at.pool.connections
            _pass(at.pool, FAST.surplus + 1)
            assert (working.leaving, useless.leaving) == (False, True)

    async def test_is_not_either_while_its_calls_wait_already(self) -> None:
        async with connecting(settings=ONE) as at:
            peer = await at.connected()
            at.pool.connections[0].refused()
            call = at.call()
            peer.say(frames.settings(NONE))
            await at.news.until(lambda: call.connection)
            assert len(at.server.peers) == 2

    async def test_but_two_of_them_are_and_no_third_is_opened(self) -> None:
        async with connecting(settings=NONE, pace=replace(FAST, hold_limit=0.05)) as at:
            await at.connected()
            calls = [at.call() for _ in range(20)]
            await at.connected(2)
            await at.news.until(lambda: all(call.rejected for call in calls))
            late = at.call()
            await at.news.until(lambda: late.rejected)
            assert late.rejected == f"{at.server.endpoint} allows no calls (MAX_CONCURRENT_STREAMS 0)"
            assert len(at.server.peers) == 2


class TestSurplus:
    async def test_a_connection_that_carried_nothing_for_a_while_is_closed_with_a_goaway(self) -> None:
        async with connecting(settings=ONE) as at:
            await at.connected()
            calls = [at.call() for _ in range(3)]
            await at.news.until(lambda: all(call.connection for call in calls))
            calls[0].end()
            calls[1].end()
            _pass(at.pool, FAST.surplus)
            assert len(at.pool.connections) == 3
            _pass(at.pool, 1)
            for peer in at.server.peers[:2]:
                await peer.gone()
                assert peer.goaways == [(0, frames.NO_ERROR)]
            assert [len(each.streams) for each in at.pool.connections] == [1]
            assert at.turns == []

    async def test_the_last_one_stays(self) -> None:
        async with connecting(settings=ONE) as at:
            await at.connected()
            calls = [at.call() for _ in range(3)]
            await at.news.until(lambda: all(call.connection for call in calls))
            for call in calls:
                call.end()
            _pass(at.pool, 2 * FAST.surplus)
            for peer in at.server.peers[:2]:
                await peer.gone()
            await at.server.peers[2].sync()
            assert len(at.server.open) == 1
            assert at.pool.connected

    async def test_calls_that_come_and_go_between_two_looks_count(self) -> None:
        async with connecting(settings=ONE) as at:
            await at.connected()
            calls = [at.call() for _ in range(2)]
            await at.news.until(lambda: all(call.connection for call in calls))
            calls[1].end()
            for _ in range(3):
                _pass(at.pool, FAST.surplus - 1)
                at.call().end()
            _pass(at.pool, FAST.surplus - 1)
            assert len(at.pool.connections) == 2


async def _refuse(peer: Peer, *calls: Waiting) -> None:
    """As the endpoint does it, all at once."""
    ids = [call.stream.id for call in calls if call.stream is not None]
    peer.say(b"".join(frames.rst_stream(each, frames.REFUSED_STREAM) for each in ids))
    await peer.sync()


def _pass(pool: Pool, seconds: float) -> None:
    """Time, as the caretaker tells it."""
    for _ in range(round(seconds)):
        for connection in list(pool.connections):
            connection.on_second()


class TestLeaving:
    async def test_a_retired_endpoint_s_connection_closes_after_its_last_call(self) -> None:
        async with connecting() as at:
            peer = await at.connected()
            calls = [at.call(), at.call()]
            at.pool.retire()
            await peer.sync()
            calls[0].end()
            await peer.sync()
            assert not peer.closed
            calls[1].end()
            await peer.gone()
            assert len(at.server.peers) == 1

    async def test_it_takes_no_more_calls_and_tells_those_that_wait(self) -> None:
        async with connecting(acknowledges=False) as at:
            await at.server.connection()
            before = at.call()
            at.pool.retire()
            assert (before.rejected, at.call().rejected) == ("the endpoint has left",) * 2

    async def test_one_that_was_just_connecting_hangs_up(self) -> None:
        async with connecting(acknowledges=False) as at:
            peer = await at.server.connection()
            at.pool.retire()
            peer.acknowledge()
            await peer.gone()
            assert at.pool.connections == []


async def test_calls_under_way_and_waiting_are_in_flight() -> None:
    async with connecting(settings=ONE) as at:
        peer = await at.connected()
        at.server.refuse()
        calls = [at.call() for _ in range(3)]
        assert at.pool.in_flight == 3
        calls[0].end()
        assert at.pool.in_flight == 2
        peer.cut()
        await peer.gone()
        assert repr(at.pool).startswith(f"<Pool blue 127.0.0.1:{at.server.port} usable=")
        assert [len(list(group)) for _, group in itertools.groupby(at.turns)] in ([], [1])
