"""An hour's worth of models that come and go, and of clients that cancel, expire and crash, in about half a minute."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from benchmarks.models.churn.__main__ import left_over
from benchmarks.models.churn.mix import Mix
from benchmarks.models.churn.place import Held, Place

pytestmark = pytest.mark.timeout(300)  # the rounds take 16 s where nothing else runs

MIB = 1 << 20
WARM_UP, ROUNDS = 5, 30
MOST_GROWTH = 16 * MIB
"""Of memory at rest over the rounds. One kept session (half a megabyte of weights, and what ONNX Runtime builds on
them) for each tenth load would be more. `python -m benchmarks.models.churn` looks more closely, and longer."""


@dataclass(frozen=True, slots=True)
class Lived:
    mix: Mix
    before: Held
    after: Held


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    directory = tmp_path_factory.mktemp("churn")

    async def live(place: Place) -> Lived:
        mix = Mix(place, directory)
        await mix.ready()
        for _ in range(WARM_UP):
            await mix.round()
        before = await asyncio.to_thread(place.settled)
        for _ in range(ROUNDS):
            await mix.round()
        return Lived(mix, before, await asyncio.to_thread(place.rest, before))

    with ExitStack() as stack:
        return asyncio.run(live(Place(directory, stack)))


def test_no_call_fails_that_nobody_took_back(lived: Lived) -> None:
    """Reloads drop no call, what is broken is refused while the old model answers, what is unloaded is not found."""
    assert lived.mix.failures == {}


def test_as_much_happened_as_in_an_hour(lived: Lived) -> None:
    """So that the others are not true of nothing."""
    counts = lived.mix.counts
    assert counts["loads"] >= 200
    assert counts["unloads"] >= 90
    assert counts["broken loads"] >= 30
    assert counts["cancelled calls"] >= 100
    assert counts["expired calls"] >= 100
    assert counts["streams left open"] >= 150
    assert counts["killed clients"] >= 30
    assert counts["connections reset"] >= 120
    assert counts["calls answered"] >= 4_000


def test_no_task_thread_session_or_descriptor_is_left(lived: Lived) -> None:
    assert left_over(lived.before, lived.after) == []


def test_nothing_of_ours_adds_up(lived: Lived) -> None:
    """Objects of the server's own classes, after a full collection. One for each load would be 210 more."""
    assert lived.after.objects - lived.before.objects <= 60


def test_memory_stays_where_it_was(lived: Lived) -> None:
    assert lived.after.resident - lived.before.resident <= MOST_GROWTH
