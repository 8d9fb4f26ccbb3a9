"""The pool runs so many at a time, lets so many wait, and a call that gives up waiting is never run."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from model_server.errors import OverloadedError
from model_server.workers import Workers


class Gate:
    """Work that begins, and ends when told."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.runs = 0

    def __call__(self) -> int:
        self.runs += 1
        self.begun.release()
        assert self.may_end.wait(10)
        return self.runs

    async def wait_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=10)


@pytest.fixture
async def one() -> AsyncIterator[Workers]:
    workers = Workers(1, queue=2)
    yield workers
    workers.close()


async def test_the_result_and_the_exception_of_the_work_come_back(one: Workers) -> None:
    assert await one.run(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await one.run(lambda: 1 // 0)
    assert await one.run(lambda: 43) == 43


async def test_the_event_loop_goes_on_while_work_runs(one: Workers) -> None:
    gate = Gate()
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(one.run(gate))
        await gate.wait_begun()
        assert not work.done()
        gate.may_end.set()
    assert work.result() == 1


async def test_what_waits_is_bounded_and_the_next_is_refused(one: Workers) -> None:
    gate = Gate()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one.run(gate))
        await gate.wait_begun()
        waiting = [tasks.create_task(one.run(lambda: 1)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="at most 2 calls waiting"):
            await one.run(lambda: 1)
        gate.may_end.set()
    assert [task.result() for task in waiting] == [1, 1]


async def test_no_queue_still_serves_whenever_a_thread_is_free() -> None:
    workers = Workers(1, queue=0)
    assert [await workers.run(lambda: 1) for _ in range(3)] == [1, 1, 1]
    workers.close()


async def test_a_call_cancelled_in_the_queue_leaves_at_once_and_is_never_run(one: Workers) -> None:
    gate, never = Gate(), Gate()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one.run(gate))
        await gate.wait_begun()
        waiting = tasks.create_task(one.run(never))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait((waiting,))
        assert waiting.cancelled()
        gate.may_end.set()
    assert await one.run(lambda: 1) == 1
    assert never.runs == 0


async def test_a_cancelled_run_keeps_its_thread_until_it_ends(one: Workers) -> None:
    gate = Gate()
    async with asyncio.TaskGroup() as tasks:
        abandoned = tasks.create_task(one.run(gate))
        await gate.wait_begun()
        abandoned.cancel()
        await asyncio.wait((abandoned,))
        following = tasks.create_task(one.run(lambda: 2))
        _, pending = await asyncio.wait((following,), timeout=0.05)
        assert pending, "a second run began beside the first, though there is one thread"
        gate.may_end.set()
    assert following.result() == 2


async def test_an_abandoned_run_that_fails_disturbs_nobody(one: Workers) -> None:
    gate = Gate()

    def fail() -> None:
        gate()
        raise RuntimeError("nobody hears this")

    async with asyncio.TaskGroup() as tasks:
        abandoned = tasks.create_task(one.run(fail))
        await gate.wait_begun()
        abandoned.cancel()
        gate.may_end.set()
    assert await one.run(lambda: 3) == 3
