"""The one blocking-query loop: asks a Consul question for ever and publishes what changed.

The promise is six rules, each with a test: (1) same index: nothing new; (2) the index went backwards: start
from 0; (3) the index moved, the content is equal: nothing new; (4) at least 100 ms, with jitter, between two
questions; (5) back-off grows on error and resets on any answer; (6) every wait can be stopped, by cancelling.
A change is published the moment it is known. All waiting is before the *next* question and counts from when
the last one was asked: after 100 quiet milliseconds an edit meets a question that already waits for it.

A running question is never aborted to be asked again (Consul goes on working for it); only the end of the
loop aborts one. What the questions are is `mesh.consul`'s; what a value means is the consumer's.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Generic, Protocol, TypeVar

from mesh.consul import Answer

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

log = logging.getLogger(__name__)

WAIT: Final = 300.0
"""Seconds Consul may hold a question: its own default."""
GAP: Final = 0.1
"""Seconds between two questions, at least (consul-template's figure); jitter adds up to a quarter."""
FIRST_BACK_OFF: Final = 0.2
LAST_BACK_OFF: Final = 10.0
"""Seconds; doubled on every error in a row. Between half and the whole of it is slept: 100 ms to 10 s."""


class Question(Protocol[T_co]):
    """One Consul question; with an index it may wait up to `wait` seconds for something past that index."""

    async def __call__(self, *, index: int | None, wait: float) -> Answer[T_co]: ...


def log_error(error: Exception) -> None:
    log.warning("%s; asking again", error)


async def follow(
    ask: Question[T],
    *,
    publish: Callable[[T, bool], None],
    on_error: Callable[[Exception], None] = log_error,
    wait: float = WAIT,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    jitter: Callable[[], float] = random.random,
) -> None:
    """Call `publish(value, restarted)` for the first answer and each change of content; runs until cancelled.

    `restarted`: the change was found where Consul's index went backwards, so it may be Consul's loss (a
    `-dev` agent that started again) and nobody's edit. Content is compared with `==`. An exception of `ask`
    goes to `on_error` and the question is asked again; one of `publish` or `on_error` ends the loop: it is a
    bug, not weather. `jitter` returns from 0 up to 1.
    """
    published: list[T] = []  # the last one, or none yet
    index: int | None = None  # what to ask with; None answers at once
    known = 0  # the last index Consul gave
    back_off = FIRST_BACK_OFF
    while True:
        asked = clock()
        try:
            answer = await ask(index=index, wait=wait)
        except Exception as error:
            on_error(error)
            # A restarted Consul would hold a question with the old, higher index for all of its wait
            index = None
            await sleep(back_off * (1 + jitter()) / 2)
            back_off = min(back_off * 2, LAST_BACK_OFF)
            continue
        back_off = FIRST_BACK_OFF
        backwards = answer.index < known
        # Asked from 0 the index proves nothing: after a restart it can be equal by chance
        if answer.index != index and [answer.value] != published:
            published = [answer.value]
            publish(answer.value, backwards)
        known = answer.index
        index = None if backwards else answer.index or None
        rest = GAP * (1 + jitter() / 4) - (clock() - asked)
        if rest > 0:
            await sleep(rest)


class Script(Generic[T]):
    """A question that answers from a script, for tests: an Answer is returned, an Exception raised, in order.

    What was asked is in `asked` as (index, wait). After its last line it waits, as Consul does when nothing
    changes: `finished` is set when that begins, and `aborted` counts the waits that were cancelled.
    """

    def __init__(self, *lines: Answer[T] | Exception) -> None:
        self._lines = deque(lines)
        self.asked: list[tuple[int | None, float]] = []
        self.finished = asyncio.Event()
        self.aborted = 0

    async def __call__(self, *, index: int | None, wait: float) -> Answer[T]:
        self.asked.append((index, wait))
        if not self._lines:
            self.finished.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.aborted += 1
                raise
        line = self._lines.popleft()
        if isinstance(line, Exception):
            raise line
        return line
