"""A sidecar of one process: what Consul says goes straight to the data path beside it."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from mesh import lifecycle
from mesh.consul import Consul
from mesh.listening import CannotListen
from splitter import metrics
from splitter.admin import application, listening
from splitter.datapath import BACKLOG, DataPath, new_token
from splitter.figures import Figures
from splitter.port import owned, ready
from splitter.settings import Settings
from splitter.watch import Watch


class _Stop(Exception):  # ends the task group; nothing failed
    pass


class Single:
    """`run` serves until a stop signal; `say` is told each address that we listen on."""

    def __init__(self, settings: Settings, *, say: Callable[[str], None]) -> None:
        self.service = settings.service
        self._settings = settings
        self._say = say

    async def run(self) -> None:
        """Raises OSError if a port cannot be had."""
        settings = self._settings
        admin = web.AppRunner(application(self), access_log=None)
        with owned(settings.listen) as self._sockets, contextlib.ExitStack() as last:
            try:
                async with Consul(settings.consul) as consul, asyncio.TaskGroup() as group:
                    stop = group.create_task(_signal(), name="until signal")
                    await asyncio.sleep(0)  # it begins: whoever reads our first line may send a signal
                    self._path = path = DataPath(
                        settings,
                        instance=settings.sidecar,
                        token=new_token(),
                        group=group,
                        on_news=lambda: watch.on_news(),
                    )
                    last.callback(path.close)
                    self._watch = watch = Watch(consul, settings, publish=path.learn, status=path.status)
                    watch.admin = await listening(admin, settings.admin, say=self._say)
                    watch.follow(group)
                    path.start()
                    ready = group.create_task(path.control.ready.wait(), name="first table")
                    await asyncio.wait((stop, ready), return_when=asyncio.FIRST_COMPLETED)
                    if not stop.done():
                        watch.record(group)
                        await path.serve(self._listen, stop, said=self._listens)
                    raise _Stop
            except* _Stop:
                pass
            finally:
                await admin.cleanup()

    async def _listen(self, connection: Callable[[], asyncio.Protocol]) -> Sequence[asyncio.Server]:
        listen, loop = self._settings.listen, asyncio.get_running_loop()
        try:
            return [
                await loop.create_server(connection, sock=ours, backlog=BACKLOG)
                for ours in ready(self._sockets)
            ]
        except OSError as error:
            raise CannotListen("--listen", listen, error) from None

    def _listens(self, address: str) -> None:
        self._say(f"listening on {address}")

    # What the admin pages show

    def obstacle(self) -> str:
        return self._path.obstacle()

    async def figures(self) -> Figures:
        consul_up = self._watch.knowledge.consul_up
        return self._path.figures() | metrics.state(self._path.status(), consul_up=consul_up)

    async def table(self) -> dict[str, Any]:
        return self._path.table()


async def _signal() -> str:
    return (await lifecycle.until_signal()).name
