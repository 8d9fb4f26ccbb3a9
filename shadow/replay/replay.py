"""Sends stored requests at an even rate, so many at a time at most, and hands over the pairs in batches.

It writes nothing itself: `keep` gets what is done, in order of its end, also when the replay is cancelled.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Final

import grpc
import grpc.aio

from shadow.pair import REPLAY, Pair, PairId
from shadow.replay.call import OPTIONS, Sent, Target, send

BATCH: Final = 64
"""Pairs that are kept together."""
REACHED_WITHIN: Final = 5.0
"""Seconds for the first connection to a target."""


class Unreachable(Exception):
    """A target that accepts no connection."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast: calls a second, and how many at a time."""

    rate: float = 50.0
    at_once: int = 16
    timeout: float = 10.0
    """Seconds of one call."""


Keep = Callable[[Sequence[Pair]], None]
Finished = Callable[[Pair], None]


class Replay:
    """One run; `run` is its name, and the source of its pairs."""

    def __init__(
        self, run: str, targets: Sequence[Target], pace: Pace, *, keep: Keep, finished: Finished
    ) -> None:
        self._run = run
        self._targets = tuple(targets)
        self._pace = pace
        self._keep = keep
        self._finished = finished
        self._numbers = itertools.count(1)
        self._due = 0.0
        self._done: list[Pair] = []

    async def send(self, pairs: Iterator[Pair]) -> None:
        """Send the requests of `pairs`; Unreachable before anything is sent if a target does not answer."""
        async with AsyncExitStack() as stack:
            channels = [
                (
                    await stack.enter_async_context(grpc.aio.insecure_channel(each.address, options=OPTIONS)),
                    each,
                )
                for each in self._targets
            ]
            await asyncio.gather(*(_reach(channel, target) for channel, target in channels))
            turns = itertools.cycle(channels)
            self._due = time.monotonic()
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(self._pace.at_once):
                        group.create_task(self._work(pairs, turns))
            finally:
                if self._done:
                    self._keep(self._done)  # at once, without a wait: the run may be cancelled

    async def _work(self, pairs: Iterator[Pair], turns: Iterator[tuple[grpc.aio.Channel, Target]]) -> None:
        interval = 1 / self._pace.rate
        for pair in pairs:
            due = self._due = max(self._due + interval, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            channel, target = next(turns)
            at = time.time_ns()
            sent = await send(channel, target, pair, timeout=self._pace.timeout)
            made = self._pair(pair, sent, at)
            self._done.append(made)
            self._finished(made)
            if len(self._done) >= BATCH:
                done, self._done = self._done, []
                await asyncio.to_thread(
                    self._keep, done
                )  # comparing and SQL: the other calls go on meanwhile

    def _pair(self, pair: Pair, sent: Sent, at: int) -> Pair:
        return replace(
            pair,
            id=PairId(self._run, next(self._numbers)),
            at=at,
            role=REPLAY,
            shadow=sent.answer,
            outcome=sent.outcome,
            reason=sent.reason,
        )


async def _reach(channel: grpc.aio.Channel, target: Target) -> None:
    state = channel.get_state(try_to_connect=True)
    try:
        async with asyncio.timeout(REACHED_WITHIN):
            while state is not grpc.ChannelConnectivity.READY:
                if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                    raise Unreachable(f"{target.color} at {target.address} accepts no connection")
                await channel.wait_for_state_change(state)
                state = channel.get_state()
    except TimeoutError:
        rule = f"does not answer within {REACHED_WITHIN:g} s"
        raise Unreachable(f"{target.color} at {target.address} {rule}") from None
