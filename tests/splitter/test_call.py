"""What `splitter.call` promises of one call: it passes as it is, in both directions, however either side ends it."""

import asyncio

import pytest

from mesh.http2 import frames
from mesh.http2.limits import CONNECTION_WINDOW
from tests.splitter.rig import SAFE, UNSAFE, Client, Pair, Rig, pair
from tests.splitter.wire import WIDE

CANCEL, NO_ERROR, INTERNAL = frames.CANCEL, frames.NO_ERROR, frames.INTERNAL_ERROR
UNAVAILABLE = 14


class TestTheWayThere:
    async def test_the_endpoint_sees_the_request_as_the_client_wrote_it(self) -> None:
        async with pair() as at:
            at.client.call(SAFE, (b"x-user-id", b"7"), (b"x-bin", b"AP8"), (b"grpc-timeout", b"1S"))
            request = await (await at.blue.request()).end()
            assert request.blocks == [
                [
                    (b":method", b"POST"),
                    (b":scheme", b"http"),
                    (b":path", SAFE),
                    (b":authority", b"recommender"),
                    (b"content-type", b"application/grpc"),
                    (b"te", b"trailers"),
                    (b"x-user-id", b"7"),
                    (b"x-bin", b"AP8"),
                    (b"grpc-timeout", b"1S"),
                ]
            ]
            assert request.data == b"question"

    async def test_what_only_the_splitter_may_say_never_comes_from_a_client(self) -> None:
        """Or a client could pass for a shadow, and its writes would be thrown away."""
        async with pair() as at:
            at.client.call(SAFE, (b"x-verdigris-role", b"shadow"), (b"x-user-id", b"7"))
            request = await at.blue.request()
            assert b"x-verdigris-role" not in request.fields
            assert request.fields[b"x-user-id"] == b"7"

    async def test_of_two_deadlines_and_two_traces_the_endpoint_gets_the_last(self) -> None:
        async with pair() as at:
            parents = [b"00-" + letter * 32 + b"-" + letter * 16 + b"-01" for letter in (b"a", b"b")]
            twice = [(b"traceparent", parents[0]), (b"grpc-timeout", b"1S"), (b"grpc-timeout", b"2S")]
            at.client.call(SAFE, *twice, (b"traceparent", parents[1]))
            request = await at.blue.request()
            assert request.fields[b"traceparent"] == parents[1]
            assert request.fields[b"grpc-timeout"] == b"2S"

    async def test_each_part_of_a_request_is_passed_on_when_it_comes(self) -> None:
        async with pair() as at:
            call = at.client.call(body=b"one", end=False)
            request = await at.blue.request()
            await request.until(lambda each: each.data == b"one" and not each.ended)
            call.send(b"two")
            await request.until(lambda each: each.data == b"onetwo" and not each.ended)
            call.send(end=True)
            await request.end()

    async def test_trailers_of_a_request_are_passed_on(self) -> None:
        async with pair() as at:
            call = at.client.call(end=False)
            call.headers((b"x-checksum", b"1"), end=True)
            request = await (await at.blue.request()).end()
            assert request.blocks[1:] == [[(b"x-checksum", b"1")]]

    async def test_a_call_that_has_to_wait_for_a_connection_loses_nothing(self) -> None:
        async with pair() as at:
            red = await at.rig.endpoint("red", acknowledges=False)
            at.rig.put({"split": {"red": 100}})
            peer = await red.connection()
            call = at.client.call(body=b"a" * 40_000, end=False)
            await at.client.sync()
            assert await red.quiet(), "a connection is used before it has acknowledged our SETTINGS"
            peer.acknowledge()
            request = await red.request()
            await request.until(lambda each: len(each.data) == 40_000 and not each.ended)
            call.send(b"b" * 20_000, end=True)
            await request.end()
            assert request.data == b"a" * 40_000 + b"b" * 20_000
            request.answer()
            assert (await call.end()).status == 0

    async def test_a_request_of_headers_alone_leaves_nothing_behind(self) -> None:
        async with pair() as at:
            call = at.client.call(body=None)
            request = await (await at.blue.request()).end()
            request.answer()
            await call.end()
            await at.client.sync()
            assert at.rig.switch.in_flight == 0
            assert {pool.in_flight for pool in at.rig.control.endpoints.pools.values()} == {0}


class TestTheWayBack:
    async def test_the_answer_says_which_color_gave_it_and_else_nothing_new(self) -> None:
        async with pair() as at:
            call = at.client.call()
            request = await at.blue.request()
            request.headers((b":status", b"200"), (b"content-type", b"application/grpc"), (b"x-own", b"1"))
            request.send(b"answer")
            request.headers((b"grpc-status", b"3"), (b"grpc-status-details-bin", b"CAM"), end=True)
            await call.end()
            assert call.blocks == [
                [
                    (b":status", b"200"),
                    (b"content-type", b"application/grpc"),
                    (b"x-own", b"1"),
                    (b"x-verdigris-color", b"blue"),
                ],
                [(b"grpc-status", b"3"), (b"grpc-status-details-bin", b"CAM")],
            ]
            assert call.data == b"answer"
            assert at.rig.counted() == {("blue", "split", "INVALID_ARGUMENT"): 1}

    async def test_an_answer_of_trailers_alone_says_its_color_too(self) -> None:
        async with pair() as at:
            call = at.client.call()
            (await at.blue.request()).refuse(5, b"no such model")
            await call.end()
            assert call.fields[b"x-verdigris-color"] == b"blue"
            assert (call.status, call.message, len(call.blocks)) == (5, "no such model", 1)

    async def test_interim_answers_pass_untouched_and_the_real_one_says_its_color_once(self) -> None:
        async with pair() as at:
            call = at.client.call()
            request = await at.blue.request()
            request.headers((b":status", b"103"), (b"link", b"</a>"))
            request.headers((b":status", b"100"))
            request.answer()
            await call.end()
            assert call.blocks[0] == [(b":status", b"103"), (b"link", b"</a>")]
            assert call.blocks[1] == [(b":status", b"100")]
            assert call.blocks[2][-1] == (b"x-verdigris-color", b"blue")
            assert call.blocks[3] == [(b"grpc-status", b"0")]

    async def test_an_answer_without_trailers_is_passed_on_and_counted(self) -> None:
        """Not gRPC, but HTTP/2: the client decides what it means."""
        async with pair() as at:
            call = at.client.call()
            request = await at.blue.request()
            request.headers((b":status", b"200"))
            request.send(b"page", end=True)
            await call.end()
            assert (call.data, call.reset) == (b"page", None)
            await at.client.sync()
            assert at.rig.counted() == {("blue", "split", "UNKNOWN"): 1}
            assert at.rig.switch.in_flight == 0

    async def test_a_status_nobody_knows_is_counted_as_unknown(self) -> None:
        async with pair() as at:
            for status in (b"99", b"-1", b"", b"1" * 40):
                call = at.client.call()
                (await at.blue.request()).headers((b":status", b"200"), (b"grpc-status", status), end=True)
                await call.end()
                assert call.trailers[b"grpc-status"] == status
            assert at.rig.counted() == {("blue", "split", "UNKNOWN"): 4}


class TestEarlyAnswers:
    """The endpoint answers before the client has said everything."""

    async def test_the_client_has_the_whole_answer_and_is_told_to_stop(self) -> None:
        async with pair() as at:
            call = at.client.call(body=b"part", end=False)
            request = await at.blue.request()
            request.answer(b"enough", status=8)
            request.cancel(NO_ERROR)
            await call.until(lambda each: each.ended and each.reset == NO_ERROR)
            assert (call.data, call.status) == (b"enough", 8)
            call.send(b"too late", end=True)
            await at.client.sync()
            assert await at.blue.quiet()
            assert request.data == b"part"
            assert at.rig.counted() == {("blue", "split", "RESOURCE_EXHAUSTED"): 1}

    async def test_without_a_reset_the_client_may_go_on_until_it_has_finished(self) -> None:
        async with pair() as at:
            call = at.client.call(body=b"part", end=False)
            request = await at.blue.request()
            request.answer()
            await call.end()
            call.send(b" and more", end=True)
            await request.until(lambda each: each.data == b"part and more" and each.ended)
            await at.client.sync()
            assert at.rig.switch.in_flight == 0

    @pytest.mark.parametrize("trailers", [True, False])
    async def test_what_nobody_reads_of_the_request_is_let_go(self, trailers: bool) -> None:
        """An endpoint that neither reads on nor resets must not keep the client's window, nor its own stream."""
        async with Rig() as rig:
            blue = await rig.endpoint("blue", settings={frames.INITIAL_WINDOW_SIZE: 10})
            rig.put({"split": {"blue": 100}})
            await rig.connected(blue)
            client = await rig.client()
            call = client.call(body=b"x", end=False)
            request = await blue.request()
            if trailers:
                request.answer(b"enough")
            else:
                request.headers((b":status", b"502"))
                request.send(b"Bad Gateway", end=True)
            await call.end()
            call.send(bytes(16_000))
            assert (await request.until(lambda each: each.reset is not None)).reset == CANCEL
            call.send(bytes(16_000), end=True)
            await client.sync()
            (connection,) = rig.switch.clients
            assert connection._credit + connection.recv_window == connection.window
            assert rig.switch.in_flight == 0

    async def test_a_reset_behind_the_answer_cuts_nothing_off_for_a_slow_client(self) -> None:
        """gRPC servers end early with trailers and RST_STREAM(NO_ERROR); the client's window may be closed then."""
        async with pair() as at:
            slow = await at.rig.client(settings={frames.INITIAL_WINDOW_SIZE: 10})
            call = slow.call(body=b"part", end=False)
            request = await at.blue.request()
            request.answer(b"x" * 5_000)
            request.cancel(NO_ERROR)
            await request.peer.sync()
            slow.say(frames.window_update(call.id, 10_000))
            await call.end()
            assert (call.data, call.status) == (b"x" * 5_000, 0)

    async def test_a_connection_lost_behind_the_answer_cuts_nothing_off_for_a_slow_client(self) -> None:
        async with pair() as at:
            slow = await at.rig.client(settings={frames.INITIAL_WINDOW_SIZE: 10})
            call = slow.call(body=b"part", end=False)
            request = await at.blue.request()
            request.answer(b"x" * 5_000)
            await request.peer.sync()
            request.peer.cut()
            await at.blue.connection(2)
            call.send(b"nobody reads this")
            slow.say(frames.window_update(call.id, 10_000))
            await call.end()
            assert (call.data, call.status) == (b"x" * 5_000, 0)
            assert at.rig.counted() == {("blue", "split", "OK"): 1}

    async def test_what_the_endpoint_has_not_taken_of_the_request_is_dropped(self) -> None:
        """It has answered without reading on, and without a reset: it would never take the rest."""
        async with pair() as at:
            red = await at.rig.endpoint("red", settings={frames.INITIAL_WINDOW_SIZE: 10})
            at.rig.put({"split": {"red": 100}})
            await at.rig.connected(red)
            connection = next(iter(at.rig.switch.clients))
            call = at.client.call(body=b"x" * 50_000, end=False)
            request = await red.request()
            await request.until(lambda each: len(each.data) == 10)
            request.answer()
            await call.end()
            assert (await request.until(lambda each: each.reset is not None)).reset == CANCEL
            call.send(b"y" * 1_000, end=True)
            await at.client.sync()
            assert at.rig.switch.in_flight == 0
            assert connection.recv_window + connection._credit == CONNECTION_WINDOW
            assert {pool.in_flight for pool in at.rig.control.endpoints.pools.values()} == {0}

    async def test_a_cancel_behind_it_is_no_second_outcome(self) -> None:
        async with pair() as at:
            call = at.client.call(body=b"part", end=False)
            request = await at.blue.request()
            request.answer()
            await call.end()
            call.cancel()
            await request.until(lambda each: each.reset == CANCEL)
            assert at.rig.counted() == {("blue", "split", "OK"): 1}


class TestCancelling:
    async def test_a_cancel_of_the_client_reaches_the_endpoint_with_its_code(self) -> None:
        async with pair() as at:
            for code in (CANCEL, INTERNAL):
                call = at.client.call(end=False)
                request = await at.blue.request()
                call.cancel(code)
                assert (await request.end()).reset == code
            assert at.rig.counted() == {("blue", "split", "CANCELLED"): 2}

    async def test_a_client_that_is_gone_has_cancelled_its_calls(self) -> None:
        async with pair() as at:
            other = await at.rig.client()
            other.call(end=False)
            other.call(end=True)
            requests = [await at.blue.request(), await at.blue.request()]
            other.cut()
            for request in requests:
                await request.until(lambda each: each.reset == CANCEL)
            assert at.rig.switch.in_flight == 0

    async def test_who_cancels_when_the_answer_has_begun_has_got_something_for_its_cost(self) -> None:
        """The first of a stream of answers may be all that it wanted: no rapid reset, however many."""
        async with pair({"split": {"blue": 100}}) as at:
            for answered in (False, True):
                call = at.client.call(UNSAFE)
                request = await at.blue.request()
                if answered:
                    request.headers((b":status", b"200"))
                    await call.until(lambda each: each.blocks)
                call.cancel()
                await request.until(lambda each: each.reset is not None)
            (connection,) = at.rig.switch.clients
            assert connection._early_ends == 1

    async def test_a_call_cancelled_while_it_waits_for_a_connection_never_reaches_the_endpoint(self) -> None:
        async with pair() as at:
            red = await at.rig.endpoint("red", acknowledges=False)
            at.rig.put({"split": {"red": 100}})
            peer = await red.connection()
            at.client.call(SAFE, (b"x-number", b"1")).cancel()
            at.client.call(SAFE, (b"x-number", b"2"))
            await at.client.sync()
            peer.acknowledge()
            assert (await red.request()).fields[b"x-number"] == b"2"
            assert await red.quiet()

    async def test_an_endpoint_s_reset_reaches_the_client_with_its_code_and_is_counted(self) -> None:
        async with pair() as at:
            for code, status in ((CANCEL, "CANCELLED"), (INTERNAL, "INTERNAL"), (0xB, "RESOURCE_EXHAUSTED")):
                call = at.client.call()
                (await at.blue.request()).cancel(code)
                assert (await call.end()).reset == code
                assert at.rig.counted()["blue", "split", status] == 1


class TestALostEndpoint:
    async def test_after_its_headers_the_client_gets_trailers_that_say_unavailable(self) -> None:
        async with pair() as at:
            call = at.client.call(end=False)
            request = await at.blue.request()
            request.headers((b":status", b"200"))
            request.send(b"half")
            await call.until(lambda each: each.data == b"half")
            request.peer.cut()
            await call.until(lambda each: each.ended and each.reset == NO_ERROR)
            assert (call.data, call.status, len(call.blocks)) == (b"half", UNAVAILABLE, 2)
            assert call.message == f"the connection to blue 127.0.0.1:{at.blue.port} was lost"
            assert at.rig.counted() == {("blue", "split", "UNAVAILABLE"): 1}

    async def test_before_its_headers_a_method_that_is_not_safe_gets_unavailable_as_its_whole_answer(
        self,
    ) -> None:
        async with pair() as at:
            call = at.client.call(UNSAFE)
            (await at.blue.request()).peer.cut()
            await call.end()
            assert (call.status, call.fields[b":status"]) == (UNAVAILABLE, b"200")
            assert await at.green.quiet()

    async def test_what_a_client_still_sends_to_it_never_uses_up_the_client_s_connection(self) -> None:
        """The trailers wait behind data that the client does not take, so its stream stays open."""
        async with pair() as at:
            slow = await at.rig.client(settings={frames.INITIAL_WINDOW_SIZE: 10})
            granted = slow.granted
            for _ in range(
                90
            ):  # 90 × 60 000 bytes: beyond the step of 4 MiB in which connections are credited
                await self._lose(at, slow)
            await slow.sync()
            assert slow.granted > granted

    async def _lose(self, at: Pair, slow: Client) -> None:
        proof = at.client.call()  # a connection that has served is replaced at once
        (await at.blue.request()).answer()
        await proof.end()
        call = slow.call(UNSAFE, body=None, end=False)
        request = await at.blue.request()
        request.headers((b":status", b"200"))
        request.send(b"x" * 100)
        await request.peer.sync()
        connections = len(at.blue.peers)
        request.peer.cut()
        await (await at.blue.connection(connections + 1)).sync()
        call.send(b"y" * 60_000)


class TestAMalformedAnswer:
    """It must not be passed on (RFC 9113, 8.1.1); gRPC reads a PROTOCOL_ERROR as INTERNAL, and so do clients here."""

    BAD = pytest.mark.parametrize(
        ("block", "end"),
        [
            ([(b":status", b"200"), (b"Bad Name", b"1")], False),
            ([(b"content-type", b"application/grpc")], False),
            ([(b"grpc-status", b"0")], True),
            ([(b":status", b"2x0")], False),
            ([(b":status", b"20")], False),
            ([(b":status", b"200"), (b":status", b"200")], False),
            ([(b"content-type", b"application/grpc"), (b":status", b"200")], False),
            ([(b":status", b"200"), (b":path", b"/")], False),
            ([(b":status", b"101")], False),
            ([(b":status", b"100")], True),
        ],
    )

    @BAD
    async def test_costs_its_own_call_only_and_says_who_sent_it(
        self, block: list[tuple[bytes, bytes]], end: bool
    ) -> None:
        async with pair() as at:
            good, bad = at.client.call(UNSAFE), at.client.call(UNSAFE)
            served, spoiled = await at.blue.request(), await at.blue.request()
            spoiled.headers(*block, end=end)
            await bad.end()
            assert (bad.status, bad.reset, len(bad.blocks)) == (13, None, 1)
            name = f"blue 127.0.0.1:{at.blue.port}"
            assert bad.message == f"the response of {name} breaks the rules of HTTP/2: malformed"
            if not end:
                assert (await spoiled.end()).reset == frames.PROTOCOL_ERROR
            served.answer()
            assert (await good.end()).status == 0
            assert at.rig.counted() == {("blue", "split", "INTERNAL"): 1, ("blue", "split", "OK"): 1}
            assert at.rig.observer.stream_faults == {("upstream", "malformed"): 1}

    @BAD
    async def test_is_no_answer_to_a_safe_call(self, block: list[tuple[bytes, bytes]], end: bool) -> None:
        async with pair() as at:
            call = at.client.call(SAFE)
            (await at.blue.request()).headers(*block, end=end)
            (await at.green.request()).answer()
            assert (await call.end()).status == 0

    @pytest.mark.parametrize(
        ("block", "end"),
        [
            ([(b"grpc-status", b"0")], False),
            ([(b":status", b"200"), (b"grpc-status", b"0")], True),
            ([(b":status", b"103")], False),
            ([(b"grpc-status", b"0"), (b":path", b"/")], True),
        ],
    )
    async def test_in_its_trailers_ends_the_call_with_ours(
        self, block: list[tuple[bytes, bytes]], end: bool
    ) -> None:
        async with pair() as at:
            call = at.client.call()
            request = await at.blue.request()
            request.headers((b":status", b"200"), (b"content-type", b"application/grpc"))
            request.send(b"half")
            request.headers(*block, end=end)
            await call.end()
            assert (call.data, call.status, len(call.blocks)) == (b"half", 13, 2)
            assert await at.green.quiet()

    async def test_no_data_may_come_between_an_interim_answer_and_the_real_one(self) -> None:
        async with pair() as at:
            call = at.client.call(UNSAFE)
            request = await at.blue.request()
            request.headers((b":status", b"100"))
            request.send(b"too soon")
            await call.end()
            assert call.data == b""
            assert (await request.end()).reset == frames.PROTOCOL_ERROR


class TestAnAnswerThatIsNotGrpc:
    """Passed on as it is; counted as what a gRPC client makes of it ("HTTP to gRPC Status Code Mapping")."""

    @pytest.mark.parametrize(
        ("http", "status"),
        [
            (b"200", "UNKNOWN"),
            (b"400", "INTERNAL"),
            (b"401", "UNAUTHENTICATED"),
            (b"403", "PERMISSION_DENIED"),
            (b"404", "UNIMPLEMENTED"),
            (b"429", "UNAVAILABLE"),
            (b"502", "UNAVAILABLE"),
            (b"503", "UNAVAILABLE"),
            (b"504", "UNAVAILABLE"),
            (b"500", "UNKNOWN"),
            (b"302", "UNKNOWN"),
        ],
    )
    @pytest.mark.parametrize("body", [False, True])
    async def test_counts_by_its_http_status(self, http: bytes, status: str, body: bool) -> None:
        async with pair() as at:
            call = at.client.call(UNSAFE)
            request = await at.blue.request()
            request.headers((b":status", http), (b"content-type", b"text/html"), end=not body)
            if body:
                request.send(b"<p>", end=True)
            await call.end()
            assert (call.fields[b":status"], call.data) == (http, b"<p>" if body else b"")
            await at.client.sync()
            assert at.rig.counted() == {("blue", "split", status): 1}

    async def test_that_says_unavailable_is_no_answer_to_a_safe_call(self) -> None:
        async with pair() as at:
            call = at.client.call()
            (await at.blue.request()).headers((b":status", b"503"), end=True)
            (await at.green.request()).answer()
            assert (await call.end()).status == 0

    async def test_a_grpc_status_counts_before_the_http_status(self) -> None:
        async with pair() as at:
            call = at.client.call(UNSAFE)
            (await at.blue.request()).headers((b":status", b"503"), (b"grpc-status", b"5"), end=True)
            await call.end()
            assert at.rig.counted() == {("blue", "split", "NOT_FOUND"): 1}


class TestALengthThatIsSaid:
    """`content-length`: a request of another length must not be passed on (RFC 9113, 8.1.1)."""

    async def test_a_request_that_keeps_its_promise_passes(self) -> None:
        async with pair() as at:
            call = at.client.call(SAFE, (b"content-length", b"6"), body=b"one", end=False)
            call.send(b"two", end=True)
            request = await (await at.blue.request()).end()
            assert (request.data, request.fields[b"content-length"]) == (b"onetwo", b"6")
            request.answer()
            assert (await call.end()).status == 0

    @pytest.mark.parametrize("more", [b"", b"fo", b"four"])
    async def test_one_that_does_not_is_reset_and_its_endpoint_told(self, more: bytes) -> None:
        async with pair() as at:
            call = at.client.call(SAFE, (b"content-length", b"6"), body=b"one", end=False)
            request = await at.blue.request()
            call.send(more, end=True)
            assert (await call.end()).reset == frames.PROTOCOL_ERROR
            assert (await request.end()).reset == frames.PROTOCOL_ERROR
            assert not request.ended
            assert at.rig.observer.stream_faults == {("client", "malformed"): 1}
            other = at.client.call()
            (await at.blue.request()).answer()
            assert (await other.end()).status == 0

    async def test_trailers_before_all_of_it_has_come_do_not_pass_either(self) -> None:
        async with pair() as at:
            call = at.client.call(SAFE, (b"content-length", b"6"), body=b"one", end=False)
            request = await at.blue.request()
            call.headers((b"x-checksum", b"1"), end=True)
            assert (await call.end()).reset == frames.PROTOCOL_ERROR
            assert (await request.end()).reset == frames.PROTOCOL_ERROR

    async def test_an_empty_request_that_promises_bytes_reaches_nobody(self) -> None:
        async with pair() as at:
            call = at.client.call(SAFE, (b"content-length", b"6"), body=None)
            assert (await call.end()).reset == frames.PROTOCOL_ERROR
            assert await at.blue.quiet()

    @pytest.mark.parametrize("body", [b"fo", b"four"])
    async def test_an_answer_of_another_length_is_no_answer(self, body: bytes) -> None:
        async with pair() as at:
            call = at.client.call(SAFE)
            request = await at.blue.request()
            request.headers((b":status", b"200"), (b"content-length", b"3"))
            request.send(body)
            request.headers((b"grpc-status", b"0"), end=True)
            assert (await call.end()).status == 13
            assert (await request.end()).reset == frames.PROTOCOL_ERROR
            assert at.rig.observer.stream_faults == {("upstream", "malformed"): 1}

    async def test_an_answer_without_data_may_name_the_length_it_would_have_had(self) -> None:  # to a HEAD
        async with pair() as at:
            call = at.client.call(SAFE)
            (await at.blue.request()).headers(
                (b":status", b"200"), (b"content-length", b"3"), (b"grpc-status", b"0"), end=True
            )
            assert (await call.end()).status == 0


class TestItsDeadline:
    async def test_a_cancel_after_it_has_passed_is_counted_as_what_it_is(self) -> None:
        async with pair() as at:
            call, other = (at.client.call(SAFE, (b"grpc-timeout", t)) for t in (b"10m", b"10S"))
            requests = [await at.blue.request(), await at.blue.request()]
            await asyncio.sleep(0.011)
            for each in (call, other):
                each.cancel()
            for request in requests:
                await request.until(lambda each: each.reset == CANCEL)
            assert at.rig.counted() == {
                ("blue", "split", "DEADLINE_EXCEEDED"): 1,
                ("blue", "split", "CANCELLED"): 1,
            }


class TestAMalformedCall:
    async def test_a_request_without_a_path_costs_its_own_stream_only(self) -> None:
        async with pair() as at:
            good = at.client.call()
            bad = at.client.exchange(101)
            bad.headers((b":method", b"POST"), (b":scheme", b"http"), end=True)
            assert (await bad.end()).reset == frames.PROTOCOL_ERROR
            (await at.blue.request()).answer()
            assert (await good.end()).status == 0

    async def test_an_answer_that_cannot_be_decoded_costs_the_endpoint_s_connection_only(self) -> None:
        async with pair() as at:
            call = at.client.call(UNSAFE)
            request = await at.blue.request()
            request.peer.say(frames.headers(request.id, b"\xff\xff\xff\xff\xff", 0))
            assert (await call.end()).status == UNAVAILABLE
            again = at.client.call()
            (await at.blue.request()).answer()
            assert (await again.end()).status == 0


async def test_large_answers_pass_whole_whatever_the_windows() -> None:
    async with pair() as at:
        narrow = await at.rig.client(settings={frames.INITIAL_WINDOW_SIZE: 1_000})
        call = narrow.call()
        request = await at.blue.request()
        request.headers((b":status", b"200"))
        request.send(b"z" * 60_000)
        request.trail()
        await call.until(lambda each: len(each.data) == 1_000)
        narrow.say(frames.window_update(call.id, WIDE))
        await call.end()
        assert (call.data, call.status) == (b"z" * 60_000, 0)
