"""The admin port, on loopback: alive, ready, metrics. It changes nothing."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from mesh.address import Address
from model_server.errors import StartError
from model_server.metrics import CONTENT_TYPE, Metrics

log = logging.getLogger(__name__)

TEXT: Final = "text/plain; charset=utf-8"


def application(metrics: Metrics, obstacle: Callable[[], str]) -> web.Application:
    """The three pages; `obstacle` says why calls should not come here, and nothing if they should."""

    async def healthz(request: web.Request) -> web.Response:
        return _page(200, TEXT, b"ok\n")

    async def readyz(request: web.Request) -> web.Response:
        why = obstacle()
        return _page(503 if why else 200, TEXT, f"{why or 'ready'}\n".encode())

    async def figures(request: web.Request) -> web.Response:
        return _page(200, CONTENT_TYPE, metrics.page())

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", figures)
    return app


@asynccontextmanager
async def admin(
    address: Address | None, metrics: Metrics, obstacle: Callable[[], str]
) -> AsyncIterator[None]:
    """Serve the pages there, and log where; None: nowhere. StartError if the address cannot be had."""
    if address is None:
        yield
        return
    runner = web.AppRunner(application(metrics, obstacle), access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.host, address.port).start()
        except OSError as error:
            raise StartError(f"cannot listen on --admin {address}: {error.strerror or error}") from error
        host, port = runner.addresses[0][:2]
        log.info("admin on %s", Address(host, port))
        yield
    finally:
        await runner.cleanup()


def _page(status: int, kind: str, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, headers={"Content-Type": kind})
