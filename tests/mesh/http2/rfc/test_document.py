"""docs/http2.md says what the code does: every limit with its default, every named test, every section's cases."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from mesh.http2.limits import Limits
from tests.mesh.http2.rfc.test_catalogue import CLIENT, SERVER

ROOT = Path(__file__).resolve().parents[4]
TEXT = (ROOT / "docs" / "http2.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("| ")
]
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", TEXT)))
SECTIONS = {case.section for case in SERVER + CLIENT}


def test_every_limit_stands_in_the_table_with_its_default() -> None:
    table = {row[0].strip("`"): row[1] for row in ROWS if len(row) == 4 and row[0].startswith("`")}
    said = {name: float(default.replace(" ", "")) for name, default in table.items()}
    assert said == {each.name: float(each.default) for each in fields(Limits)}


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    found = [path for folder in ("mesh/http2", "splitter") for path in (ROOT / "tests" / folder).glob(file)]
    assert found, f"there is no {file}"
    assert re.search(rf"def {name}\(", found[0].read_text()), f"{file} has no {name}"


def test_sections_that_are_shown_by_cases_have_some_and_no_other_has() -> None:
    shown = {row[0] for row in ROWS if "cases" in row[-1].split(",")[0]}
    assert shown <= SECTIONS, "the document promises cases that are not there"
    known = {row[0] for row in ROWS}
    assert {section for section in SECTIONS if section not in known} <= {"10.5.1", "H6.2.2"}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:mesh|splitter|tests)/[\w/.]+\.py)`", TEXT))))
def test_every_file_that_is_named_exists(path: str) -> None:
    assert (ROOT / path).exists()
