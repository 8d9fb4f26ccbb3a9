"""What `splitter.admin` promises: four pages that say what holds, and nothing that changes it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from splitter import figures
from splitter.admin import application
from splitter.datapath import described, obstacle
from splitter.figures import Figures
from splitter.watchdog import Watchdog
from tests.splitter.rig import LOOPBACK, Rig, pair


@dataclass
class Page:
    status: int
    kind: str
    text: str


class Browser:
    """A client of the admin port."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def get(self, path: str, method: str = "GET") -> Page:
        async with self._session.request(method, self._url + path) as answer:
            return Page(answer.status, answer.headers["Content-Type"], await answer.text())

    async def table(self) -> dict[str, Any]:
        page = await self.get("/table")
        assert (page.status, page.kind) == (200, "application/json")
        table: dict[str, Any] = json.loads(page.text)
        return table


class RigView:
    """What a process of its own would show of the rig."""

    def __init__(self, rig: Rig) -> None:
        self.service = rig.service
        self.rig = rig

    def obstacle(self) -> str:
        return obstacle(self.rig.switch, self.rig.control)

    async def figures(self) -> Figures:
        return figures.of(self.rig.switch, self.rig.control, Watchdog(0))

    async def table(self) -> dict[str, Any]:
        return described(self.rig.switch, self.rig.control)


@asynccontextmanager
async def admin(rig: Rig) -> AsyncIterator[Browser]:
    runner = web.AppRunner(application(RigView(rig)))
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        host, port = runner.addresses[0][:2]
        async with aiohttp.ClientSession() as session:
            yield Browser(f"http://{host}:{port}", session)
    finally:
        await runner.cleanup()


async def test_it_is_alive_from_the_first_moment() -> None:
    async with Rig() as rig, admin(rig) as browser:
        assert await browser.get("/healthz") == Page(200, "text/plain; charset=utf-8", "ok\n")


async def test_it_is_ready_from_the_first_table_until_it_drains() -> None:
    async with Rig() as rig, admin(rig) as browser:
        page = await browser.get("/readyz")
        assert (page.status, page.text) == (503, "waiting for the first answer of Consul\n")
        rig.knowledge.on_document(None, False)
        assert (await browser.get("/readyz")).status == 503
        rig.knowledge.on_instances((), False)
        assert (await browser.get("/readyz")).text == "ready\n"
        rig.switch.drain()
        page = await browser.get("/readyz")
        assert (page.status, page.text) == (503, "draining\n")
        assert (await browser.get("/healthz")).status == 200


async def test_metrics_are_served_as_prometheus_reads_them() -> None:
    async with pair() as at, admin(at.rig) as browser:
        page = await browser.get("/metrics")
        assert page.kind.startswith("text/plain; version=")
        names = [family.name for family in text_string_to_metric_families(page.text)]
        assert "verdigris_calls" in names


async def test_the_table_says_what_is_applied_and_to_whom_calls_go() -> None:
    document = {
        "split": {"blue": 90, "green": 10},
        "key": {"metadata": "x-user-id"},
        "mirror": [{"color": "green", "percent": 50, "timeout": "2s"}],
        "note": "REC-112",
    }
    async with pair(document) as at, admin(at.rig) as browser:
        done, waiting = at.client.call(), at.client.call()
        (await at.blue.request()).answer()
        await at.blue.request()
        await done.end()
        table = await browser.table()
        assert table.pop("applied_at") == at.rig.control.applied_at
        endpoints = [
            {
                "color": backend.color,
                "address": LOOPBACK,
                "port": backend.port,
                "id": backend.id,
                "passing": True,
                "connected": True,
                "in_flight": int(backend is at.blue),
                "usable": True,
                "problem": None,
                "ejected": False,
                "failures": 0,
            }
            for backend in (at.blue, at.green)
        ]
        assert table == {
            "service": "recommender",
            "revision": 1,
            "warnings": [],
            "error": None,
            "document": document,
            "split": {"blue": 90.0, "green": 10.0},
            "endpoints": endpoints,
            "shadow_endpoints": [endpoints[1] | {"in_flight": 1}],
            "counts": {"blue": 1},
            "mirrored": {"green": 1},
            "noise": {},
            "clients": 1,
            "in_flight": 1,
        }
        waiting.cancel()


async def test_the_table_says_why_a_revision_is_refused_beside_the_one_that_holds() -> None:
    async with pair() as at, admin(at.rig) as browser:
        at.rig.put({"split": {"blue": 99}})
        table = await browser.table()
        assert (table["revision"], table["split"]) == (1, {"blue": 100.0, "green": 0.0})
        assert table["error"]["revision"] == 2
        assert table["error"]["problems"][0]["rule"] == "must add up to exactly 100"


async def test_calls_that_nobody_took_are_counted_too() -> None:
    async with pair({"split": {"red": 100}, "fallback": False}) as at, admin(at.rig) as browser:
        await at.client.call().end()
        assert (await browser.table())["counts"] == {"(none)": 1}


async def test_an_endpoint_that_is_not_reached_is_shown_as_such() -> None:
    async with pair() as at, admin(at.rig) as browser:
        at.rig.register(at.blue, passing=False)
        at.green.die()
        await at.rig.news.until(lambda: len(at.rig.control.endpoints.reachable()) == 1)
        blue, green = (await browser.table())["endpoints"]
        assert (blue["passing"], blue["connected"]) == (False, True)
        assert (green["passing"], green["connected"]) == (True, False)
        assert "cannot connect" in green["problem"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/table"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nothing_can_be_changed(path: str, method: str) -> None:
    async with Rig() as rig, admin(rig) as browser:
        assert (await browser.get(path, method)).status == 405


async def test_there_is_nothing_else() -> None:
    async with Rig() as rig, admin(rig) as browser:
        assert (await browser.get("/")).status == 404
