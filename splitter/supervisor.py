"""A sidecar of several processes: one that asks Consul and answers operators, and workers that serve calls.

The workers listen on one address (see `splitter.port`). Users stay with their colour whichever worker they meet,
because buckets need no state; calls without a key are dealt exactly by each worker for itself.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from mesh import lifecycle
from mesh.consul import Consul
from splitter import metrics
from splitter.admin import application, listening
from splitter.crew import Crew
from splitter.datapath import new_token
from splitter.figures import Figures
from splitter.member import Member
from splitter.port import Bound, reserved
from splitter.settings import Settings
from splitter.watch import Watch
from splitter.worker import Orders

log = logging.getLogger(__name__)


class _Stop(Exception):  # ends the task group; nothing failed
    pass


class Supervisor:
    """`run` serves until a stop signal; `say` is told each address that we listen on."""

    def __init__(self, settings: Settings, *, say: Callable[[str], None]) -> None:
        self.service = settings.service
        self._settings = settings
        self._say = say
        self._draining = False

    async def run(self) -> None:
        """Raises OSError if a port cannot be had, or a worker cannot start."""
        settings = self._settings
        admin = web.AppRunner(application(self), access_log=None)
        with reserved(settings.listen) as addresses:
            self._crew = crew = Crew(settings.service, lambda told: self._members(addresses, told))
            try:
                async with Consul(settings.consul) as consul, asyncio.TaskGroup() as group:
                    stop = group.create_task(lifecycle.until_signal(), name="until signal")
                    await asyncio.sleep(0)  # it begins: whoever reads our first line may send a signal
                    self._watch = Watch(consul, settings, publish=crew.publish, status=crew.status)
                    crew.on_news = self._watch.on_news
                    self._watch.admin = await listening(admin, settings.admin, say=self._say)
                    crew.run(group)
                    self._watch.follow(group)
                    ready = group.create_task(crew.ready.wait(), name="every worker listens")
                    await asyncio.wait((stop, ready), return_when=asyncio.FIRST_COMPLETED)
                    if not stop.done():
                        self._watch.record(group)
                        host, port = addresses[0][1][:2]
                        self._say(f"listening on {host}:{port}")
                    log.info("%s: draining %d workers", (await stop).name, len(crew.members))
                    self._draining = True
                    await crew.drain(settings.drain)
                    raise _Stop
            except* _Stop:
                pass
            finally:
                await admin.cleanup()

    def _members(self, addresses: tuple[Bound, ...], told: Callable[[], None]) -> Sequence[Member]:
        token, sidecar = new_token(), self._settings.sidecar
        return [
            Member(Orders(number, sidecar, token, addresses), on_report=told)
            for number in range(1, self._settings.workers + 1)
        ]

    # What the admin pages show

    def obstacle(self) -> str:
        if self._draining:
            return "draining"
        if not self._watch.knowledge.facts.complete:
            return "waiting for the first answer of Consul"
        return self._crew.obstacle()

    async def figures(self) -> Figures:
        consul_up = self._watch.knowledge.consul_up
        return await self._crew.figures() | metrics.state(self._crew.status(), consul_up=consul_up)

    async def table(self) -> dict[str, Any]:
        return await self._crew.table()
