"""What `splitter.mirror` promises: shadows that nobody waits for, that harm nobody, and that are all accounted for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mesh.http2 import frames
from splitter import mirror as module
from tests.splitter.rig import SAFE, UNSAFE, Pair, Rig, pair
from tests.splitter.wire import Exchange

CANCEL, NO_ERROR = frames.CANCEL, frames.NO_ERROR
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def shadowed(percent: float = 100, timeout: str = "10s", **document: Any) -> dict[str, Any]:
    """Everything on blue, and a shadow on green."""
    return {
        "split": {"blue": 100},
        "mirror": [{"color": "green", "percent": percent, "timeout": timeout}],
        **document,
    }


@asynccontextmanager
async def shadowing(document: dict[str, Any] | None = None, **rig: Any) -> AsyncIterator[Pair]:
    """At the end every shadow that was begun has an outcome, or is under way."""
    async with pair(document or shadowed(), **rig) as at:
        yield at
        await at.client.sync()
        assert_closed(at.rig)


def assert_closed(rig: Rig) -> None:
    mirrors = rig.switch.mirrors
    for kind, started in mirrors.started.items():
        ended = sum(count for (*each, _, _), count in mirrors.outcomes.items() if tuple(each) == kind)
        assert started == ended + sum((shadow.color, shadow.role) == kind for shadow in mirrors.active)


def outcomes(rig: Rig) -> dict[tuple[str, str], int]:
    found = rig.switch.mirrors.outcomes
    return {(outcome, detail): count for (_, _, outcome, detail), count in found.items()}


async def outcome(at: Pair, kind: str, detail: str) -> None:
    """Return once a shadow has ended so."""
    await at.rig.news.until(
        lambda: outcomes(at.rig).get((kind, detail)), what=(kind, detail, outcomes(at.rig))
    )


async def served(at: Pair, call: Exchange) -> None:
    """Blue serves the call."""
    (await at.blue.request()).answer(b"from blue")
    await call.end()
    assert (call.data, call.status, call.fields[b"x-verdigris-color"]) == (b"from blue", 0, b"blue")


class TestTheCopy:
    async def test_it_is_the_request_marked_as_a_shadow_with_a_deadline_of_its_own(self) -> None:
        async with shadowing(shadowed(timeout="2s")) as at:
            call = at.client.call(
                SAFE, (b"x-user-id", b"7"), (b"grpc-timeout", b"50m"), (b"traceparent", TRACE)
            )
            copy = await (await at.green.request()).end()
            original = await (await at.blue.request()).end()
            assert copy.data == original.data == b"question"
            expected = dict(original.blocks[0]) | {b"x-verdigris-role": b"shadow", b"grpc-timeout": b"2000m"}
            assert copy.fields == expected
            assert original.fields[b"grpc-timeout"] == b"50m"
            original.answer()
            await call.end()

    async def test_it_has_connections_of_its_own(self) -> None:
        both = {"split": {"blue": 50, "green": 50}, "mirror": [{"color": "green", "percent": 100}]}
        async with shadowing(both) as at:
            calls = [at.client.call(SAFE, (b"x-number", b"%d" % number)) for number in range(2)]
            one, other = await at.green.request(), await at.green.request()
            shadow = one if b"x-verdigris-role" in one.fields else other
            primary = other if shadow is one else one
            assert primary.peer is not shadow.peer
            primary.answer()
            (await at.blue.request()).answer()
            for call in calls:
                assert (await call.end()).status == 0

    async def test_a_call_that_the_shadow_s_color_serves_is_not_copied_to_it(self) -> None:
        cut = {"split": {"blue": 0, "green": 100}, "mirror": [{"color": "green", "percent": 100}]}
        async with shadowing(cut) as at:
            call = at.client.call()
            (await at.green.request()).answer()
            await call.end()
            assert await at.green.quiet()
            assert at.rig.switch.mirrors.started == {}

    async def test_a_method_that_is_not_safe_is_never_copied(self) -> None:
        """A shadow must not write anything twice."""
        async with shadowing() as at:
            for path in (UNSAFE, b"/inference.GRPCInferenceService/RepositoryModelUnload"):
                await served(at, at.client.call(path))
            assert await at.green.quiet()
            assert at.rig.switch.mirrors.started == {}

    async def test_exactly_its_share_of_calls_is_copied(self) -> None:
        async with shadowing(shadowed(percent=25)) as at:
            for _ in range(16):
                await served(at, at.client.call())
            assert at.rig.switch.mirrors.started == {("green", "shadow"): 4}

    async def test_there_may_be_several(self) -> None:
        mirrors = [{"color": color, "percent": 100} for color in ("green", "red")]
        async with shadowing({"split": {"blue": 100}, "mirror": mirrors}) as at:
            red = await at.rig.endpoint("red")
            await at.rig.connected(red)
            call = at.client.call()
            (await red.request()).refuse(13)
            (await at.green.request()).answer()
            await served(at, call)
            assert at.rig.switch.mirrors.outcomes == {
                ("green", "shadow", "completed", "OK"): 1,
                ("red", "shadow", "completed", "INTERNAL"): 1,
            }

    async def test_a_request_that_comes_in_parts_is_copied_in_parts_trailers_too(self) -> None:
        async with shadowing() as at:
            call = at.client.call(body=b"one", end=False)
            copy = await at.green.request()
            await copy.until(lambda each: each.data == b"one" and not each.ended)
            call.send(b"two")
            await copy.until(lambda each: each.data == b"onetwo" and not each.ended)
            call.headers((b"x-checksum", b"1"), end=True)
            await copy.end()
            assert copy.blocks[1:] == [[(b"x-checksum", b"1")]]
            await served(at, call)

    async def test_one_that_waits_for_its_connection_loses_nothing(self) -> None:
        async with shadowing(shadowed() | {"mirror": [{"color": "red", "percent": 100}]}) as at:
            red = await at.rig.endpoint("red", acknowledges=False)
            peer = await red.connection()
            call = at.client.call(body=b"one", end=False)
            call.send(b"two", end=True)
            await served(at, call)
            peer.acknowledge()
            copy = await (await red.request()).end()
            assert copy.data == b"onetwo"
            copy.answer()
            await peer.sync()
            assert outcomes(at.rig) == {("completed", "OK"): 1}

    async def test_one_of_headers_alone_leaves_nothing_behind(self) -> None:
        async with shadowing() as at:
            call = at.client.call(body=None)
            (await (await at.green.request()).end()).answer()
            await served(at, call)
            await outcome(at, "completed", "OK")
            await at.green.quiet()
            assert {pool.in_flight for pool in at.rig.control.shadow_endpoints.pools.values()} == {0}


class TestHarm:
    """Whatever the shadow does, the client gets blue's bytes, and nothing else."""

    @pytest.mark.parametrize(
        ("behavior", "detail"),
        [
            ("is dead", ("dropped", "no_endpoint")),
            ("dies", ("failed", "UNAVAILABLE")),
            ("refuses", ("failed", "UNAVAILABLE")),
            ("resets", ("failed", "INTERNAL")),
            ("fails", ("completed", "INTERNAL")),
            ("says garbage", ("failed", "UNAVAILABLE")),
            ("says malformed headers", ("failed", "INTERNAL")),
            ("says no status", ("completed", "UNKNOWN")),
            ("answers before it is asked", ("completed", "OK")),
            ("says goaway", ("failed", "UNAVAILABLE")),
            ("hangs", ("timed_out", "")),
            ("is slow", ("timed_out", "")),
        ],
    )
    async def test_a_shadow_that_goes_wrong(self, behavior: str, detail: tuple[str, str]) -> None:
        async with shadowing(shadowed(timeout="10s" if detail[0] != "timed_out" else "20ms")) as at:
            if behavior == "is dead":
                at.green.die()
                await at.rig.news.until(lambda: not at.rig.control.shadow_endpoints.available())
            call = at.client.call(body=b"que", end=False)
            if behavior != "is dead":
                await _misbehave(behavior, await at.green.request())
            call.send(b"stion", end=True)
            original = await at.blue.request()
            await served_by(original, call)
            assert [len(block) for block in call.blocks] == [3, 1]
            assert original.data == b"question"
            await outcome(at, *detail)
            again = at.client.call()
            await served(at, again)
            assert again.blocks == call.blocks
            assert at.rig.counted() == {("blue", "split", "OK"): 2}

    async def test_a_hanging_shadow_holds_up_no_other(self) -> None:
        async with shadowing() as at:
            hanging = at.client.call()
            await at.green.request()
            await served(at, hanging)
            call = at.client.call()
            (await at.green.request()).answer()
            await served(at, call)
            assert outcomes(at.rig) == {("completed", "OK"): 1}
            assert len(at.rig.switch.mirrors.active) == 1

    async def test_a_shadow_that_is_unavailable_is_not_sent_again_and_costs_no_budget(self) -> None:
        async with shadowing() as at:
            for _ in range(3):
                call = at.client.call()
                (await at.green.request()).refuse(14)
                await served(at, call)
            assert await at.green.quiet()
            assert at.rig.observer.failed_legs == {}
            assert outcomes(at.rig) == {("completed", "UNAVAILABLE"): 3}


async def served_by(original: Exchange, call: Exchange) -> None:
    await original.end()
    original.answer(b"from blue")
    await call.end()
    assert (call.data, call.status, call.fields[b"x-verdigris-color"]) == (b"from blue", 0, b"blue")


async def _pour(call: Exchange, size: int) -> None:
    """Send so many bytes, as the windows allow."""
    end = call.sent + size
    while call.sent < end:
        await call.until(lambda each: each.window > each.sent)
        call.send(b"x" * min(end - call.sent, call.window - call.sent))
    await call.peer.sync()


async def _misbehave(behavior: str, copy: Exchange) -> None:
    match behavior:
        case "dies":
            copy.peer.cut()
            await copy.peer.gone()
        case "refuses":
            copy.cancel(frames.REFUSED_STREAM)
        case "resets":
            copy.cancel(frames.INTERNAL_ERROR)
        case "fails":
            copy.refuse(13)
        case "says garbage":
            copy.peer.say(b"\xff" * 100)
            await copy.peer.gone()
        case "says malformed headers":
            copy.headers((b":status", b"200"), (b"Bad", b"1"))
        case "says no status":
            copy.headers((b":status", b"200"))
            copy.send(b"page", end=True)
        case "answers before it is asked":
            copy.answer(b"early")
        case "says goaway":
            copy.peer.goaway(0)
        case "is slow":
            copy.headers((b":status", b"200"))
            copy.send(b"first part")
        case _:
            return
    if not copy.peer.closed:
        await copy.peer.sync()


class TestTime:
    async def test_a_shadow_that_times_out_is_reset(self) -> None:
        async with shadowing(shadowed(timeout="10ms")) as at:
            call = at.client.call()
            copy = await at.green.request()
            assert (await copy.until(lambda each: each.reset is not None)).reset == CANCEL
            assert outcomes(at.rig) == {("timed_out", ""): 1}
            await served(at, call)

    async def test_one_that_waits_for_a_connection_times_out_too(self) -> None:
        document = shadowed() | {"mirror": [{"color": "red", "percent": 100, "timeout": "5ms"}]}
        async with shadowing(document) as at:
            red = await at.rig.endpoint("red", acknowledges=False)
            peer = await red.connection()
            await served(at, at.client.call())
            await outcome(at, "timed_out", "")
            peer.acknowledge()
            assert await red.quiet()

    async def test_each_has_its_own_time_whichever_began_first(self) -> None:
        mirror = [
            {"color": "green", "percent": 100, "timeout": "10s"},
            {"color": "red", "percent": 100, "timeout": "10ms"},
            {"color": "pink", "percent": 100, "timeout": "50ms"},
        ]
        async with shadowing(shadowed() | {"mirror": mirror}) as at:
            others = [await at.rig.endpoint(color) for color in ("red", "pink")]
            await at.rig.connected(*others)
            call = at.client.call()
            late = await at.green.request()
            red, pink = [await each.request() for each in others]
            assert (await red.until(lambda each: each.reset is not None)).reset == CANCEL
            assert pink.reset is None
            assert (await pink.until(lambda each: each.reset is not None)).reset == CANCEL
            late.answer()
            await served(at, call)
            await outcome(at, "completed", "OK")

    async def test_an_answer_in_time_is_complete_though_the_primary_takes_longer(self) -> None:
        async with shadowing() as at:
            call = at.client.call()
            (await at.green.request()).answer()
            await outcome(at, "completed", "OK")
            await served(at, call)


class TestCancelling:
    async def test_a_client_s_cancel_does_not_end_a_shadow_that_has_its_whole_request(self) -> None:
        """Or only fast calls would be compared."""
        async with shadowing() as at:
            call = at.client.call()
            copy, original = await at.green.request(), await at.blue.request()
            call.cancel()
            await original.until(lambda each: each.reset == CANCEL)
            await copy.end()
            assert copy.reset is None
            copy.answer()
            await outcome(at, "completed", "OK")

    async def test_nor_does_a_client_s_lost_connection(self) -> None:
        async with shadowing() as at:
            other = await at.rig.client()
            other.call()
            copy, original = await at.green.request(), await at.blue.request()
            other.cut()
            await original.until(lambda each: each.reset == CANCEL)
            copy.answer()
            await outcome(at, "completed", "OK")

    async def test_a_shadow_whose_request_will_not_be_completed_is_dropped(self) -> None:
        async with shadowing() as at:
            call = at.client.call(end=False)
            copy = await at.green.request()
            call.cancel()
            assert (await copy.until(lambda each: each.reset is not None)).reset == CANCEL
            assert outcomes(at.rig) == {("dropped", "request_incomplete"): 1}

    async def test_also_where_the_primary_answers_early(self) -> None:
        async with shadowing() as at:
            call = at.client.call(end=False)
            copy, original = await at.green.request(), await at.blue.request()
            original.answer()
            original.cancel(NO_ERROR)
            await call.end()
            await copy.until(lambda each: each.reset is not None)
            assert outcomes(at.rig) == {("dropped", "request_incomplete"): 1}

    async def test_also_where_the_primary_s_answer_has_no_trailers(self) -> None:
        async with shadowing() as at:
            call = at.client.call(end=False)
            copy, original = await at.green.request(), await at.blue.request()
            original.headers((b":status", b"200"))
            original.send(b"page", end=True)
            await call.end()
            await copy.until(lambda each: each.reset is not None)
            assert outcomes(at.rig) == {("dropped", "request_incomplete"): 1}


class TestBudget:
    async def test_a_shadow_that_does_not_read_is_dropped_and_the_primary_has_every_byte(self) -> None:
        async with shadowing(shadowed() | {"mirror": [{"color": "red", "percent": 100}]}) as at:
            red = await at.rig.endpoint("red", settings={frames.INITIAL_WINDOW_SIZE: 0})
            await at.rig.connected(red)
            call = at.client.call(body=None, end=False)
            copy, original = await red.request(), await at.blue.request()
            await _pour(call, module.MAX_BYTES + 100_000)
            call.send(end=True)
            await served_by(original, call)
            assert len(original.data) == module.MAX_BYTES + 100_000
            assert (await copy.end()).reset == CANCEL
            assert outcomes(at.rig) == {("dropped", "bytes"): 1}

    async def test_nor_does_one_that_waits_for_its_connection_hold_more(self) -> None:
        async with shadowing(shadowed() | {"mirror": [{"color": "red", "percent": 100}]}) as at:
            red = await at.rig.endpoint("red", acknowledges=False)
            await red.connection()
            call = at.client.call(body=None, end=False)
            original = await at.blue.request()
            await _pour(call, module.MAX_BYTES - 50_000)
            assert outcomes(at.rig) == {}
            await _pour(call, 100_000)
            assert outcomes(at.rig) == {("dropped", "bytes"): 1}
            call.send(end=True)
            await served_by(original, call)
            assert len(original.data) == module.MAX_BYTES + 50_000

    async def test_one_whose_endpoint_cannot_be_reached_after_all_is_counted(self) -> None:
        async with shadowing(shadowed() | {"mirror": [{"color": "red", "percent": 100}]}) as at:
            red = await at.rig.endpoint("red", acknowledges=False)
            await red.connection()
            await served(at, at.client.call())
            red.die()
            await outcome(at, "dropped", "no_endpoint")

    async def test_all_shadows_together_hold_no_more_than_they_may(self) -> None:
        async with shadowing(shadowed() | {"mirror": [{"color": "red", "percent": 100}]}) as at:
            at.rig.switch.mirrors = module.Mirrors(max_total_bytes=200_000)
            red = await at.rig.endpoint("red", settings={frames.INITIAL_WINDOW_SIZE: 0})
            await at.rig.connected(red)
            for _ in range(5):
                call = at.client.call(body=b"x" * 60_000, end=False)
                call.send(b"x" * 20_000, end=True)
                await served(at, call)
            mirrors = at.rig.switch.mirrors
            assert sum(shadow.buffered for shadow in mirrors.active) <= 200_000
            assert outcomes(at.rig)["dropped", "bytes"] >= 3
            for shadow in list(mirrors.active):
                shadow.finish(module.TIMED_OUT, "")

    async def test_no_more_shadows_are_under_way_than_may(self) -> None:
        async with shadowing() as at:
            at.rig.switch.mirrors = module.Mirrors(max_in_flight=2)
            for _ in range(3):
                await served(at, at.client.call())
            copies = [await at.green.request() for _ in range(2)]
            assert outcomes(at.rig) == {("dropped", "in_flight"): 1}
            for copy in copies:
                copy.answer()
            await outcome(at, "completed", "OK")
            await served(at, at.client.call())
            await at.green.request()

    async def test_an_answer_of_any_size_is_read_to_its_end(self) -> None:
        """A shadow's windows are granted again at once, its connection's too."""
        async with shadowing() as at:
            call = at.client.call()
            copy = await at.green.request()
            copy.headers((b":status", b"200"))
            sent = 0
            while sent < 6 << 20:
                await copy.until(lambda each, sent=sent: each.window >= sent + 16_384)
                copy.send(b"y" * 16_384)
                sent += 16_384
            copy.trail()
            await outcome(at, "completed", "OK")
            assert copy.peer.granted > 4 << 20
            await served(at, call)


async def test_a_shadow_under_way_ends_where_it_began_when_the_document_drops_it() -> None:
    async with shadowing() as at:
        call = at.client.call()
        copy = await at.green.request()
        at.rig.put({"split": {"blue": 100}})
        await served(at, call)
        copy.answer()
        await copy.peer.gone()
        assert outcomes(at.rig) == {("completed", "OK"): 1}


async def test_what_is_under_way_when_the_sidecar_ends_is_counted() -> None:
    async with shadowing() as at:
        call = at.client.call()
        copy = await at.green.request()
        await served(at, call)
        at.rig.switch.mirrors.stop()
        assert outcomes(at.rig) == {("dropped", "shutdown"): 1}
        assert (await copy.until(lambda each: each.reset is not None)).reset == CANCEL


async def test_a_shadow_that_finds_no_endpoint_is_counted() -> None:
    async with shadowing(shadowed() | {"mirror": [{"color": "red", "percent": 100}]}) as at:
        await served(at, at.client.call())
        assert outcomes(at.rig) == {("dropped", "no_endpoint"): 1}
        assert "no instance of colour red is registered" in at.rig.control.warnings
