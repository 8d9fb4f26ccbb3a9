"""A process of a sidecar with several: a data path that is told facts by its supervisor, and reports to it.

It is the same command, started again with orders in its environment. It holds no state that another one needs, asks
Consul nothing and writes no file but traces. When the supervisor says so, ends, or a signal comes, it drains.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from mesh import lifecycle
from mesh import traffic as document
from splitter import figures
from splitter.channel import Channel
from splitter.datapath import BACKLOG, DataPath
from splitter.facts import Facts
from splitter.port import Bound, shared
from splitter.settings import Settings

ORDERS: Final = "VERDIGRIS_WORKER_ORDERS"
"""The variable that makes a process a worker."""
FAREWELL: Final = 1.0
"""Seconds that a supervisor which does not read may hold up our end."""

# What is sent, and what is asked, by kind
FACTS: Final = "facts"
DRAIN: Final = "drain"
REPORT: Final = "report"
FIGURES: Final = "figures"
TABLE: Final = "table"


@dataclass(frozen=True, slots=True)
class Orders:
    """Which worker a process is, and on which descriptor its supervisor speaks to it."""

    number: int
    sidecar: str
    token: int
    addresses: tuple[Bound, ...]
    descriptor: int = -1

    def to_environment(self) -> dict[str, str]:
        return {ORDERS: json.dumps(asdict(self))}

    @classmethod
    def taken(cls) -> Self | None:
        """From this process's environment, where nobody shall find them again."""
        text = os.environ.pop(ORDERS, None)
        if text is None:
            return None
        value = json.loads(text)
        addresses = tuple((family, tuple(where)) for family, where in value.pop("addresses"))
        return cls(**value, addresses=addresses)


class _Stop(Exception):  # ends the task group; nothing failed
    pass


class Worker:
    """One worker. `run` serves until there is a reason to stop."""

    def __init__(self, settings: Settings, orders: Orders) -> None:
        self._settings = settings
        self._orders = orders
        self._listening = False

    async def run(self) -> None:
        """Raises OSError if it cannot listen."""
        _name_in_logs(f"worker {self._orders.number}")
        self._channel = await Channel.over(socket.socket(fileno=self._orders.descriptor))
        with contextlib.ExitStack() as last:
            try:
                async with asyncio.TaskGroup() as group:
                    self._group = group
                    instance = f"{self._orders.sidecar}-{self._orders.number}"
                    self._path = DataPath(
                        self._settings,
                        instance=instance,
                        token=self._orders.token,
                        group=group,
                        on_news=self._report,
                    )
                    last.callback(self._path.close)
                    await self._serve()
                    raise _Stop
            except* _Stop:
                pass

    async def _serve(self) -> None:
        path, group = self._path, self._group
        self._stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        group.create_task(self._until_signal(), name="until signal")
        group.create_task(self._talk(), name="talk to the supervisor")
        path.start()
        ready = group.create_task(path.control.ready.wait(), name="first facts")
        await asyncio.wait((self._stop, ready), return_when=asyncio.FIRST_COMPLETED)
        if not self._stop.done():
            await path.serve(self._listen, self._stop, said=self._listens)
        self._channel.put(FIGURES, "".join(figures.to_json(path.figures())).encode())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._channel.flush()

    async def _until_signal(self) -> None:
        self._end((await lifecycle.until_signal()).name)

    def _end(self, why: str) -> None:
        if not self._stop.done():
            self._stop.set_result(why)
            self._listening = False
            self._report()

    async def _listen(self, connection: Callable[[], asyncio.Protocol]) -> Sequence[asyncio.Server]:
        loop = asyncio.get_running_loop()
        return [
            await loop.create_server(connection, sock=ours, backlog=BACKLOG)
            for ours in shared(self._orders.addresses)
        ]

    # With the supervisor

    async def _talk(self) -> None:
        await self._channel.run(self._take)
        self._end("the supervisor has ended")

    def _take(self, kind: str, value: Any) -> None:
        if kind == FACTS:
            default = document.default(self._settings.default_color)
            self._path.learn(Facts.from_json(value, default=default))
        elif kind == DRAIN:
            self._end("the supervisor drains")
        elif kind == FIGURES:
            self._group.create_task(self._tell_figures(), name="tell figures")
        elif kind == TABLE:
            self._channel.put(TABLE, json.dumps(self._path.table()).encode())

    async def _tell_figures(self) -> None:
        slices = []
        for each in figures.to_json(self._path.figures()):
            slices.append(each)
            await asyncio.sleep(0)
        self._channel.put(FIGURES, "".join(slices).encode())

    def _listens(self, address: str) -> None:
        self._listening = True
        self._report()

    def _report(self) -> None:
        path = self._path
        value = {
            "version": path.control.facts.version,
            "listening": self._listening,
            "status": path.status(),
        }
        self._channel.put(REPORT, json.dumps(value).encode())


def _name_in_logs(name: str) -> None:
    for handler in logging.getLogger().handlers:
        handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s {name} %(name)s: %(message)s"))
