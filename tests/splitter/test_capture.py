"""What `splitter.capture` promises: whatever becomes of a mirrored call, its pair says it; every shadow is counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mesh.http2 import frames
from mesh.http2.blocks import fields
from shadow import wire
from shadow.wire import RawPair, Total
from splitter.capture import Captures
from splitter.outbox import Outbox
from tests.splitter.rig import SAFE, Pair, pair
from tests.splitter.test_mirror import outcome, served, shadowed

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Captured:
    """A rig that captures, and what it has captured."""

    def __init__(self, at: Pair, captures: Captures) -> None:
        self.at = at
        self.captures = captures
        self.outbox = captures.outbox
        self.pairs: list[RawPair] = []
        self.totals: dict[tuple[str, str, str, str], int] = {}

    async def pair(self) -> RawPair:
        """The only pair there is, once there is one."""
        await self.at.rig.news.until(lambda: self.pairs or self.read(), what="a pair")
        (only,) = self.pairs
        return only

    async def total(self, *key: str) -> int:
        """How many shadows without a pair were counted by colour, role, outcome and reason."""
        await self.at.rig.news.until(lambda: self.read() or key in self.totals, what=key)
        return self.totals[key]

    def read(self) -> list[RawPair]:
        for kind, body, _ in wire.messages(self.outbox.take()):
            if kind == wire.PAIR:
                self.pairs.append(wire.read_pair(body))
            else:
                for each in map(Total._make, wire.read_totals(body)):
                    self.totals[each.color, each.role, each.outcome, each.reason] = each.number
        return self.pairs


@asynccontextmanager
async def capturing(
    document: dict[str, Any] | None = None, *, budget: int = 1 << 20, **limits: int
) -> AsyncIterator[Captured]:
    """At the end nothing is held, and every shadow that has ended is a pair or counted."""
    outbox = Outbox(wake=lambda: None, budget=budget)
    captures = Captures("recommender", outbox, **limits)
    async with pair(document or shadowed(), captures=captures) as at:
        captured = Captured(at, captures)
        yield captured
        await at.client.sync()
        captured.read()
        mirrors = at.rig.switch.mirrors
        assert len(captured.pairs) + sum(captured.totals.values()) == mirrors.started.total() - len(
            mirrors.active
        )
        assert captures.size == 0 or mirrors.active


def said(block: bytes) -> dict[bytes, bytes]:
    return {name: value for name, value, _, _ in fields(block)}


class TestAPair:
    async def test_it_has_the_request_and_both_answers_as_they_were_on_the_wire(self) -> None:
        async with capturing() as captured:
            at = captured.at
            call = at.client.call(SAFE, (b"x-user-id", b"7"), (b"traceparent", TRACE))
            (await at.green.request()).answer(b"from green")
            await served(at, call)
            found = await captured.pair()
            assert (found.request, found.primary, found.shadow) == (b"question", b"from blue", b"from green")
            assert said(found.request_block)[b"x-user-id"] == b"7"
            assert said(found.primary_block)[b":status"] == b"200"
            assert (
                said(found.primary_block)[b"grpc-status"] == said(found.shadow_block)[b"grpc-status"] == b"0"
            )

    async def test_what_its_own_color_answered_after_all_is_compared_with_nobody(self) -> None:
        """Blue failed and green took over: green agrees with green, which says nothing of green against blue."""
        async with capturing(shadowed(split={"blue": 100, "green": 0})) as captured:
            at = captured.at
            call = at.client.call(SAFE)
            (await at.green.request()).answer()
            (await at.blue.request()).refuse(14)
            (await at.green.request()).answer()
            assert (await call.end()).fields[b"x-verdigris-color"] == b"green"
            labels = (await captured.pair()).labels
            assert (labels.outcome, labels.reason) == ("dropped", "fallback")
            assert (labels.primary_color, labels.shadow_color) == ("green", "green")

    async def test_noise_beside_what_another_color_answered_after_all_is_none(self) -> None:
        noise = {"color": "blue", "percent": 100, "as": "noise"}
        async with capturing({"split": {"blue": 100, "green": 0}, "mirror": [noise]}) as captured:
            at = captured.at
            call = at.client.call(SAFE)
            for request in [await at.blue.request() for _ in range(2)]:
                if b"x-verdigris-role" in request.fields:
                    request.answer()
                else:
                    request.refuse(14)
            (await at.green.request()).answer()
            await call.end()
            labels = (await captured.pair()).labels
            assert (labels.role, labels.outcome, labels.reason) == ("noise", "dropped", "fallback")

    async def test_noise_that_blue_answered_twice_is_compared(self) -> None:
        noise = {"color": "blue", "percent": 100, "as": "noise"}
        async with capturing({"split": {"blue": 100, "green": 0}, "mirror": [noise]}) as captured:
            at = captured.at
            call = at.client.call(SAFE)
            for request in [await at.blue.request() for _ in range(2)]:
                request.answer()
            await call.end()
            labels = (await captured.pair()).labels
            assert (labels.role, labels.outcome, labels.reason) == ("noise", "compared", "")

    async def test_it_says_who_answered_how_and_how_long_it_took(self) -> None:
        async with capturing() as captured:
            at = captured.at
            call = at.client.call(SAFE)
            (await at.green.request()).refuse(13, b"out of memory")
            await served(at, call)
            found = await captured.pair()
            assert found.labels == wire.Labels(
                method=SAFE.decode(),
                role="shadow",
                outcome="compared",
                reason="",
                primary_color="blue",
                primary_endpoint=f"127.0.0.1:{at.blue.port}",
                primary_status="OK",
                shadow_color="green",
                shadow_endpoint=f"127.0.0.1:{at.green.port}",
                shadow_status="INTERNAL",
                service="recommender",
            )
            assert said(found.shadow_block)[b"grpc-message"] == b"out of memory"
            assert 0 < found.shadow_latency <= found.primary_latency < 10**10
            assert (found.number, found.revision, found.bucket, found.canceled) == (1, 1, -1, False)

    async def test_it_has_the_bucket_of_its_key(self) -> None:
        async with capturing(shadowed(key={"metadata": "x-user-id"})) as captured:
            at = captured.at
            call = at.client.call(SAFE, (b"x-user-id", b"7"))
            (await at.green.request()).answer()
            await served(at, call)
            assert 0 <= (await captured.pair()).bucket < 10_000

    async def test_it_is_complete_whichever_answer_comes_last(self) -> None:
        async with capturing() as captured:
            at = captured.at
            call = at.client.call(SAFE)
            copy = await at.green.request()
            await served(at, call)
            assert not captured.read()
            copy.answer(b"late")
            assert (await captured.pair()).shadow == b"late"

    async def test_messages_of_streams_stand_after_each_other(self) -> None:
        async with capturing() as captured:
            at = captured.at
            call = at.client.call(SAFE, end=False, body=b"one")
            copy, original = await at.green.request(), await at.blue.request()
            call.send(b"two", end=True)
            for exchange, name in ((copy, b"green"), (original, b"blue")):
                await exchange.end()
                exchange.headers((b":status", b"200"))
                exchange.send(name + b" 1 ")
                exchange.send(name + b" 2")
                exchange.trail()
            await call.end()
            found = await captured.pair()
            assert (found.request, found.primary, found.shadow) == (
                b"onetwo",
                b"blue 1 blue 2",
                b"green 1 green 2",
            )

    async def test_what_was_sent_again_is_one_answer(self) -> None:
        """The primary that failed at first is not in the pair; who served it in the end is."""
        document = {"split": {"blue": 100, "red": 0}, "mirror": [{"color": "green", "percent": 100}]}
        async with capturing(document) as captured:
            at = captured.at
            red = await at.rig.endpoint("red")
            await at.rig.connected(red)
            call = at.client.call(SAFE)
            (await at.green.request()).answer()
            (await at.blue.request()).refuse(14)
            (await red.request()).answer(b"from red")
            await call.end()
            found = await captured.pair()
            assert (found.primary, found.labels.primary_color) == (b"from red", "red")
            assert b"14" not in said(found.primary_block).values()


class TestWithoutAnAnswer:
    async def test_a_caller_that_gives_up_is_recorded_with_what_the_shadow_said(self) -> None:
        async with capturing() as captured:
            at = captured.at
            call = at.client.call(SAFE)
            copy, _ = await at.green.request(), await at.blue.request()
            call.cancel()
            await at.client.sync()
            copy.answer(b"from green")
            found = await captured.pair()
            assert found.canceled
            assert (found.labels.outcome, found.labels.reason) == ("dropped", "canceled")
            assert (found.labels.primary_status, found.labels.shadow_status) == ("CANCELLED", "OK")
            assert found.shadow == b"from green"

    async def test_a_shadow_that_was_reset_has_a_pair_that_failed(self) -> None:
        async with capturing() as captured:
            at = captured.at
            call = at.client.call(SAFE)
            (await at.green.request()).cancel(frames.INTERNAL_ERROR)
            await served(at, call)
            found = await captured.pair()
            assert (found.labels.outcome, found.labels.reason, found.labels.primary_status) == (
                "failed",
                "INTERNAL",
                "OK",
            )

    async def test_a_shadow_that_took_too_long_has_a_pair_that_timed_out(self) -> None:
        async with capturing(shadowed(timeout="5ms")) as captured:
            at = captured.at
            call = at.client.call(SAFE)
            await at.green.request()
            await outcome(at, "timed_out", "")
            await served(at, call)
            found = await captured.pair()
            assert found.labels.outcome == "timed_out"
            assert found.shadow_latency >= 5_000_000

    async def test_a_shadow_that_nobody_could_take_is_counted(self) -> None:
        async with capturing(shadowed(mirror=[{"color": "red", "percent": 100}])) as captured:
            await served(captured.at, captured.at.client.call(SAFE))
            assert await captured.total("red", "shadow", "dropped", "no_endpoint") == 1

    async def test_a_request_that_is_never_completed_is_counted(self) -> None:
        async with capturing() as captured:
            at = captured.at
            call = at.client.call(SAFE, end=False)
            await at.green.request()
            (await at.blue.request()).answer()
            await call.end()
            assert await captured.total("green", "shadow", "dropped", "request_incomplete") == 1


class TestWhatIsNotKept:
    async def test_an_answer_that_is_too_large_leaves_the_figures(self) -> None:
        async with capturing(shadowed(record={"largest": "9B"})) as captured:
            at = captured.at
            call = at.client.call(SAFE)
            (await at.green.request()).answer(b"from green")
            await served(at, call)
            found = await captured.pair()
            assert (found.labels.outcome, found.labels.reason) == ("dropped", "too_large")
            assert (found.request, found.primary, found.shadow) == (b"question", b"from blue", None)

    async def test_what_all_calls_together_may_hold_is_bounded(self) -> None:
        async with capturing(limit=150) as captured:
            at = captured.at
            call = at.client.call(SAFE)
            (await at.green.request()).answer(b"from green")
            await served(at, call)
            found = await captured.pair()
            assert found.labels.reason == "bytes"
            assert (found.primary is None, found.shadow is None) in {(True, False), (False, True)}

    async def test_the_share_that_is_recorded_is_exact(self) -> None:
        async with capturing(shadowed(record={"percent": 25})) as captured:
            at = captured.at
            for _ in range(8):
                call = at.client.call(SAFE)
                (await at.green.request()).answer()
                await served(at, call)
            assert await captured.total("green", "shadow", "dropped", "not_sampled") == 6
            assert len(captured.pairs) == 2

    async def test_over_the_recorder_s_budget_pairs_are_counted_and_nobody_waits(self) -> None:
        async with capturing(budget=100) as captured:
            at = captured.at
            call = at.client.call(SAFE)
            (await at.green.request()).answer()
            await served(at, call)
            assert await captured.total("green", "shadow", "dropped", "recorder_full") == 1


class TestWhenItIsOver:
    async def test_what_a_call_still_carries_after_its_pair_is_made_costs_nothing(self) -> None:
        """An answer before the request has ended: the rest of the request is nobody's."""
        async with capturing() as captured:
            at = captured.at
            call = at.client.call(SAFE, end=False)
            (await at.green.request()).cancel(frames.INTERNAL_ERROR)
            original = await at.blue.request()
            original.headers((b":status", b"200"))
            await outcome(at, "failed", "INTERNAL")
            original.trail()
            await call.end()
            await captured.pair()
            call.send(b"and more", end=True)
            await at.client.sync()
            assert captured.captures.size == 0

    async def test_a_shadow_that_is_dropped_is_counted_though_its_primary_never_ends(self) -> None:
        async with capturing() as captured:
            at = captured.at
            call = at.client.call(SAFE)
            await at.green.request()
            original = await at.blue.request()
            at.rig.switch.mirrors.stop()
            assert await captured.total("green", "shadow", "dropped", "shutdown") == 1
            original.answer()
            await call.end()

    async def test_all_pairs_of_a_call_began_at_the_same_time(self) -> None:
        """It is how a replay knows that they are one call."""
        both = [{"color": "green", "percent": 100}, {"color": "red", "percent": 100}]
        async with capturing(shadowed(mirror=both)) as captured:
            at = captured.at
            red = await at.rig.endpoint("red")
            await at.rig.connected(red)
            call = at.client.call(SAFE)
            (await at.green.request()).answer()
            await served(at, call)
            await captured.pair()
            (await red.request()).answer()
            await outcome(at, "completed", "OK")
            await at.rig.news.until(lambda: captured.read() and len(captured.pairs) == 2, what="two pairs")
            assert len({each.at for each in captured.pairs}) == 1
