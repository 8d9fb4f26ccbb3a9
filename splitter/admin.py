"""The admin port, on loopback: alive, ready, metrics, and the table that is applied now. It changes nothing."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from mesh import traffic as document
from mesh.traffic import GRAIN
from splitter.control import Control
from splitter.switch import Switch


def describe_table(control: Control, switch: Switch) -> dict[str, Any]:
    """`/table`: the status, and what the data path does with it."""
    traffic = control.traffic
    counts: dict[str, int] = {}
    for (_, color, _, _), series in switch.observer.calls.items():
        counts[color or "(none)"] = counts.get(color or "(none)", 0) + series.count
    return {
        **control.describe(),
        "document": json.loads(document.to_json(traffic)),
        "split": {share.color: share.weight * 100 / GRAIN for share in traffic.split},
        "endpoints": control.endpoints.describe(),
        "shadow_endpoints": control.shadow_endpoints.describe(),
        "counts": counts,
        "mirrored": dict(switch.mirrors.started),
        "in_flight": switch.in_flight,
    }


def application(control: Control, switch: Switch, registry: CollectorRegistry) -> web.Application:
    """The four pages."""

    def page(render: Callable[[], tuple[int, str, str]]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            status, kind, text = render()
            return web.Response(status=status, body=text.encode(), headers={"Content-Type": kind})

        return handle

    def healthz() -> tuple[int, str, str]:
        return 200, "text/plain; charset=utf-8", "ok\n"

    def readyz() -> tuple[int, str, str]:
        if switch.draining:
            return 503, "text/plain; charset=utf-8", "draining\n"
        if not control.ready.is_set():
            return 503, "text/plain; charset=utf-8", "waiting for the first answer of Consul\n"
        return 200, "text/plain; charset=utf-8", "ready\n"

    def metrics() -> tuple[int, str, str]:
        return 200, CONTENT_TYPE_LATEST, generate_latest(registry).decode()

    def table() -> tuple[int, str, str]:
        return 200, "application/json", json.dumps(describe_table(control, switch), indent=2) + "\n"

    app = web.Application()
    app.router.add_get("/healthz", page(healthz))
    app.router.add_get("/readyz", page(readyz))
    app.router.add_get("/metrics", page(metrics))
    app.router.add_get("/table", page(table))
    return app
