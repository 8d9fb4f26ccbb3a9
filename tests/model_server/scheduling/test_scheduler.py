"""The scheduler runs so many at a time, the oldest first, lets so many wait, and never runs what nobody waits for."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

import pytest

from model_server.errors import (
    BadRequestError,
    DeadlineError,
    ModelFailedError,
    OverloadedError,
    StoppingError,
)
from model_server.models import Array, fake_model
from model_server.scheduling.scheduler import COMPUTE, QUEUE, Scheduler
from model_server.tensors import WireTensor
from tests.model_server.scheduling.fakes import Doubles, FailsAt, Gated, Phases, ask, queued


@pytest.fixture
async def one() -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(1, queue=4)
    yield scheduler
    scheduler.close()


async def test_a_call_is_answered_and_its_failure_is_the_callers(one: Scheduler) -> None:
    fails = FailsAt().model
    assert await ask(one, fails, 1, 2) == [2, 4]
    with pytest.raises(ModelFailedError, match="13"):
        await ask(one, fails, 13)
    with pytest.raises(BadRequestError, match="expected 8 bytes"):
        await one.run(fails, ["Y"], [WireTensor("X", "FP32", (2,), raw=b"abc")], observer=Phases())
    assert await ask(one, fails, 3) == [6]


async def test_a_model_without_inputs_is_run_too(one: Scheduler) -> None:
    def constant(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        return Doubles().run(names, {"X": Doubles().model.zeros()["X"]})

    model = fake_model(constant, inputs={}, outputs={"Y": ("FP32", (1,))})
    (answer,) = await one.run(model, ["Y"], [], observer=Phases())
    assert list(answer.typed["fp32_contents"]) == [0]


async def test_the_event_loop_goes_on_while_a_model_runs(one: Scheduler) -> None:
    gated = Gated()
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(ask(one, gated.model, 1))
        await gated.until_begun()
        assert not call.done()
        assert (one.running, one.waiting) == (1, 0)
        gated.let_go()
    assert (one.running, one.waiting) == (0, 0)


async def test_the_oldest_call_goes_first_whichever_its_model(one: Scheduler) -> None:
    order: list[str] = []

    def named(name: str) -> Doubles:
        model = Doubles(name=name)

        def run(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
            order.append(name)
            return Doubles.run(model, names, feeds)

        model.model = fake_model(
            run, name=name, inputs={"X": ("FP32", (-1,))}, outputs={"Y": ("FP32", (-1,))}
        )
        return model

    gated, a, b = Gated(), named("a").model, named("b").model
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(one, gated.model, 1))
        await gated.until_begun()
        await queued(one, tasks, *(ask(one, each, 1) for each in (a, a, b, a)))
        gated.let_go()
    assert order == ["a", "a", "b", "a"]


async def test_a_model_with_a_concurrency_leaves_the_other_threads_to_others(
    schedulers: type[Scheduler],
) -> None:
    scheduler = schedulers(2, queue=9)
    gated, other = Gated(concurrency=1), Doubles()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(scheduler, gated.model, 1))
        await gated.until_begun()
        await queued(scheduler, tasks, ask(scheduler, gated.model, 2), ask(scheduler, gated.model, 3))
        assert await ask(scheduler, other.model, 4) == [8]
        assert (scheduler.running, scheduler.waiting, len(gated.rows)) == (1, 2, 1)
        gated.let_go()
    assert len(gated.rows) == 3


async def test_as_many_run_at_a_time_as_there_are_threads_and_no_more(schedulers: type[Scheduler]) -> None:
    scheduler = schedulers(3, queue=9)
    gated = Gated()
    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(ask(scheduler, gated.model, number))
        for _ in range(3):
            await gated.until_begun()
        assert (scheduler.running, scheduler.waiting) == (3, 2)
        assert len(set(gated.threads)) == 3
        gated.let_go()
    assert len(set(gated.threads)) == 3


async def test_what_waits_is_bounded_by_model_and_the_next_is_refused_by_name(one: Scheduler) -> None:
    gated, other = Gated(name="slow"), Doubles()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(one, gated.model, 1))
        await gated.until_begun()
        await queued(one, tasks, *(ask(one, gated.model, 1) for _ in range(4)))
        with pytest.raises(OverloadedError, match=r"model 'slow': expected at most 4 calls waiting"):
            await ask(one, gated.model, 1)
        waits = await queued(one, tasks, ask(one, other.model, 1))
        gated.let_go()
    assert waits[0].result() == [2]
    assert one.statistics(gated.model).fail.count == 1


async def test_no_queue_still_serves_whenever_a_thread_is_free(schedulers: type[Scheduler]) -> None:
    scheduler = schedulers(2, queue=0)
    gated = Gated()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(ask(scheduler, gated.model, 1))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await ask(scheduler, gated.model, 1)
        gated.let_go()
    for number in range(20):
        assert await ask(scheduler, Doubles().model, number) == [2 * number]


async def test_a_call_cancelled_in_the_queue_leaves_it_at_once_and_is_never_run(one: Scheduler) -> None:
    gated, never = Gated(), Doubles()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(one, gated.model, 1))
        await gated.until_begun()
        (call,) = await queued(one, tasks, ask(one, never.model, 1))
        call.cancel()
        await asyncio.wait((call,))
        assert (call.cancelled(), one.waiting) == (True, 0)
        gated.let_go()
    assert await ask(one, gated.model, 1) == [2]
    assert never.rows == []
    assert one.statistics(never.model).fail.count == 1


async def test_a_call_cancelled_in_the_very_moment_a_thread_is_free_is_not_run(one: Scheduler) -> None:
    """Its future knows before its task does."""
    gated, never = Gated(), Doubles()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(ask(one, gated.model, 1))
        await gated.until_begun()
        (call,) = await queued(one, tasks, ask(one, never.model, 1))
        call.cancel()  # the loop does not turn: the queue still holds it
        gated.let_go(1)
        while one.waiting or one.running:
            time.sleep(0)  # noqa: ASYNC251  # so that it does not
        assert not running.done()
    assert never.rows == []


async def test_a_call_cancelled_before_its_first_step_never_was(one: Scheduler) -> None:
    never = Doubles()
    call = asyncio.ensure_future(ask(one, never.model, 1))
    call.cancel()
    await asyncio.wait((call,))
    assert (one.waiting, never.rows) == (0, [])


async def test_a_cancelled_run_keeps_its_thread_and_its_answer_disturbs_nobody(one: Scheduler) -> None:
    gated = Gated()
    async with asyncio.TaskGroup() as tasks:
        abandoned = tasks.create_task(ask(one, gated.model, 1))
        await gated.until_begun()
        abandoned.cancel()
        await asyncio.wait((abandoned,))
        (following,) = await queued(one, tasks, ask(one, gated.model, 2))
        assert (one.running, len(gated.rows)) == (1, 1), "a second run began, though there is one thread"
        gated.let_go()
    assert following.result() == [4]
    assert (one.statistics(gated.model).success.count, one.statistics(gated.model).fail.count) == (1, 1)
    assert one.statistics(gated.model).execution_count == 2


async def test_a_call_whose_deadline_has_passed_is_not_even_queued(one: Scheduler) -> None:
    never = Doubles(name="m")
    with pytest.raises(DeadlineError, match="model 'm': the deadline had passed"):
        await ask(one, never.model, 1, deadline=time.monotonic())
    assert never.rows == []


async def test_a_deadline_that_passes_in_the_queue_is_answered_then_and_leaves_room(one: Scheduler) -> None:
    gated, never = Gated(), Doubles()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(ask(one, gated.model, 1))
        await gated.until_begun()
        with pytest.raises(DeadlineError, match="while the call waited"):
            await ask(one, never.model, 1, deadline=time.monotonic() + 0.02)
        assert (one.waiting, running.done()) == (0, False)
        gated.let_go()
    assert never.rows == []


async def test_a_deadline_that_passes_while_it_runs_is_answered_then(one: Scheduler) -> None:
    gated = Gated()
    with pytest.raises(DeadlineError, match="while the call ran"):
        await ask(one, gated.model, 1, deadline=time.monotonic() + 0.02)
    gated.let_go()
    assert await ask(one, gated.model, 2) == [4]
    assert one.statistics(gated.model).fail.count == 1


async def test_queue_and_compute_are_told_without_a_gap_and_no_batch_where_there_is_none(
    one: Scheduler,
) -> None:
    phases = Phases()
    before = time.time_ns()
    await ask(one, Doubles().model, 1, observer=phases)
    (queue, arrived, started), (compute, began, ended) = phases.seen
    assert (queue, compute) == (QUEUE, COMPUTE)
    assert before - 1_000_000 <= arrived <= started == began <= ended <= time.time_ns()
    assert phases.rows == []


async def test_close_answers_who_waits_lets_finish_what_runs_and_ends_the_threads(
    schedulers: type[Scheduler],
) -> None:
    scheduler = schedulers(1, queue=4)
    gated = Gated(name="m")
    running = asyncio.ensure_future(ask(scheduler, gated.model, 1))
    await gated.until_begun()
    waiting = asyncio.ensure_future(ask(scheduler, gated.model, 2))
    await asyncio.sleep(0)
    scheduler.close()
    with pytest.raises(StoppingError, match="model 'm': this server is stopping"):
        await waiting
    with pytest.raises(StoppingError):
        await ask(scheduler, gated.model, 3)
    gated.let_go()
    assert await running == [2]
    (thread,) = set(gated.threads)
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()


async def test_an_idle_scheduler_has_threads_that_end_and_an_unused_one_has_none(
    schedulers: type[Scheduler],
) -> None:
    before = threading.active_count()
    schedulers(8, queue=1).close()
    used, doubles = schedulers(8, queue=1), Doubles()
    assert threading.active_count() == before
    await ask(used, doubles.model, 1)
    used.close()
    await asyncio.to_thread(doubles.threads[0].join, 10)
    assert threading.active_count() - before <= 1  # asyncio's own, for the line above


async def test_an_aborted_run_answers_its_caller_and_the_thread_goes_on(one: Scheduler) -> None:
    begun, aborted = threading.Event(), threading.Event()

    def endless(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        begun.set()
        assert aborted.wait(10)
        raise ModelFailedError("model 'fake' failed: terminated")

    tensors = {"X": ("FP32", (-1,))}
    model = fake_model(endless, inputs=tensors, outputs={"Y": ("FP32", (-1,))}, abort=aborted.set)
    call = asyncio.ensure_future(ask(one, model, 1))
    await asyncio.to_thread(begun.wait, 10)
    model.abort()
    with pytest.raises(ModelFailedError, match="terminated"):
        await call
    assert await ask(one, Doubles().model, 1) == [2]


@pytest.mark.parametrize("error", [StopIteration("odd"), SystemExit(3), KeyboardInterrupt(), MemoryError()])
async def test_whatever_a_model_raises_its_caller_is_answered_and_the_thread_lives(
    one: Scheduler, error: BaseException
) -> None:
    def raising(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        raise error

    model = fake_model(raising, inputs={"X": ("FP32", (-1,))}, outputs={"Y": ("FP32", (-1,))})
    with pytest.raises(Exception):  # noqa: B017, PT011  # which one is the transport's business
        await ask(one, model, 1)
    assert await ask(one, Doubles().model, 1) == [2]


async def test_a_result_that_comes_after_its_loop_has_closed_ends_the_thread_quietly(
    schedulers: type[Scheduler],
) -> None:
    scheduler, gated = schedulers(1, queue=1), Gated()

    def leave() -> None:
        async def begin() -> None:
            call = asyncio.ensure_future(ask(scheduler, gated.model, 1))
            await gated.until_begun()
            call.cancel()

        asyncio.run(begin())

    await asyncio.to_thread(leave)
    gated.let_go()
    await asyncio.to_thread(gated.threads[0].join, 10)
    assert not gated.threads[0].is_alive()
    scheduler.close()


async def test_nothing_of_a_model_or_a_call_is_kept_when_they_are_gone(one: Scheduler) -> None:
    """Without the collector: no cycle, either."""
    gc.collect()
    gc.disable()
    try:
        # (The fakes and their own models hold each other; copies are held by nobody but the calls)
        gated = Gated()

        def fail_late(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
            gated.run(names, feeds)
            raise ModelFailedError("unheard")

        fails, slow = replace(FailsAt(name="m").model), replace(gated.model, run=fail_late)
        for value in (1, 13):
            await asyncio.gather(ask(one, fails, value), return_exceptions=True)
        call = asyncio.ensure_future(ask(one, slow, 1))
        await gated.until_begun()
        call.cancel()
        late = asyncio.ensure_future(ask(one, fails, 13))
        await asyncio.sleep(0)
        late.cancel()
        await asyncio.wait((call, late))
        gated.let_go()
        await ask(one, Doubles().model, 1)
        models = [weakref.ref(fails), weakref.ref(slow)]
        assert one.statistics(fails).success.count == 1
        del fails, slow, call, late
        assert [each() for each in models] == [None, None]
    finally:
        gc.enable()
    assert one.tallies()["m", "1"].success == 1, "what a reloaded model counted is not forgotten"
