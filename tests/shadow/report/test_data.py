"""The report as JSON: names that scripts rely on, and values that every parser reads."""

import json
from dataclasses import replace

import pytest

from shadow.report.data import as_data
from shadow.report.report import Report
from shadow.verdict.verdict import State
from tests.shadow.report import example


def test_the_names_are_those_of_the_documentation() -> None:
    data = as_data("recommender", [example.report()])
    assert list(data) == ["service", "state", "reports"]
    assert list(data["reports"][0]) == [
        "service", "color", "primary", "role", "run", "store", "made", "period", "state", "verdict", "criteria",
        "criteria_from", "accounting", "outputs", "latency", "errors", "noise", "series", "environment", "worst",
    ]  # fmt: skip
    assert data["state"] == "not_ready"


def test_the_accounting_closes() -> None:
    accounting = as_data("recommender", [example.report()])["reports"][0]["accounting"]
    parts = [accounting[name] for name in ("compared", "failed", "timed_out", "dropped")]
    assert accounting["mirrored"] == sum(parts)
    assert accounting["reasons"]["dropped"] == {"in_flight": 27, "bytes": 3}


def test_what_is_endless_or_unknown_is_null() -> None:
    made = example.report()
    first = replace(made.verdict.findings[0], interval=(float("nan"), float("inf")))
    verdict = replace(made.verdict, findings=(first,))
    data = as_data("recommender", [replace(made, verdict=verdict)])
    text = json.dumps(data, allow_nan=False)
    finding = json.loads(text)["reports"][0]["verdict"]["findings"][0]
    assert (finding["low"], finding["high"]) == (None, None)
    assert data["reports"][0]["latency"]["shadow"]["p99.9"] is None


def test_of_several_colours_one_that_is_not_ready_decides() -> None:
    reports = [example.report(State.READY), example.report(State.NOT_ENOUGH_DATA)]
    assert as_data("recommender", reports)["state"] == "not_enough_data"
    assert as_data("recommender", [*reports, example.report(State.NOT_READY)])["state"] == "not_ready"
    assert as_data("recommender", [example.report(State.READY)])["state"] == "ready"


@pytest.mark.parametrize("made", [example.report(), example.empty(), example.hostile()])
def test_every_parser_of_json_reads_it(made: Report) -> None:
    """No NaN and no Infinity, which Python writes and jq refuses."""
    text = json.dumps(as_data("recommender", [made]), allow_nan=False)
    assert json.loads(text)["reports"][0]["verdict"]["state"] == made.state.replace(" ", "_")
