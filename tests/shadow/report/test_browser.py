"""The page in a real browser: nothing is asked of the network, nothing complains, and everything can be reached."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from shadow.report.page import page as html
from tests.chromium import chromium
from tests.shadow.report import example


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with chromium(tmp_path) as browser:
        yield browser


async def opened(browser: Browser, text: str, folder: Path, *, width: int = 1200) -> tuple[Page, list[str]]:
    """The page, and everything that the browser complained of or asked for besides it."""
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    page = await browser.new_page(viewport={"width": width, "height": 900})
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda asked: None if asked.url == file.as_uri() else told.append(asked.url))
    await page.goto(file.as_uri(), wait_until="load")
    return page, told


async def test_a_report_is_read_without_a_request_and_without_an_error(
    browser: Browser, tmp_path: Path
) -> None:
    page, told = await opened(browser, html([example.report()]), tmp_path)
    assert told == []
    for section in ("Summary", "Analysis", "Environment", "Worst disagreements"):
        assert await page.get_by_role("heading", name=section, exact=True).is_visible()
    assert await page.locator("figure svg").count() == 6
    second = page.locator("details").nth(1)
    assert not await second.get_by_text(f"verdigris trace {example.TRACE}").is_visible()
    await second.locator("summary").click()
    assert await second.get_by_text(f"verdigris trace {example.TRACE}").is_visible()


async def test_nothing_that_a_model_says_is_run(browser: Browser, tmp_path: Path) -> None:
    page, told = await opened(browser, html([example.hostile()]), tmp_path)
    page.on("dialog", lambda dialog: told.append(dialog.message))
    assert told == []
    assert await page.locator("script, img, iframe").count() == 0
    assert await page.get_by_role("heading", level=1).get_by_text("<script>").count() > 0


@pytest.mark.parametrize("width", [360, 800, 1600])
async def test_no_width_makes_it_wider_than_the_window(browser: Browser, tmp_path: Path, width: int) -> None:
    page, _ = await opened(browser, html([example.report()]), tmp_path, width=width)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_it_is_dark_where_its_reader_likes_it_dark(browser: Browser, tmp_path: Path) -> None:
    page, _ = await opened(browser, html([example.report()]), tmp_path)
    color = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('figure svg text')).fill"
    light = [await page.evaluate(each) for each in (color, ink)]
    await page.emulate_media(color_scheme="dark")
    dark = [await page.evaluate(each) for each in (color, ink)]
    assert light == ["rgb(255, 255, 255)", "rgb(31, 35, 40)"]
    assert dark == ["rgb(13, 17, 23)", "rgb(230, 237, 243)"]
