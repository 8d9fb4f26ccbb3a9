"""The supervisor's side of one worker: its process, started again when it ends unasked, and the talk with it."""

import asyncio
import logging
import os
import random
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from splitter import figures, metrics
from splitter.channel import Channel
from splitter.figures import Figures
from splitter.worker import DRAIN, FACTS, FIGURES, REPORT, TABLE, Orders

FIRST_DELAY: Final = 0.2
LONGEST_DELAY: Final = 30.0
"""Seconds before a worker is started again; doubled each time that it did not last."""
LASTING: Final = 10.0
"""Seconds after which a worker has proved itself."""
JITTER: Final = 0.2
ANSWER_WITHIN: Final = 1.0
"""Seconds that a page waits for a worker; then it shows what the worker said last."""
_GAUGES: Final = tuple(family.name for family in metrics.FAMILIES if family.kind == "gauge")

log = logging.getLogger(__name__)


class Member:
    """One worker. `run` keeps it alive; `on_report` is called whenever it says something new, or has ended."""

    def __init__(
        self, orders: Orders, *, command: Sequence[str] | None = None, on_report: Callable[[], None]
    ) -> None:
        self.number = orders.number
        self.pid: int | None = None
        self.report: dict[str, Any] | None = None
        """What it said last of itself; None while it does not run."""
        self.ended = ""
        """How it ended, until it listens again."""
        self.restarts = 0
        self._began = False
        self._orders = orders
        # Ourselves again, by the very arguments that started us
        self._command = command or (sys.executable, *sys.orig_argv[1:])
        self._on_report = on_report
        self._channel: Channel | None = None
        self._facts: bytes | None = None
        self._draining = asyncio.Event()
        self._before: Figures = {}
        """The counts of its processes that have ended: a counter that falls would be taken for a reset."""
        self._answers: dict[str, Any] = {}
        self._asked: dict[str, asyncio.Future[None]] = {}

    @property
    def listening(self) -> bool:
        """It takes calls."""
        return self.report is not None and bool(self.report["listening"])

    # Its process

    async def run(self) -> None:
        """Until it has drained. Raises OSError if it never came to listen and says why with its exit status."""
        delay, clock = FIRST_DELAY, asyncio.get_running_loop().time
        while not self._draining.is_set():
            began = clock()
            status = await self._live()
            if self._draining.is_set():
                return
            self.ended = _how(status)
            if not self._began and status > 0:
                raise OSError(f"worker {self.number} could not start: {self.ended}")
            self.restarts += 1
            if clock() - began >= LASTING:
                delay = FIRST_DELAY
            level = logging.ERROR if status else logging.INFO  # somebody asked it to drain, and it did
            log.log(level, "worker %d %s; starting it again in about %g s", self.number, self.ended, delay)
            self._on_report()
            try:
                async with asyncio.timeout(delay * random.uniform(1 - JITTER, 1 + JITTER)):
                    await self._draining.wait()
            except TimeoutError:
                delay = min(delay * 2, LONGEST_DELAY)

    async def _live(self) -> int:
        """Start it, talk with it until it ends; its exit status."""
        ours, theirs = socket.socketpair()
        with theirs:
            orders = replace(self._orders, descriptor=theirs.fileno())
            channel = await Channel.over(ours)
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env={**os.environ, **orders.to_environment()},
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
            )
        self.pid, self._channel = process.pid, channel
        if self._facts is not None:
            channel.put(FACTS, self._facts)
        if self._draining.is_set():
            channel.put(DRAIN)
        try:
            await channel.run(self._take)
            self.report = None  # it takes no calls any more
            return await process.wait()
        finally:
            self._ended()

    def _ended(self) -> None:
        counted = figures.without(self._answers.pop(FIGURES, {}), _GAUGES)
        self._before = figures.total((self._before, counted))
        self.pid = self._channel = self.report = None
        self._answers.clear()
        for kind in list(self._asked):
            self._asked.pop(kind).set_result(None)

    def drain(self) -> None:
        """End when its calls have."""
        self._draining.set()
        if self._channel is not None:
            self._channel.put(DRAIN)

    def kill(self) -> None:
        """End now."""
        if self.pid is not None:
            log.warning("worker %d does not end: killing it", self.number)
            os.kill(self.pid, signal.SIGKILL)

    # The talk

    def tell(self, facts: bytes) -> None:
        """What holds from now on (`Facts.to_json`)."""
        self._facts = facts
        if self._channel is not None:
            self._channel.put(FACTS, facts)

    def _take(self, kind: str, value: Any) -> None:
        if kind == REPORT:
            self.report = value
            if self.listening:
                self._began, self.ended = True, ""
            self._on_report()
            return
        self._answers[kind] = figures.from_json(value) if kind == FIGURES else value
        asked = self._asked.pop(kind, None)
        if asked is not None:
            asked.set_result(None)

    async def _ask(self, kind: str) -> None:
        """Return when it has answered, or has not for `ANSWER_WITHIN`."""
        if self._channel is None:
            return
        asked = self._asked.get(kind)
        if asked is None:
            asked = self._asked[kind] = asyncio.get_running_loop().create_future()
            self._channel.put(kind)
        await asyncio.wait((asked,), timeout=ANSWER_WITHIN)

    async def figures(self) -> Figures:
        """All that its processes have counted."""
        await self._ask(FIGURES)
        return figures.total((self._before, self._answers.get(FIGURES, {})))

    async def table(self) -> dict[str, Any] | None:
        """Its table; None if it has never shown one."""
        await self._ask(TABLE)
        answer: dict[str, Any] | None = self._answers.get(TABLE)
        return answer


def _how(status: int) -> str:
    """An exit status in words."""
    if status == 0:
        return "has drained and ended"
    if status > 0:
        return f"ended with {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
