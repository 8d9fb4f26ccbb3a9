"""Calls that wait together run together; nobody can tell from the answer, and nobody waits who is alone."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from model_server.errors import BadRequestError, ModelFailedError
from model_server.models import Batching
from model_server.scheduling.scheduler import Scheduler
from model_server.scheduling.statistics import Duration
from model_server.tensors import WireTensor
from tests.model_server.scheduling.fakes import BATCHING, Doubles, FailsAt, Gated, Phases, SumsUp, ask, queued

MINUTES = 600.0


@pytest.fixture
async def one() -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(1, queue=100)
    yield scheduler
    scheduler.close()


async def together(scheduler: Scheduler, *calls: Any) -> list[Any]:
    """The outcomes of calls that all wait when the thread becomes free; an exception is an outcome."""
    gate = Gated()
    first = asyncio.ensure_future(ask(scheduler, gate.model, 0))
    await gate.until_begun()
    tasks = []
    for each in calls:
        tasks.append(asyncio.ensure_future(each))
        await asyncio.sleep(0)
    gate.let_go()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_calls_that_wait_together_run_together_and_each_gets_its_own_rows(one: Scheduler) -> None:
    doubles, phases = Doubles(batching=BATCHING), Phases()
    calls = [ask(one, doubles.model, n, *range(n), observer=phases) for n in range(3)]
    assert await together(one, *calls) == [[0], [2, 0], [4, 0, 2]]
    assert doubles.rows == [6]
    assert phases.rows == [6, 6, 6]


async def test_a_run_has_at_most_so_many_rows_and_the_rest_waits_for_the_next(one: Scheduler) -> None:
    doubles = Doubles(batching=Batching(most=5))
    sizes = [2, 2, 3, 1, 9, 1]
    answers = await together(one, *(ask(one, doubles.model, *[n] * n) for n in sizes))
    assert answers == [[2 * n] * n for n in sizes]
    assert doubles.rows == [5, 4, 9], "2+2+1, 3+1, and the 9 alone: it is whole, and nobody else's"


async def test_without_batching_every_call_runs_alone(one: Scheduler) -> None:
    doubles = Doubles()
    await together(one, *(ask(one, doubles.model, 1) for _ in range(3)))
    assert doubles.rows == [1, 1, 1]


async def test_calls_that_differ_in_more_than_their_rows_are_not_joined(one: Scheduler) -> None:
    doubles = Doubles(batching=BATCHING, shape=(-1, -1))

    async def wide(width: int, names: tuple[str, ...] = ("Y",)) -> Any:
        sent = WireTensor("X", "FP32", (1, width), raw=bytes(4 * width))
        answer = await one.run(doubles.model, names, [sent], observer=Phases())
        return [(each.name, each.shape) for each in answer]

    answers = await together(one, wide(1), wide(2), wide(1), wide(1, ("Z",)), wide(2))
    assert answers == [[("Y", (1, 1))], [("Y", (1, 2))], [("Y", (1, 1))], [("Z", (1, 1))], [("Y", (1, 2))]]
    assert doubles.rows == [2, 2, 1]


async def test_models_are_not_mixed(one: Scheduler) -> None:
    a, b = Doubles(batching=BATCHING), Doubles(batching=BATCHING)
    assert await together(one, *(ask(one, each.model, 1) for each in (a, b, a, b))) == [[2]] * 4
    assert (a.rows, b.rows) == ([2], [2])


async def test_raw_and_typed_calls_are_joined_and_each_is_answered_in_its_form(one: Scheduler) -> None:
    doubles = Doubles(batching=BATCHING)
    typed = WireTensor("X", "FP32", (2,), typed={"fp32_contents": [3.0, 4.0]})
    raw, (answer,) = await together(
        one, ask(one, doubles.model, 1), one.run(doubles.model, ["Y"], [typed], observer=Phases())
    )
    assert (raw, answer.typed) == ([2], {"fp32_contents": [6.0, 8.0]})
    assert doubles.rows == [3]


async def test_a_call_whose_bytes_are_wrong_fails_alone_and_the_rest_is_still_joined(one: Scheduler) -> None:
    doubles = Doubles(batching=BATCHING)
    wrong = one.run(doubles.model, ["Y"], [WireTensor("X", "FP32", (2,), raw=bytes(7))], observer=Phases())
    good, refused, fine = await together(one, ask(one, doubles.model, 1), wrong, ask(one, doubles.model, 2))
    assert (good, fine) == ([2], [4])
    assert isinstance(refused, BadRequestError)
    assert doubles.rows == [2]


async def test_a_call_that_fails_the_run_fails_alone(one: Scheduler) -> None:
    fails = FailsAt(batching=BATCHING)
    outcomes = await together(one, *(ask(one, fails.model, value) for value in (1, 13, 2)))
    assert (outcomes[0], outcomes[2]) == ([2], [4])
    assert isinstance(outcomes[1], ModelFailedError)
    assert fails.rows == [3, 1, 1, 1]
    counted = one.statistics(fails.model)
    assert (counted.success.count, counted.fail.count, counted.execution_count) == (2, 1, 2)


async def test_calls_without_rows_or_with_uneven_ones_run_alone(one: Scheduler) -> None:
    doubles = Doubles(batching=BATCHING)
    assert await together(
        one, ask(one, doubles.model, 1), ask(one, doubles.model), ask(one, doubles.model, 2)
    ) == [
        [2],
        [],
        [4],
    ]
    assert doubles.rows == [2, 0]


async def test_a_model_that_does_not_keep_rows_is_not_batched_any_more_and_nobody_notices(
    one: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    sums = SumsUp(batching=BATCHING, name="sums")
    with caplog.at_level(logging.WARNING):
        assert await together(one, ask(one, sums.model, 1, 2), ask(one, sums.model, 3)) == [[3], [3]]
    assert sums.rows == [3, 2, 1]
    assert "model sums version 1 is not batched any more: output 'Y': expected 3 rows" in caplog.text
    assert await together(one, ask(one, sums.model, 1, 2), ask(one, sums.model, 3)) == [[3], [3]]
    assert sums.rows[3:] == [2, 1]


async def test_who_is_cancelled_before_the_run_is_not_in_it(one: Scheduler) -> None:
    doubles, gate = Doubles(batching=BATCHING), Gated()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(one, gate.model, 0))
        await gate.until_begun()
        a, b, c = await queued(one, tasks, *(ask(one, doubles.model, n) for n in (1, 2, 3)))
        b.cancel()
        gate.let_go()
    assert (a.result(), b.cancelled(), c.result()) == ([2], True, [6])
    assert doubles.rows == [2]


async def test_who_is_cancelled_during_the_run_changes_nothing_for_the_others(one: Scheduler) -> None:
    gated, gate = Gated(batching=BATCHING), Gated()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(one, gate.model, 0))
        await gate.until_begun()
        a, b, c = await queued(one, tasks, *(ask(one, gated.model, n) for n in (1, 2, 3)))
        gate.let_go()
        await gated.until_begun()
        b.cancel()
        gated.let_go()
    assert (a.result(), b.cancelled(), c.result()) == ([2], True, [6])
    assert gated.rows == [3]
    counted = one.statistics(gated.model)
    assert (counted.success.count, counted.fail.count) == (2, 1)


async def test_a_lone_call_waits_for_nobody_whatever_the_delay(one: Scheduler) -> None:
    doubles = Doubles(batching=Batching(most=8, delay=MINUTES))
    assert await asyncio.wait_for(ask(one, doubles.model, 1), 20) == [2]


async def test_while_others_of_its_model_run_a_call_waits_for_company_until_they_have_ended(
    schedulers: type[Scheduler],
) -> None:
    scheduler = schedulers(2, queue=9)
    gated, other = Gated(batching=Batching(most=8, delay=MINUTES)), Doubles()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(scheduler, gated.model, 0))
        await gated.until_begun()
        waiting = await queued(scheduler, tasks, *(ask(scheduler, gated.model, n) for n in (1, 2, 3)))
        # Another model's call does not wait with them: a thread is free
        assert await ask(scheduler, other.model, 7) == [14]
        assert gated.rows == [1]
        gated.let_go()
    assert [each.result() for each in waiting] == [[2], [4], [6]]
    assert gated.rows == [1, 3]


async def test_a_full_batch_does_not_wait(schedulers: type[Scheduler]) -> None:
    scheduler = schedulers(2, queue=9)
    gated = Gated(batching=Batching(most=3, delay=MINUTES))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(scheduler, gated.model, 0))
        await gated.until_begun()
        for number in range(3):
            tasks.create_task(ask(scheduler, gated.model, number))
        await gated.until_begun()
        assert gated.rows == [1, 3]
        gated.let_go()


async def test_who_cannot_be_joined_runs_as_soon_as_the_call_before_it_has_found_company(
    schedulers: type[Scheduler],
) -> None:
    """Two go at once; one thread takes the first, and wakes another for the second."""
    scheduler, warm = schedulers(4, queue=9), Gated()
    calls = [asyncio.ensure_future(ask(scheduler, warm.model, 1)) for _ in range(4)]
    for _ in calls:
        await warm.until_begun()
    warm.let_go()
    await asyncio.gather(*calls)
    gated, other = Gated(batching=Batching(most=2, delay=MINUTES)), Doubles()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(scheduler, gated.model, 0))
        await gated.until_begun()
        for values in ((1,), ()):
            await queued(scheduler, tasks, ask(scheduler, gated.model, *values))
            await ask(scheduler, other.model, 1)  # time enough for a thread to look, and to sleep again
        tasks.create_task(ask(scheduler, gated.model, 2))
        await gated.until_begun()
        await gated.until_begun()
        assert sorted(gated.rows) == [0, 1, 2]
        gated.let_go()


async def test_the_delay_is_the_longest_that_a_call_waits_for_company(schedulers: type[Scheduler]) -> None:
    scheduler = schedulers(2, queue=9)
    gated = Gated(batching=Batching(most=8, delay=0.02))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(scheduler, gated.model, 0))
        await gated.until_begun()
        tasks.create_task(ask(scheduler, gated.model, 1))
        await gated.until_begun()  # though the first still runs
        assert gated.rows == [1, 1]
        gated.let_go()


async def test_rows_runs_and_sizes_are_counted_as_triton_counts_them(one: Scheduler) -> None:
    doubles = Doubles(batching=BATCHING)
    await together(one, ask(one, doubles.model, 1, 2), ask(one, doubles.model, 3))
    await ask(one, doubles.model, 4)
    counted = one.statistics(doubles.model)
    assert (counted.success.count, counted.inference_count, counted.execution_count) == (3, 4, 2)
    assert [(each.size, each.compute_infer.count) for each in counted.batches] == [(1, 1), (3, 1)]
    three = counted.batches[1].compute_infer.ns
    assert counted.compute_infer == Duration(3, 2 * three + counted.batches[0].compute_infer.ns)
