"""What `splitter.call` promises of a call whose endpoint fails: where it goes next, and when it must not."""

import asyncio
import time
from collections import Counter

import pytest

from mesh.http2 import frames
from mesh.http2.limits import CONNECTION_WINDOW
from splitter.deadline import parse
from splitter.recovery import MAX_TURNED_AWAY
from tests.splitter.rig import LOOPBACK, SAFE, UNSAFE, Pair, Rig, pair
from tests.splitter.wire import Exchange

REFUSED = frames.REFUSED_STREAM
DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE = 4, 13, 14
BOTH = pytest.mark.parametrize("path", [SAFE, UNSAFE], ids=["safe", "unsafe"])
TO_GREEN = {"split": {"blue": 0, "green": 100}}
"""A cut-over, so green serves and blue is the fallback."""


async def _unprocessed(call: Exchange) -> str:
    """The client is told so, and stopped if it still sends: what is said."""
    await call.end()
    assert (call.status, call.reset) in ((UNAVAILABLE, None), (UNAVAILABLE, frames.NO_ERROR))
    return call.message


class TestWhatWasNotProcessed:
    """A refused stream, a GOAWAY, a refused connection: sent again whatever the method."""

    @BOTH
    async def test_a_refused_stream_is_sent_whole_to_another_endpoint_of_its_color(self, path: bytes) -> None:
        async with pair() as at:
            second = await at.rig.endpoint("blue")
            await at.rig.connected(second)
            call = at.client.call(path, (b"x-user-id", b"7"), body=b"one", end=False)
            _, first = await at.rig.request()
            await first.until(lambda each: each.data == b"one")
            first.cancel(REFUSED)
            other = second if first.peer in at.blue.peers else at.blue
            again = await other.request()
            assert again.blocks == first.blocks
            call.send(b"two", end=True)
            await again.end()
            assert again.data == b"onetwo"
            again.answer(b"hello")
            await call.end()
            assert (call.data, call.fields[b"x-verdigris-color"]) == (b"hello", b"blue")
            assert at.rig.counted() == {("blue", "split", "OK"): 1}
            assert at.rig.observer.failed_legs == {("blue", "primary", "UNAVAILABLE"): 1}

    @BOTH
    async def test_what_a_goaway_leaves_out_goes_over_a_new_connection_and_the_rest_ends_where_it_is(
        self, path: bytes
    ) -> None:
        async with pair() as at:
            processed, unprocessed = at.client.call(path), at.client.call(path)
            kept, dropped = await at.blue.request(), await at.blue.request()
            kept.peer.goaway(kept.id)
            again = await at.blue.request()
            assert again.peer is not kept.peer
            assert again.data == dropped.data
            again.answer(b"new")
            kept.answer(b"old")
            assert (await processed.end()).data == b"old"
            assert (await unprocessed.end()).data == b"new"
            await kept.peer.gone()

    @BOTH
    async def test_a_refused_connection_is_tried_elsewhere(self, path: bytes) -> None:
        async with pair() as at:
            absent = await at.rig.backend("red")
            absent.refuse()
            at.rig.put({"split": {"blue": 0, "red": 100}})
            at.rig.register(absent)
            call = at.client.call(path)
            request = await at.blue.request()
            request.answer()
            assert (await call.end()).status == 0

    @BOTH
    async def test_a_call_that_waits_for_a_connection_goes_elsewhere_if_there_will_be_none(
        self, path: bytes
    ) -> None:
        async with pair() as at:
            hanging = await at.rig.endpoint("red", acknowledges=False)
            at.rig.put({"split": {"blue": 0, "red": 100}})
            peer = await hanging.connection()
            call = at.client.call(path)
            await at.client.sync()
            hanging.die()
            (await at.blue.request()).answer()
            assert (await call.end()).status == 0
            await peer.gone()
            assert at.rig.control.warnings == (
                "colour red has no healthy endpoint; its share is redistributed",
                at.rig.control.endpoints.pools[hanging.endpoint].problem,
            )

    async def test_if_nothing_else_takes_it_the_client_learns_that_it_was_not_processed(self) -> None:
        async with pair({"split": {"blue": 100}}) as at:
            call = at.client.call(UNSAFE)
            for _ in range(MAX_TURNED_AWAY + 1):  # it may only have been full, each time
                (await at.blue.request()).cancel(REFUSED)
            assert len(at.blue.peers) == 1
            why = f"it has been refused {MAX_TURNED_AWAY + 1} times"
            assert await _unprocessed(call) == f"{at.blue.endpoint} did not process the call, and {why}"
            assert at.rig.counted() == {("blue", "split", "UNAVAILABLE"): 1}


class TestWhatMayHaveBeenProcessed:
    """A lost connection, an UNAVAILABLE: sent again only if the method is safe to run twice."""

    async def test_a_safe_call_survives_a_lost_connection(self) -> None:
        async with pair() as at:
            call = at.client.call(SAFE)
            (await at.blue.request()).peer.cut()
            (await at.blue.request()).answer()
            assert (await call.end()).status == 0
            assert at.rig.observer.failed_legs == {("blue", "primary", "UNAVAILABLE"): 1}

    async def test_an_unsafe_call_is_never_sent_twice(self) -> None:
        async with pair() as at:
            call = at.client.call(UNSAFE)
            (await at.blue.request()).peer.cut()
            assert (await call.end()).status == UNAVAILABLE
            await at.blue.connection(2)
            assert await at.blue.quiet()
            assert await at.green.quiet()
            assert at.rig.observer.failed_legs == {}

    async def test_a_safe_call_that_is_told_unavailable_goes_to_another_endpoint_of_its_color(self) -> None:
        async with pair() as at:
            second = await at.rig.endpoint("blue")
            await at.rig.connected(second)
            call = at.client.call()
            _, first = await at.rig.request()
            first.refuse(UNAVAILABLE)
            other = second if first.peer in at.blue.peers else at.blue
            (await other.request()).answer()
            await call.end()
            assert (call.status, len(call.blocks)) == (0, 2)

    async def test_an_unsafe_call_that_is_told_unavailable_passes_that_on(self) -> None:
        async with pair() as at:
            call = at.client.call(UNSAFE)
            (await at.blue.request()).refuse(UNAVAILABLE, b"come again")
            await call.end()
            assert (call.status, call.message) == (UNAVAILABLE, "come again")
            assert call.fields[b"x-verdigris-color"] == b"blue"

    async def test_a_leaving_server_s_cancelled_is_no_answer(self) -> None:
        """grpc-core says so to calls that meet its shutdown; nobody cancelled them."""
        async with pair() as at:
            call = at.client.call()
            leaving = await at.blue.request()
            leaving.peer.goaway(leaving.id)
            leaving.refuse(1)
            (await at.blue.request()).answer()
            assert (await call.end()).status == 0

    async def test_a_cancelled_that_comes_before_its_server_s_goaway_is_no_answer_either(self) -> None:
        """Under load the two change places; the call goes to another endpoint, and not back."""
        async with pair(TO_GREEN) as at:
            call = at.client.call()
            (await at.green.request()).refuse(1)
            (await at.blue.request()).answer()
            assert (await call.end()).status == 0

    async def test_a_cancelled_of_the_only_endpoint_is_the_answer(self) -> None:
        async with pair({"split": {"blue": 100}}) as at:
            call = at.client.call()
            (await at.blue.request()).refuse(1)
            assert (await call.end()).status == 1

    async def test_another_failure_is_an_answer_and_not_sent_again(self) -> None:
        async with pair() as at:
            for status in (4, 13, 8):
                call = at.client.call()
                (await at.blue.request()).refuse(status)
                assert (await call.end()).status == status
            assert await at.blue.quiet()

    async def test_the_document_says_which_methods_are_safe(self) -> None:
        async with pair(TO_GREEN | {"methods": {"safe": ["/bank.Accounts/*"]}}) as at:
            call, infer = at.client.call(UNSAFE), at.client.call(SAFE)
            for _ in range(2):
                (await at.green.request()).refuse(UNAVAILABLE)
            assert (await infer.end()).status == UNAVAILABLE
            (await at.blue.request()).answer()
            assert (await call.end()).status == 0


class TestAcrossColors:
    async def test_a_canary_that_is_unavailable_is_served_by_the_other_color_and_counted(self) -> None:
        async with pair(TO_GREEN) as at:
            call = at.client.call()
            (await at.green.request()).refuse(UNAVAILABLE)
            (await at.blue.request()).answer(b"stable")
            await call.end()
            assert (call.data, call.status) == (b"stable", 0)
            assert call.fields[b"x-verdigris-color"] == b"blue"
            assert at.rig.counted() == {("blue", "fallback", "OK"): 1}
            assert at.rig.observer.legs() == {
                ("green", "primary", "UNAVAILABLE"): 1,
                ("blue", "fallback", "OK"): 1,
            }

    async def test_without_fallback_the_call_stays_with_its_color(self) -> None:
        async with pair({"split": {"blue": 50, "green": 50}, "fallback": False}) as at:
            calls = [at.client.call(), at.client.call()]
            (await at.green.request()).refuse(UNAVAILABLE, b"overloaded")
            (await at.blue.request()).answer()
            assert sorted([(await call.end()).status or 0 for call in calls]) == [0, UNAVAILABLE]
            assert await at.blue.quiet()
            assert at.rig.observer.failed_legs == {}

    async def test_the_heaviest_other_color_is_tried_first(self) -> None:
        async with pair(TO_GREEN) as at:
            red = await at.rig.endpoint("red")
            at.rig.put({"split": {"blue": 1, "red": 9, "green": 90}})
            await at.rig.connected(red)
            call = at.client.call()
            (await at.green.request()).refuse(UNAVAILABLE)
            (await red.request()).answer()
            assert (await call.end()).fields[b"x-verdigris-color"] == b"red"

    async def test_an_override_to_a_failing_color_falls_back_too(self) -> None:
        override = {"metadata": {"x-tester": "1"}, "color": "red"}
        async with pair({"split": {"blue": 100}, "overrides": [override]}) as at:
            red = await at.rig.endpoint("red")
            await at.rig.connected(red)
            call = at.client.call(SAFE, (b"x-tester", b"1"))
            (await red.request()).refuse(UNAVAILABLE)
            (await at.blue.request()).answer()
            assert (await call.end()).status == 0
            assert at.rig.counted() == {("blue", "fallback", "OK"): 1}


class TestADocumentThatChangesMeanwhile:
    """A call that still waits for its first endpoint obeys the document that takes this endpoint away."""

    @BOTH
    async def test_without_fallback_too_it_goes_where_the_new_one_says(self, path: bytes) -> None:
        async with pair({"split": {"blue": 100}}) as at:
            red = await at.rig.endpoint("red", acknowledges=False)
            at.rig.put({"split": {"red": 100}, "fallback": False})
            await red.connection()
            call = at.client.call(path)
            await at.client.sync()
            revision = at.rig.put({"split": {"green": 100}, "fallback": False})
            request = await at.green.request()
            (serving,) = [stream for each in at.rig.switch.clients for stream in each.streams.values()]
            assert serving.table.revision == revision  # type: ignore[attr-defined]
            request.answer()
            assert (await call.end()).status == 0
            assert at.rig.counted() == {("green", "split", "OK"): 1}
            assert at.rig.observer.failed_legs == {}

    async def test_by_the_new_key_and_the_new_overrides(self) -> None:
        async with pair({"split": {"blue": 100}}) as at:
            red = await at.rig.endpoint("red", acknowledges=False)
            at.rig.put({"split": {"red": 100}, "fallback": False})
            await red.connection()
            calls = [at.client.call(UNSAFE, (b"x-user", b"7")), at.client.call(UNSAFE, (b"x-tester", b"1"))]
            await at.client.sync()
            override = {"metadata": {"x-tester": "1"}, "color": "green"}
            document = {"split": {"blue": 100}, "key": {"metadata": "x-user"}, "overrides": [override]}
            at.rig.put(document | {"fallback": False})
            (await at.blue.request()).answer()
            (await at.green.request()).answer()
            assert [(await call.end()).status for call in calls] == [0, 0]
            assert at.rig.counted() == {("blue", "key", "OK"): 1, ("green", "override", "OK"): 1}

    async def test_what_leads_nowhere_is_told_so(self) -> None:
        async with pair({"split": {"blue": 100}}) as at:
            red = await at.rig.endpoint("red", acknowledges=False)
            at.rig.put({"split": {"red": 100}, "fallback": False})
            await red.connection()
            call = at.client.call(UNSAFE)
            await at.client.sync()
            at.rig.put({"split": {"black": 100}, "fallback": False})
            await call.end()
            assert (call.status, call.message) == (UNAVAILABLE, "the endpoint has left")


class TestAnEndpointThatIsFull:
    """It refuses streams that its SETTINGS allow, as gRPC servers do whose handlers outlive their answers."""

    async def test_a_refused_call_waits_and_is_served_by_the_same_endpoint(self) -> None:
        async with pair({"split": {"blue": 100}}) as at:
            first, second = at.client.call(UNSAFE), at.client.call(UNSAFE)
            served, refused = await at.blue.request(), await at.blue.request()
            refused.cancel(REFUSED)
            (await at.blue.request()).answer(b"second")
            assert (await second.end()).data == b"second"
            served.answer(b"first")
            assert (await first.end()).data == b"first"
            assert at.rig.observer.resends == {"refused": 1}

    async def test_another_endpoint_with_room_has_it_at_once(self) -> None:
        async with pair({"split": {"blue": 100}}) as at:
            other = await at.rig.endpoint("blue")
            await at.rig.connected(other)
            call = at.client.call(UNSAFE)
            backend, request = await at.rig.request()
            request.cancel(REFUSED)
            again, request = await at.rig.request()
            assert again is not backend
            request.answer()
            assert (await call.end()).status == 0

    async def test_no_call_fails_though_many_are_refused_again_and_again(self) -> None:
        async with pair({"split": {"blue": 100}}) as at:
            calls = [at.client.call(UNSAFE, (b"x-number", b"%d" % number)) for number in range(60)]
            refused: Counter[bytes] = Counter()
            while not all(call.over for call in calls):
                _, request = await at.rig.request()
                number = request.fields[b"x-number"]
                if refused[number] < 3 and request.id % 3:
                    refused[number] += 1
                    request.cancel(REFUSED)
                else:
                    request.answer()
                    await calls[int(number)].end()
            assert {call.status for call in calls} == {0}

    async def test_an_outage_of_the_budget_is_none_of_its_business(self) -> None:
        """Nothing was processed: gRPC's transparent retries are not throttled either (gRFC A6)."""
        async with pair({"split": {"blue": 100}}) as at:
            while at.rig.switch._budget.take(now=time.monotonic(), calls=0):
                pass
            call = at.client.call(UNSAFE)
            (await at.blue.request()).cancel(REFUSED)
            (await at.blue.request()).answer()
            assert (await call.end()).status == 0

    async def test_a_connection_that_refuses_gets_no_more_than_it_took(self) -> None:
        async with pair({"split": {"blue": 100}}) as at:
            calls = [at.client.call() for _ in range(6)]
            requests = [await at.blue.request() for _ in calls]
            for request in requests[4:]:
                request.cancel(REFUSED)
            await at.client.sync()
            await requests[0].peer.sync()
            pool = next(iter(at.rig.control.endpoints.pools.values()))
            assert (pool.connections[0].allowance, pool.connections[0].has_room) == (0, False)
            for request in requests[:4]:
                request.answer()
            for _ in range(2):
                (await at.blue.request()).answer()
            assert {(await call.end()).status for call in calls} == {0}
            while not pool.connections[0].allowance:  # it rests for a moment
                await at.client.sync()
            assert pool.connections[0].allowance == 4


class TestAQueryOfDeath:
    """A connection that ends through an error of the protocol: one of its calls may be the cause."""

    @BOTH
    async def test_is_sent_once_more_and_not_twice(self, path: bytes) -> None:
        async with pair({"split": {"blue": 34, "green": 33, "red": 33}}) as at:
            red = await at.rig.endpoint("red")
            await at.rig.connected(red)
            call = at.client.call(path)
            for _ in range(2):
                _, request = await at.rig.request()
                request.peer.goaway(0, frames.ENHANCE_YOUR_CALM)
            assert "ended through an error of the protocol" in await _unprocessed(call)
            assert all([await backend.quiet() for backend in at.rig.backends])

    async def test_nor_where_it_is_we_who_end_the_connection(self) -> None:
        async with pair({"split": {"blue": 34, "green": 33, "red": 33}}) as at:
            red = await at.rig.endpoint("red")
            await at.rig.connected(red)
            call = at.client.call(SAFE)
            for _ in range(2):
                _, request = await at.rig.request()
                request.peer.say(frames.headers(request.id, b"\xff\xff\xff\xff\xff", 0))
            assert (await call.end()).status == UNAVAILABLE
            assert all([await backend.quiet() for backend in at.rig.backends])
            assert at.rig.observer.faults == {("upstream", "compression"): 2}

    async def test_a_goaway_without_an_error_is_no_suspicion(self) -> None:
        async with pair({"split": {"blue": 100}}) as at:
            call = at.client.call(UNSAFE)
            for _ in range(2):
                request = await at.blue.request()
                request.peer.goaway(0)
            (await at.blue.request()).answer()
            assert (await call.end()).status == 0


class TestItsTime:
    """`grpc-timeout` is the client's: what is resent has what is left of it."""

    async def test_what_is_sent_again_has_less_time(self) -> None:
        async with pair() as at:
            call = at.client.call(SAFE, (b"grpc-timeout", b"5S"), (b"x-user-id", b"7"))
            request = await at.blue.request()
            assert request.fields[b"grpc-timeout"] == b"5S"
            await asyncio.sleep(0.02)
            request.peer.cut()
            _, again = await at.rig.request()
            left = parse(again.fields[b"grpc-timeout"])
            assert left is not None
            assert 1e9 < left < 4.98e9
            assert again.fields[b"x-user-id"] == b"7"
            again.answer()
            assert (await call.end()).status == 0

    async def test_so_has_what_waited_for_a_connection(self) -> None:
        async with pair() as at:
            red = await at.rig.endpoint("red", acknowledges=False)
            at.rig.put({"split": {"red": 100}})
            peer = await red.connection()
            at.client.call(SAFE, (b"grpc-timeout", b"5S"))
            await at.client.sync()
            await asyncio.sleep(0.02)
            peer.acknowledge()
            left = parse((await red.request()).fields[b"grpc-timeout"])
            assert left is not None
            assert 1e9 < left < 4.98e9

    async def test_a_call_whose_time_passes_while_it_waits_is_told_so_and_forgotten(self) -> None:
        async with pair() as at:
            red = await at.rig.endpoint("red", acknowledges=False)
            at.rig.put({"split": {"red": 100}})
            peer = await red.connection()
            call = await at.client.call(SAFE, (b"grpc-timeout", b"20m")).end()
            assert call.status == DEADLINE_EXCEEDED
            peer.acknowledge()
            assert await red.quiet()
            assert at.rig.switch.in_flight == 0
            assert at.rig.counted() == {("red", "split", "DEADLINE_EXCEEDED"): 1}

    async def test_what_has_no_time_left_is_not_sent_again(self) -> None:
        async with pair() as at:
            call = at.client.call(SAFE, (b"grpc-timeout", b"20m"))
            request = await at.blue.request()
            await asyncio.sleep(0.025)
            request.peer.cut()
            assert (await call.end()).status == DEADLINE_EXCEEDED
            assert await at.green.quiet()

    async def test_a_timeout_that_is_none_passes_as_it_is(self) -> None:
        async with pair() as at:
            call = at.client.call(SAFE, (b"grpc-timeout", b"soon"))
            (await at.blue.request()).peer.cut()
            _, again = await at.rig.request()
            assert again.fields[b"grpc-timeout"] == b"soon"
            again.answer()
            assert (await call.end()).status == 0


class TestNever:
    async def test_after_the_first_frame_of_the_answer(self) -> None:
        async with pair() as at:
            calls = [at.client.call() for _ in range(3)]
            refused, unavailable, lost = [await at.blue.request() for _ in range(3)]
            for request in (refused, unavailable, lost):
                request.headers((b":status", b"200"))
            refused.cancel(REFUSED)
            assert (await calls[0].end()).reset == REFUSED
            unavailable.trail(UNAVAILABLE)
            assert (await calls[1].end()).status == UNAVAILABLE
            lost.peer.cut()
            assert (await calls[2].end()).status == UNAVAILABLE
            assert await at.green.quiet()
            assert len([exchange for peer in at.blue.peers for exchange in peer.exchanges]) == 3

    async def test_not_even_when_that_frame_was_malformed(self) -> None:
        """DATA before HEADERS has been passed on already, or was the endpoint's fault: both end the call."""
        async with pair() as at:
            call = at.client.call(UNSAFE)
            request = await at.blue.request()
            request.send(b"no headers")
            request.refuse(UNAVAILABLE)
            assert (await call.end()).status == INTERNAL
            assert await at.green.quiet()

    async def test_more_than_three_attempts(self) -> None:
        async with pair({"split": {"blue": 25, "green": 25, "red": 25, "black": 25}}) as at:
            red, black = await at.rig.endpoint("red"), await at.rig.endpoint("black")
            await at.rig.connected(red, black)
            call = at.client.call()
            for number in range(3):
                (await at.rig.request())[1].refuse(UNAVAILABLE, b"attempt %d" % number)
            await call.end()
            assert (call.status, call.message) == (UNAVAILABLE, "attempt 2")
            assert all([await backend.quiet() for backend in at.rig.backends])
            assert sum(at.rig.observer.legs().values()) == 3

    async def test_more_than_the_budget_allows(self) -> None:
        """100 saved up, 10 a second and a fifth of the calls: an outage gets no storm of repetitions."""
        async with pair() as at:
            started, calls = time.monotonic(), 200
            for _ in range(calls):
                call = at.client.call()
                while not call.over:
                    for backend in at.rig.backends:
                        if request := backend.arrived():
                            request.refuse(UNAVAILABLE)
                    await at.client.sync()
            seconds = time.monotonic() - started
            repeated = sum(at.rig.observer.failed_legs.values())
            assert 130 <= repeated <= 100 + 10 * seconds + calls / 5 + 1

    @pytest.mark.parametrize("how", ["is refused", "is above the last id of a goaway"])
    async def test_when_more_than_64_kib_of_the_request_are_gone(self, how: str) -> None:
        async with pair() as at:
            call = at.client.call(body=b"a" * 60_000, end=False)
            request = await at.blue.request()
            call.send(b"b" * 6_000)
            await request.until(lambda each: len(each.data) == 66_000)
            request.cancel(REFUSED) if how == "is refused" else request.peer.goaway(0)
            why = "only requests of up to 64 KiB are kept to be sent again"
            assert await _unprocessed(call) == f"{at.blue.endpoint} did not process the call, and {why}"
            await request.peer.sync()
            assert await at.blue.quiet()
            assert at.rig.counted() == {("blue", "split", "UNAVAILABLE"): 1}

    async def test_when_it_came_in_more_pieces_than_are_worth_keeping(self) -> None:
        async with pair() as at:
            call = at.client.call(body=None, end=False)
            request = await at.blue.request()
            for _ in range(1_025):
                call.send(b"x")
            await request.until(lambda each: len(each.data) == 1_025)
            request.cancel(REFUSED)
            await _unprocessed(call)

    async def test_after_the_client_has_cancelled(self) -> None:
        async with pair() as at:
            call = at.client.call()
            request = await at.blue.request()
            call.cancel()
            await request.end()
            request.peer.cut()
            await at.blue.connection(2)
            assert await at.blue.quiet()
            assert await at.green.quiet()


async def test_the_largest_request_that_is_kept_is_sent_again_whole() -> None:
    async with pair() as at:
        call = at.client.call(body=b"a" * 60_000, end=False)
        request = await at.blue.request()
        call.send(b"b" * 5_536, end=True)
        await request.end()
        request.cancel(REFUSED)
        again = await (await at.blue.request()).end()
        assert again.data == b"a" * 60_000 + b"b" * 5_536
        again.answer()
        assert (await call.end()).status == 0


ENDINGS = (
    *(
        "is served",
        "is sent again",
        "is sent again while it goes on",
        "is lost",
        "is refused",
        "is cancelled",
    ),
    *("waits and is served", "waits and is cancelled", "waits and is rejected", "waits and goes elsewhere"),
    *("is answered early", "is longer than what is kept"),
)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_the_client_is_credited_exactly_once_for_each_byte_however_its_call_ends(ending: str) -> None:
    """Less, and its connection would stop one day; more, and it could send without end."""
    async with pair({"split": {"blue": 100}, "fallback": ending == "waits and goes elsewhere"}) as at:
        connection = next(iter(at.rig.switch.clients))
        if "waits" in ending:
            red = await at.rig.endpoint("red", acknowledges=False)
            at.rig.put({"split": {"blue": 0, "red": 100}, "fallback": ending == "waits and goes elsewhere"})
            peer = await red.connection()
        call = at.client.call(UNSAFE, body=b"a" * 20_000, end=False)
        call.send(b"b" * 20_000)
        await at.client.sync()
        match ending:
            case "waits and is served":
                peer.acknowledge()
                request = await red.request()
                call.send(b"c" * 20_000, end=True)
                (await request.end()).answer()
            case "waits and is cancelled":
                call.cancel()
            case "waits and is rejected":
                red.die()
            case "waits and goes elsewhere":
                red.die()
                call.send(b"c" * 20_000, end=True)
                (await (await at.blue.request()).end()).answer()
            case _:
                request = await at.blue.request()
                await request.until(lambda each: len(each.data) == 40_000)
                await _end(ending, at, call, request)
        if "cancelled" not in ending:
            await call.end()
        await at.client.sync()
        assert at.rig.switch.in_flight == 0
        assert connection.recv_window + connection._credit == CONNECTION_WINDOW


async def _end(ending: str, at: Pair, call: Exchange, request: Exchange) -> None:
    match ending:
        case "is served":
            call.send(b"c" * 20_000, end=True)
            (await request.end()).answer()
        case "is sent again":
            call.send(b"c" * 20_000, end=True)
            (await request.end()).cancel(REFUSED)
            (await (await at.blue.request()).end()).answer()
        case "is sent again while it goes on":
            request.cancel(REFUSED)
            again = await at.blue.request()
            call.send(b"c" * 20_000, end=True)
            (await again.end()).answer()
        case "is lost":
            request.peer.cut()
        case "is refused":
            request.refuse(UNAVAILABLE)
            request.cancel(frames.NO_ERROR)
        case "is cancelled":
            call.cancel()
            await request.until(lambda each: each.reset is not None)
        case "is answered early":
            request.answer()
            request.cancel(frames.NO_ERROR)
            call.send(b"c" * 20_000)
        case "is longer than what is kept":
            call.send(b"c" * 30_000, end=True)
            (await request.end()).answer()


async def test_a_call_that_nobody_can_take_is_told_who_was_wanted() -> None:
    async with Rig() as rig:
        rig.put({"split": {"blue": 90, "green": 10}})
        client = await rig.client()
        call = await client.call().end()
        assert (call.status, call.fields[b":status"]) == (UNAVAILABLE, b"200")
        assert call.message == "no healthy endpoint of service recommender for blue, green (revision 1)"
        assert rig.counted() == {("", "", "UNAVAILABLE"): 1}


async def test_a_call_whose_only_endpoint_refuses_connections_is_told_which() -> None:
    async with Rig() as rig:
        absent = await rig.backend("blue")
        absent.refuse()
        client = await rig.client()
        rig.register(absent)
        call = await client.call().end()
        assert call.status == UNAVAILABLE
        assert f"cannot connect to blue {LOOPBACK}:{absent.port}" in call.message
