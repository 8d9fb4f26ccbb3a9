"""Work that a signal ends: it cleans up, and its caller knows."""

import asyncio
import os
import signal

import pytest

from rollout.stoppable import stoppable


async def test_work_that_is_done_gives_its_result() -> None:
    async def work() -> int:
        return 7

    assert await stoppable(work()) == 7


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_cancels_the_work_after_which_it_cleans_up(which: signal.Signals) -> None:
    cleaned = False

    async def work() -> None:
        nonlocal cleaned
        try:
            os.kill(os.getpid(), which)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # cleaning up may take time
            cleaned = True

    assert await stoppable(work()) is which
    assert cleaned


async def test_an_error_of_the_work_comes_out_as_it_is() -> None:
    async def work() -> None:
        raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        await stoppable(work())


async def test_signals_mean_afterwards_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def work() -> None:
        pass

    await stoppable(work())
    assert signal.getsignal(signal.SIGTERM) is before
