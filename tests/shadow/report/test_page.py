"""The page: one file, complete, and nothing that somebody else wrote is ever more than text."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from shadow.report.page import page
from shadow.report.report import Report
from shadow.verdict.verdict import State
from tests.shadow.report import example

ELEMENTS = {
    "html", "head", "meta", "link", "title", "style", "body", "article", "header", "main", "section", "nav", "footer",
    "h1", "h2", "h3", "p", "a", "span", "div", "strong", "code", "pre", "ul", "li", "dl", "dt", "dd",
    "table", "caption", "tr", "th", "td", "details", "summary", "figure",
    "svg", "defs", "g", "path", "use", "text", "tspan", "clippath", "rect", "circle",
}  # fmt: skip
"""All that the page is made of."""


class Read(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]


@pytest.fixture(scope="module")
def full() -> str:
    return page([example.report()], command="verdigris report recommender")


def test_it_has_the_sections_and_says_the_verdict(full: str) -> None:
    read = Read(full)
    assert {"summary-1", "analysis-1", "environment-1", "disagreements-1"} <= set(read.ids)
    assert "NOT READY" in full
    assert "9 900 mirrored = 9 800 compared + 42 failed + 28 timed out + 30 dropped" in full
    assert f"verdigris trace {example.TRACE}" in full
    assert "the document in Consul, revision 41" in full
    assert "0.5423" in full


def test_it_has_a_plot_of_each_kind_as_svg_in_its_own_colours(full: str) -> None:
    for title in (
        "Pairs over time",
        "Agreement over time",
        "Latency of both",
        "Scores of items",
        "Scores of scores",
    ):
        assert title in full
    assert "var(--shadow)" in full
    assert not re.search(r"#0[1-7]0[1-7]0[1-7]", full)  # a stand-in that nothing replaced
    read = Read(full)
    assert len(read.ids) == len(set(read.ids))


def test_it_asks_nobody_for_anything(full: str) -> None:
    read = Read(full)
    assert read.elements <= ELEMENTS
    references = {
        value for name, value in read.attributes if name in ("src", "href", "xlink:href", "action", "data")
    }
    assert {each for each in references if not each.startswith(("#", "data:,"))} == set()
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert "@import" not in full
    assert not re.search(r"url\((?!#)", full)
    assert "default-src 'none'" in full


def test_hostile_strings_of_models_clients_and_documents_stay_text() -> None:
    text = page([example.hostile()], command=example.HOSTILE)
    read = Read(text)
    assert read.elements <= ELEMENTS  # no script, no img
    assert not [name for name, _ in read.attributes if name.startswith("on") or name == "src"]
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_what_is_not_there_yet_needs_no_plot() -> None:
    text = page([example.empty()])
    assert "NOT ENOUGH DATA" in text
    assert "0 mirrored = 0 compared + 0 failed + 0 timed out + 0 dropped" in text
    assert "<figure" not in text


def test_several_colours_are_one_page_each_with_its_sections() -> None:
    other = replace(example.report(State.READY), subject=replace(example.report().subject, color="canary"))
    text = page([example.report(), other])
    read = Read(text)
    assert {"summary-1", "summary-2"} <= set(read.ids)
    assert "<title>recommender: not ready</title>" in text


@pytest.mark.parametrize("made", [example.report(), example.empty(), example.hostile()])
def test_it_is_closed_html(made: Report) -> None:
    text = page([made])
    for element in ("article", "section", "div", "table", "details", "dl", "svg", "figure", "span"):
        assert len(re.findall(rf"<{element}[ >]", text)) == text.count(f"</{element}>"), element
