"""What `splitter.watchdog` promises: a loop that does not turn is noticed while it hangs, and told once."""

import asyncio
import logging
import threading

import pytest

from splitter.watchdog import Watchdog

LIMIT = 0.05
WITHIN = 10.0


class Told(logging.Handler):
    """Keeps what the watchdog says, and lets a thread wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.news = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self.news:
            self.lines.append(record.getMessage())
            self.news.notify_all()

    def wait(self, count: int) -> None:
        """Return when that many lines have been said; blocks the thread, as a stall does."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.lines) >= count, WITHIN)


@pytest.fixture
def told() -> "logging.Handler":
    told = Told()
    logging.getLogger("splitter.watchdog").addHandler(told)
    yield told
    logging.getLogger("splitter.watchdog").removeHandler(told)


@pytest.fixture
async def watchdog() -> Watchdog:
    made = Watchdog(LIMIT)
    made.start()
    yield made
    made.stop()


async def hang_here(told: Told, count: int = 1) -> None:
    """Hold the event loop until the watchdog has noticed."""
    told.wait(count)


async def test_a_stall_is_told_while_it_lasts_with_the_place_where_the_loop_hangs(
    watchdog: Watchdog, told: Told
) -> None:
    await hang_here(told)
    assert watchdog.stalls == 1
    assert "has not turned for 0.05 s" in told.lines[0]
    assert "in hang_here" in told.lines[0]
    assert "told.wait(count)" in told.lines[0]
    await asyncio.to_thread(told.wait, 2)
    assert told.lines[1].startswith("the event loop turns again, after 0.")
    assert watchdog.stalled >= LIMIT


async def test_each_stall_is_counted_and_its_stack_told_once(watchdog: Watchdog, told: Told) -> None:
    for stalls in (1, 2, 3):
        await hang_here(told, 2 * stalls - 1)
        await asyncio.to_thread(told.wait, 2 * stalls)
        assert watchdog.stalls == stalls
    assert sum("it is at" in line for line in told.lines) == 3


async def test_a_loop_that_turns_is_left_alone(told: Told) -> None:
    watchdog = Watchdog(WITHIN)
    watchdog.start()
    for _ in range(100):
        await asyncio.sleep(0)
    watchdog.stop()
    assert (watchdog.stalls, watchdog.stalled, told.lines) == (0, 0.0, [])


async def test_what_is_only_noticed_when_it_is_over_counts_too(told: Told) -> None:
    """C code that holds the interpreter's lock keeps the watchdog from looking: by its clock it has been long."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += WITHIN / 2  # as much as the limit passes between question and answer
        return now

    watchdog = Watchdog(LIMIT, clock=clock)
    watchdog.start()
    await asyncio.to_thread(told.wait, 1)
    watchdog.stop()
    assert watchdog.stalls >= 1
    assert told.lines[0] == "the event loop turns again, after 5.00 s"


async def test_with_a_limit_of_0_nobody_looks() -> None:
    before = threading.active_count()
    Watchdog(0).start()
    assert threading.active_count() == before


async def test_its_thread_ends_when_it_is_stopped(told: Told) -> None:
    watchdog = Watchdog(LIMIT)
    watchdog.start()
    (thread,) = [each for each in threading.enumerate() if each.name == "watchdog" and each.is_alive()][-1:]
    watchdog.stop()
    await asyncio.to_thread(thread.join, WITHIN)
    assert not thread.is_alive()
    assert told.lines == []
