"""Whatever happens to calls, each is answered once and counted once, and afterwards nothing is left."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from model_server.errors import ModelServerError
from model_server.models import Array, Batching
from model_server.scheduling.scheduler import Scheduler
from tests.model_server.scheduling.fakes import Doubles, FailsAt, ask


@pytest.mark.parametrize("seed", range(8))
async def test_every_call_is_answered_rightly_and_counted_once(
    seed: int, schedulers: type[Scheduler]
) -> None:
    chance = random.Random(seed)
    scheduler = schedulers(3, queue=40)
    fakes = [
        FailsAt(name="batched", batching=Batching(6)),
        FailsAt(name="waits", batching=Batching(4, delay=0.001)),
        FailsAt(name="narrow", concurrency=1),
        Doubles(name="steady", steady=True),
    ]
    ends: dict[str, Counter[str]] = {each.model.name: Counter() for each in fakes}

    async def call(fake: Doubles, values: list[int], deadline: float | None) -> None:
        try:
            answer = await ask(scheduler, fake.model, *values, deadline=deadline)
            assert answer == [2 * each for each in values]
            ends[fake.model.name]["answered"] += 1
        except (ModelServerError, asyncio.CancelledError) as error:
            ends[fake.model.name][type(error).__name__] += 1

    tasks = []
    for _ in range(1_500):
        values = [chance.randrange(40) for _ in range(chance.choice((0, 1, 1, 2, 5, 9)))]
        deadline = time.monotonic() + 0.002 if chance.random() < 0.1 else None
        tasks.append(asyncio.ensure_future(call(chance.choice(fakes), values, deadline)))
        if chance.random() < 0.2:
            await asyncio.sleep(0)
        if chance.random() < 0.2:
            chance.choice(tasks).cancel()
        if chance.random() < 0.02:
            await asyncio.wait((tasks[-1],))
    await asyncio.wait(tasks)
    assert (scheduler.waiting, scheduler.running) == (0, 0) or await quiet(scheduler)
    for fake in fakes:
        counted, seen = scheduler.statistics(fake.model), ends[fake.model.name]
        assert counted.success.count + counted.fail.count == seen.total()
        # Who is cancelled with the answer on its way has been counted as answered
        assert 0 <= counted.success.count - seen["answered"] <= seen["CancelledError"]
    assert sum(seen["answered"] for seen in ends.values()) > 100
    assert max(fakes[0].rows) <= 9


async def quiet(scheduler: Scheduler) -> bool:
    """Runs that nobody waits for any more end soon."""
    async with asyncio.timeout(10):
        while scheduler.waiting or scheduler.running:  # noqa: ASYNC110  # nobody hears of an unheard run's end
            await asyncio.sleep(0.001)
    return True


async def test_a_model_never_has_more_runs_under_way_than_its_concurrency(
    schedulers: type[Scheduler],
) -> None:
    lock, under_way, most = threading.Lock(), 0, 0

    class Watched(Doubles):
        def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
            nonlocal under_way, most
            with lock:
                under_way += 1
                most = max(most, under_way)
            try:
                return super().run(names, feeds)
            finally:
                with lock:
                    under_way -= 1

    scheduler, watched = schedulers(4, queue=1_000), Watched(concurrency=2)
    await asyncio.gather(*(ask(scheduler, watched.model, n) for n in range(500)))
    assert most <= 2


async def test_a_thread_that_cannot_be_had_fails_one_call_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, schedulers: type[Scheduler]
) -> None:
    scheduler, doubles = schedulers(1, queue=1), Doubles()

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError, match="can't start"):
            await ask(scheduler, doubles.model, 1)
    assert scheduler.waiting == 0
    assert await ask(scheduler, doubles.model, 1) == [2]
