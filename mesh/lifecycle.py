"""How a program ends: wait for a signal, then wait, for a time, until nothing is in flight."""

import asyncio
import contextlib
import signal
from types import TracebackType
from typing import Final, Self

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


async def until_signal(*signals: signal.Signals) -> signal.Signals:
    """Return the first of `signals` (default SIGTERM and SIGINT) to arrive; from the main thread only.

    The handlers that stood before stand again afterwards: a second Ctrl-C ends a drain that takes too long.
    """
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[signal.Signals] = loop.create_future()

    def arrive(which: signal.Signals) -> None:
        if not arrived.done():
            arrived.set_result(which)

    watched = signals or STOP_SIGNALS
    before = {which: signal.getsignal(which) for which in watched}
    try:
        for which in watched:
            loop.add_signal_handler(which, arrive, which)
        return await arrived
    finally:
        for which, handler in before.items():
            loop.remove_signal_handler(which)
            if handler is not None:  # None: set by C code, which we cannot put back
                signal.signal(which, handler)


class Drain:
    """Counts what is in flight and waits for none: `with drain:` around a call, or `enter` and `leave`.

    It refuses nothing: whoever drains has stopped taking new work first.
    """

    __slots__ = ("_count", "_empty")

    def __init__(self) -> None:
        self._count = 0
        self._empty: asyncio.Event | None = None  # only while somebody waits: calls pay for an integer

    @property
    def in_flight(self) -> int:
        return self._count

    def enter(self) -> None:
        self._count += 1

    def leave(self) -> None:
        if self._count == 0:
            raise RuntimeError("leave without enter")
        self._count -= 1
        if self._count == 0 and self._empty is not None:
            self._empty.set()
            self._empty = None

    async def wait(self, deadline: float) -> int:
        """Wait at most `deadline` seconds until nothing is in flight; returns how many still are."""
        if self._count:
            empty = self._empty = self._empty or asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline):
                    await empty.wait()
        return self._count

    def __enter__(self) -> Self:
        self.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def __repr__(self) -> str:
        return f"Drain(in_flight={self._count})"
