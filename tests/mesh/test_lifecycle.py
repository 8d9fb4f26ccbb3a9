"""What `mesh.lifecycle` promises about signals and about waiting for what is in flight."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mesh.lifecycle import Drain, until_signal


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
async def test_it_returns_the_signal_that_came_and_puts_the_handlers_back(which: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    waiting = asyncio.create_task(until_signal())
    await asyncio.sleep(0)
    os.kill(os.getpid(), which)
    async with asyncio.timeout(5):
        assert await waiting is which
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before


async def test_it_waits_only_for_the_signals_it_was_given() -> None:
    before = signal.getsignal(signal.SIGTERM)
    waiting = asyncio.create_task(until_signal(signal.SIGUSR1))
    await asyncio.sleep(0)
    assert signal.getsignal(signal.SIGTERM) is before
    os.kill(os.getpid(), signal.SIGUSR1)
    async with asyncio.timeout(5):
        assert await waiting is signal.SIGUSR1


async def test_two_signals_at_once_are_one_end() -> None:
    waiting = asyncio.create_task(until_signal())
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    async with asyncio.timeout(5):
        assert await waiting in (signal.SIGTERM, signal.SIGINT)


async def test_cancelling_the_wait_puts_the_handlers_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    waiting = asyncio.create_task(until_signal())
    await asyncio.sleep(0)
    assert signal.getsignal(signal.SIGTERM) is not before
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert signal.getsignal(signal.SIGTERM) is before


PROGRAM = """
import asyncio, uvloop
from mesh.lifecycle import until_signal

async def main():
    signalled = asyncio.create_task(until_signal())
    await asyncio.sleep(0)  # it has begun
    print("waiting", flush=True)
    print((await signalled).name, flush=True)
    await asyncio.Event().wait()  # a drain that never ends

uvloop.run(main())
"""


def test_under_uvloop_a_first_signal_begins_the_end_and_a_second_one_makes_it() -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=root, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as program:
        assert program.stdout is not None
        try:
            assert program.stdout.readline() == "waiting\n"
            program.send_signal(signal.SIGTERM)
            assert program.stdout.readline() == "SIGTERM\n"
            program.send_signal(signal.SIGTERM)
            assert program.wait(10) == -signal.SIGTERM
        finally:
            program.kill()


async def test_a_drain_with_nothing_in_flight_is_over_at_once() -> None:
    assert await Drain().wait(0) == 0


async def test_a_drain_waits_for_the_last_to_leave() -> None:
    drain = Drain()
    drain.enter()
    drain.enter()
    waiting = asyncio.create_task(drain.wait(60))
    await asyncio.sleep(0)
    drain.leave()
    await asyncio.sleep(0)
    assert not waiting.done()
    assert drain.in_flight == 1
    drain.leave()
    async with asyncio.timeout(5):
        assert await waiting == 0


async def test_at_the_deadline_a_drain_says_how_many_are_left() -> None:
    drain = Drain()
    started = time.monotonic()
    with drain, drain:
        assert await drain.wait(0.05) == 2
    assert 0.05 <= time.monotonic() - started < 5
    assert await drain.wait(0.05) == 0


async def test_a_call_that_fails_is_no_longer_in_flight() -> None:
    drain = Drain()
    with pytest.raises(ZeroDivisionError), drain:
        raise ZeroDivisionError
    assert drain.in_flight == 0
    assert repr(drain) == "Drain(in_flight=0)"


async def test_several_may_wait_for_one_drain() -> None:
    drain = Drain()
    drain.enter()
    short, long = asyncio.create_task(drain.wait(0.01)), asyncio.create_task(drain.wait(60))
    assert await short == 1
    drain.leave()
    async with asyncio.timeout(5):
        assert await long == 0


async def test_cancelling_a_wait_leaves_the_count_alone() -> None:
    drain = Drain()
    with drain:
        waiting = asyncio.create_task(drain.wait(60))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert drain.in_flight == 1


def test_leaving_without_having_entered_is_a_bug_that_is_named() -> None:
    with pytest.raises(RuntimeError, match="leave without enter"):
        Drain().leave()
