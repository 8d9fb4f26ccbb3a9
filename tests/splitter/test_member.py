"""What `splitter.member` promises: one worker is kept alive, kept informed, and its figures never fall."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from splitter import member as module
from splitter.figures import Figures
from splitter.member import Member
from splitter.worker import Orders

WITHIN = 20.0
ORDERS = Orders(3, "host-1-abc", 0xBEEF, ((2, ("127.0.0.1", 1)),))
DOUBLE = """
import asyncio, json, socket, sys
from splitter.channel import Channel
from splitter.worker import Orders

CALLS, BEHAVIOR = int(sys.argv[1]), sys.argv[2]

async def main():
    orders = Orders.taken()
    channel = await Channel.over(socket.socket(fileno=orders.descriptor))
    over = asyncio.Event()
    def take(kind, value):
        if kind == "facts":
            report = {"version": value["version"], "listening": True, "status": {"orders": orders.number}}
            channel.put("report", json.dumps(report).encode())
        elif kind == "figures" and BEHAVIOR != "silent":
            series = {"verdigris_calls_total": [[["/m"], CALLS]], "verdigris_connections": [[["client"], 5]]}
            channel.put("figures", json.dumps(series).encode())
        elif kind == "table":
            channel.put("table", b'{"revision": 7}')
        elif kind == "drain":
            over.set()
    running = asyncio.create_task(channel.run(take))
    await over.wait()

asyncio.run(main())
"""


class Watched:
    """A member whose reports can be awaited."""

    def __init__(self, *command: str) -> None:
        self.news = asyncio.Event()
        self.member = Member(ORDERS, command=(sys.executable, *command), on_report=self.news.set)

    async def until(self, holds: "object") -> None:
        async with asyncio.timeout(WITHIN):
            while not holds():  # type: ignore[operator]
                self.news.clear()
                await self.news.wait()

    async def listening(self) -> int:
        """Its pid, once it takes calls."""
        await self.until(lambda: self.member.listening)
        assert self.member.pid is not None
        return self.member.pid


@asynccontextmanager
async def running(*command: str) -> AsyncIterator[Watched]:
    watched = Watched(*command)
    watched.member.tell(b'{"version": 1}')
    task = asyncio.create_task(watched.member.run())
    try:
        yield watched
        watched.member.drain()
        async with asyncio.timeout(WITHIN):
            await task
    finally:
        watched.member.kill()
        task.cancel()
        await asyncio.wait((task,))


def double(calls: int = 7, behavior: str = "") -> tuple[str, ...]:
    return "-c", DOUBLE, str(calls), behavior


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.01)


async def test_it_is_told_what_holds_and_asked_what_it_does() -> None:
    async with running(*double()) as at:
        await at.listening()
        assert at.member.report is not None
        assert at.member.report["status"] == {"orders": 3}
        assert (await at.member.figures())["verdigris_calls_total"] == {("/m",): 7}
        assert await at.member.table() == {"revision": 7}
        at.member.tell(b'{"version": 2}')
        await at.until(lambda: at.member.report["version"] == 2)


async def test_several_who_ask_at_once_are_answered_by_one_question() -> None:
    async with running(*double()) as at:
        await at.listening()
        answers: list[Figures] = await asyncio.gather(*(at.member.figures() for _ in range(5)))
        assert answers == [answers[0]] * 5


async def test_killed_it_is_started_again_and_its_counts_do_not_fall() -> None:
    async with running(*double()) as at:
        first = await at.listening()
        before = await at.member.figures()
        os.kill(first, signal.SIGKILL)
        await at.until(lambda: not at.member.listening)
        gone = await at.member.figures()
        assert gone["verdigris_calls_total"] == before["verdigris_calls_total"] == {("/m",): 7}
        assert "verdigris_connections" not in gone, "what was under way is not any more"
        assert await at.listening() != first
        after = await at.member.figures()
        assert after["verdigris_calls_total"] == {("/m",): 14}
        assert after["verdigris_connections"] == {("client",): 5}
        assert (at.member.restarts, at.member.ended) == (1, "")


async def test_one_that_is_stuck_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_WITHIN", 0.05)
    async with running(*double(behavior="silent")) as at:
        await at.listening()
        assert await at.member.figures() == {}
        assert await at.member.table() == {"revision": 7}, "another question is answered all the same"


@pytest.mark.parametrize("status", [1, 64])
async def test_one_that_cannot_start_is_an_error_that_says_so(status: int) -> None:
    watched = Watched("-c", f"raise SystemExit({status})")
    with pytest.raises(OSError, match=f"worker 3 could not start: ended with {status}"):
        await watched.member.run()


async def test_one_that_is_killed_before_it_listened_is_only_started_again() -> None:
    async with running("-c", "import os; os.kill(os.getpid(), 9)") as at:
        await at.until(lambda: at.member.restarts >= 3)
        assert at.member.ended == "was ended by SIGKILL"


async def test_it_waits_longer_each_time_that_it_did_not_last(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LONGEST_DELAY", 0.04)
    async with running("-c", "import os; os.kill(os.getpid(), 9)") as at:
        await at.until(lambda: at.member.restarts >= 4)
    delays = [line.rpartition("about ")[2] for line in caplog.text.splitlines() if "starting it" in line]
    assert delays[:4] == ["0.01 s", "0.02 s", "0.04 s", "0.04 s"]


@pytest.mark.parametrize(
    ("ends", "level", "said"),
    [
        ("", logging.INFO, "worker 3 has drained and ended; starting it again"),
        (
            "import os; os.kill(os.getpid(), 9)",
            logging.ERROR,
            "worker 3 was ended by SIGKILL; starting it again",
        ),
    ],
    ids=["drained", "killed"],
)
async def test_one_that_drained_because_somebody_asked_is_no_error_and_one_that_died_is(
    ends: str, level: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with running("-c", ends) as at:
        await at.until(lambda: at.member.restarts >= 1)
    first = next(each for each in caplog.records if each.name == module.__name__)
    assert (first.levelno, first.getMessage().partition(" in about")[0]) == (level, said)


async def test_its_orders_reach_it_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ORDERS.to_environment().items():
        monkeypatch.setenv(name, value)
    assert Orders.taken() == ORDERS
    assert Orders.taken() is None


def test_orders_survive_the_environment() -> None:
    (text,) = ORDERS.to_environment().values()
    assert json.loads(text)["number"] == 3
