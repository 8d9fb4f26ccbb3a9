"""The admin port, on loopback: alive, ready, metrics, and the table that is applied now. It changes nothing."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import web

from mesh.address import Address
from mesh.listening import CannotListen
from splitter import metrics
from splitter.figures import Figures

TEXT = "text/plain; charset=utf-8"


class View(Protocol):
    """What the pages show: of one process, or of several."""

    service: str

    def obstacle(self) -> str:
        """Why calls cannot be taken; empty if they can."""
        ...

    async def figures(self) -> Figures:
        """All that is counted."""
        ...

    async def table(self) -> dict[str, Any]:
        """The status, and what is done with it."""
        ...


def application(view: View) -> web.Application:
    """The four pages."""

    async def healthz(request: web.Request) -> web.Response:
        return _page(200, TEXT, "ok\n")

    async def readyz(request: web.Request) -> web.Response:
        obstacle = view.obstacle()
        return _page(503 if obstacle else 200, TEXT, f"{obstacle or 'ready'}\n")

    async def figures(request: web.Request) -> web.Response:
        slices = []
        for each in metrics.render(view.service, await view.figures()):
            slices.append(each)
            await asyncio.sleep(0)
        return _page(200, metrics.CONTENT_TYPE, "".join(slices))

    async def table(request: web.Request) -> web.Response:
        return _page(200, "application/json", json.dumps(await view.table(), indent=2) + "\n")

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", figures)
    app.router.add_get("/table", table)
    return app


async def listening(
    runner: web.AppRunner, address: Address | None, *, say: Callable[[str], None]
) -> str | None:
    """Serve the pages there, and say so; where that is, or None for nowhere. CannotListen says why not."""
    await runner.setup()
    if address is None:
        return None
    try:
        await web.TCPSite(runner, address.host, address.port).start()
    except OSError as error:
        raise CannotListen("--admin", address, error) from None
    host, port = runner.addresses[0][:2]
    say(f"admin on {host}:{port}")
    return f"{host}:{port}"


def _page(status: int, kind: str, text: str) -> web.Response:
    return web.Response(status=status, body=text.encode(), headers={"Content-Type": kind})
