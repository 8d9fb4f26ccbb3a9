"""The system's Chromium without a screen: profile, cache and home end with the test."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, async_playwright

from tests.conftest import TEMPORARY
from tests.e2e.harness import needs

FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LONGEST: Final = 50
"""Bytes of the folder's path: that of the socket which Chromium makes may have 107, 45 of them Chromium's own."""


@asynccontextmanager
async def chromium(home: Path) -> AsyncIterator[Browser]:
    """Skips by name where there is none."""
    command = needs.command("chromium", package="chromium", also=["chromium-browser", "google-chrome"])
    inside = TEMPORARY if len(str(TEMPORARY)) <= LONGEST else "/tmp"
    with tempfile.TemporaryDirectory(prefix="ui-", dir=inside) as short:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=command, args=FLAGS, env={"HOME": str(home), "TMPDIR": short}
            )
            try:
                yield browser
            finally:
                await browser.close()
