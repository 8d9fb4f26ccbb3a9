"""A run of stored requests: at a rate, so many at once, and nothing that was done is lost."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

import pytest

from shadow.pair import REPLAY, Pair
from shadow.replay.call import Target
from shadow.replay.replay import BATCH, Pace, Replay, Unreachable
from tests.shadow.replay.server import Kinds, serving
from tests.shadow.replay.test_call import stored

FAST = Pace(rate=10_000, at_once=4)


class Kept:
    """What was kept, and how."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Pair]] = []
        self.finished: list[Pair] = []

    @property
    def pairs(self) -> list[Pair]:
        return [pair for batch in self.batches for pair in batch]

    def replay(self, *targets: Target, pace: Pace = FAST) -> Replay:
        return Replay("replay-1", targets, pace, keep=self.batches.append, finished=self.finished.append)


@pytest.fixture
def kinds() -> Kinds:
    return Kinds()


@pytest.fixture
async def target(kinds: Kinds) -> AsyncIterator[Target]:
    async with serving(kinds) as address:
        yield Target(address, "green", "v3")


def requests(number: int, method: str = "Unary") -> Iterator[Pair]:
    return (replace(stored(method, b"%d" % at), bucket=at) for at in range(number))


async def test_every_request_becomes_a_pair_of_the_run_with_the_stored_primary(target: Target) -> None:
    kept = Kept()
    before = time.time_ns()
    await kept.replay(target).send(requests(BATCH * 2 + 3))
    assert sorted(each.bucket for each in kept.pairs) == list(range(BATCH * 2 + 3))
    assert sorted(each.id.number for each in kept.pairs) == list(range(1, BATCH * 2 + 4))
    assert {(each.id.source, each.role, each.primary.color, each.shadow.status) for each in kept.pairs} == {
        ("replay-1", REPLAY, "blue", "OK")
    }
    assert all(each.at >= before for each in kept.pairs)
    assert len(kept.finished) == len(kept.pairs)
    assert max(map(len, kept.batches)) <= BATCH


async def test_no_more_calls_are_made_at_once_than_are_allowed(target: Target, kinds: Kinds) -> None:
    kept = Kept()
    running = asyncio.create_task(kept.replay(target).send(requests(12, "Gated")))
    async with asyncio.timeout(10):
        await kinds.crowded.wait()
    kinds.gate.set()
    await running
    assert kinds.most_at_once == FAST.at_once
    assert len(kept.pairs) == 12


async def test_calls_begin_at_the_rate_that_is_asked_for(target: Target) -> None:
    kept = Kept()
    await kept.replay(target, pace=Pace(rate=100, at_once=4)).send(requests(21))
    begun = sorted(each.at for each in kept.pairs)
    assert (begun[-1] - begun[0]) / 1e9 >= 0.19


async def test_several_endpoints_take_turns(kinds: Kinds) -> None:
    async with serving(kinds) as one, serving(Kinds()) as two:
        kept = Kept()
        await kept.replay(Target(one, "green"), Target(two, "green")).send(requests(10))
    counted = [each.shadow.endpoint for each in kept.pairs]
    assert (counted.count(one), counted.count(two)) == (5, 5)


async def test_what_was_done_before_it_was_stopped_is_kept(target: Target, kinds: Kinds) -> None:
    kept = Kept()

    def then_hang() -> Iterator[Pair]:
        yield from requests(10)
        yield from requests(100, "Gated")

    running = asyncio.create_task(kept.replay(target).send(then_hang()))
    async with asyncio.timeout(10):
        await kinds.crowded.wait()  # every worker has come to a call that hangs
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(kept.pairs) == 10


async def test_a_target_that_is_not_there_is_told_before_anything_is_sent(kinds: Kinds) -> None:
    async with serving(kinds) as address:
        pass
    kept = Kept()
    with pytest.raises(Unreachable, match=f"green at {address} accepts no connection"):
        await kept.replay(Target(address, "green")).send(requests(3))
    assert kept.pairs == []
