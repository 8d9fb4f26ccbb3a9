"""An operator edits the key in Consul's own web interface, in a real browser, and the next calls obey."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest
from playwright.async_api import Page

from mesh import contract
from mesh.consul import Consul
from tests.chromium import chromium
from tests.e2e.backends.scripted import SERVICE
from tests.e2e.harness import Mesh


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async with chromium(tmp_path) as browser:
        page = await browser.new_page()
        page.set_default_timeout(15_000)
        yield page


class ConsulPages:
    """What an operator does in Consul's web interface: the key/value editor."""

    def __init__(self, page: Page, url: str, service: str) -> None:
        self._page, self._url = page, url
        self._path = [contract.KEY_ROOT, service]

    async def create(self, value: str) -> None:
        """From the first page: Key/Value, Create, the whole path as the name, Save."""
        await self._page.goto(f"{self._url}/ui/")
        await self._page.get_by_role("link", name="Key/Value").click()
        await self._page.get_by_role("link", name="Create").first.click()
        await self._page.locator("input[name=additional]").fill("/".join([*self._path, "traffic"]))
        await self._save(value)

    async def edit(self, value: str) -> None:
        """Walk down to the key, replace its value, Save."""
        await self._open(*self._path, "traffic")
        await self._save(value)

    async def read(self, *names: str) -> str:
        """The value that the interface shows for a key of the service."""
        await self._open(*self._path, *names)
        await self._as_text()
        return await self._page.locator("textarea[name=value]").input_value()

    async def _open(self, *names: str) -> None:
        await self._page.get_by_role("link", name="Key/Value").click()
        for name in names:
            await self._page.get_by_role("link", name=name, exact=True).click()

    async def _as_text(self) -> None:
        await self._page.get_by_text("Code", exact=True).click()  # the plain box instead of the code editor

    async def _save(self, value: str) -> None:
        await self._as_text()
        await self._page.locator("textarea[name=value]").fill(value)
        await self._page.get_by_role("button", name="Save").click()
        await self._page.locator("textarea[name=value]").wait_for(state="detached")


async def test_the_next_calls_obey_an_edit_in_consuls_web_interface(mesh: Mesh, page: Page) -> None:
    """Created, edited, and edited badly: on one connection that stays open all the time."""
    scripted = [sys.executable, "-m", "tests.e2e.backends.scripted"]
    for color in ("blue", "green"):
        await mesh.backend(color, lambda port: [*scripted, str(port)], ready="ready")
    splitter = await mesh.splitter()
    pages = ConsulPages(page, str(mesh.consul), mesh.service)

    async with grpc.aio.insecure_channel(splitter.address) as channel:
        assert await served(channel) == {"blue": 20}

        await pages.create('{"split": {"blue": 0, "green": 100}}')
        await obeyed(channel, "green")
        assert await served(channel) == {"green": 20}

        await pages.edit('{\n  "split": {"blue": 90, "green": 10},\n  "note": "by hand"\n}')
        await obeyed(channel, "blue")
        assert await served(channel) == {"blue": 18, "green": 2}

        await pages.edit('{"split": {"blue": 60, "green": 30}}')
        status = await refused(mesh)
        assert await served(channel) == {"blue": 18, "green": 2}
        shown = json.loads(await pages.read("status", status))
        assert "split" in shown["error"]["problems"][0]["path"]
        assert "100" in shown["error"]["problems"][0]["rule"]
    assert await splitter.get("/readyz")


async def served(channel: grpc.aio.Channel) -> Counter[str]:
    """The colours that served 20 calls."""
    return Counter([await color(channel) for _ in range(20)])


async def color(channel: grpc.aio.Channel) -> str:
    call = channel.unary_unary(f"/{SERVICE}/Echo")(b"", timeout=10)
    await call
    return str(dict(await call.initial_metadata())[contract.HEADER_COLOR])


async def obeyed(channel: grpc.aio.Channel, expected: str) -> None:
    """Calls reach `expected` at the latest a second after Save."""
    async with asyncio.timeout(1):
        while await color(channel) != expected:
            pass


async def refused(mesh: Mesh) -> str:
    """The id of the sidecar, as soon as its status key tells of a refused document."""
    index = None
    async with Consul(mesh.consul) as consul, asyncio.timeout(10):
        while True:
            answer = await consul.list(contract.status_prefix(mesh.service), index=index, wait=10)
            for entry in answer.value:
                if json.loads(entry.value)["error"]:
                    return entry.key.rpartition("/")[2]
            index = answer.index
