"""Tables compare like with like."""

from benchmarks import markdown, report
from benchmarks.environment import Environment
from benchmarks.figures import Figures
from benchmarks.promises import verdicts
from benchmarks.scenario import Scenario, of_suite
from tests.benchmarks.samples import sample

WHERE = Environment("a processor", 2, "Linux", 0.1, "h2load 1")
TRACED = next(each for each in of_suite("traced") if each.in_flight == 32)


def traced() -> Figures:
    figures = Figures()
    for peer, cpu in {"verdigris": 1.0, "envoy": 2.0, "verdigris-traced": 3.0, "envoy-traced": 4.0}.items():
        figures.add(TRACED, peer, 1, sample(cpu=cpu, arrived=2.0 if "-" in peer else None))
    return figures


def cells(scenario: Scenario, figures: Figures) -> dict[str, dict[str, str]]:
    names = report.headings(scenario)
    return {
        peer: dict(zip(reversed(names), reversed(row), strict=True))
        for peer, row in report.rows(figures, scenario)
    }


def test_a_peer_with_traces_is_compared_with_envoy_with_traces_and_one_without_with_one_without() -> None:
    rows = dict(report.rows(traced(), TRACED))
    ratio = report.headings(TRACED).index("÷Envoy")
    assert (rows["verdigris"][ratio], rows["verdigris-traced"][ratio]) == ("0.50", "0.75")
    assert (rows["envoy"][ratio], rows["envoy-traced"][ratio]) == ("–", "–")


def test_what_arrived_is_shown_where_something_had_to() -> None:
    found = cells(TRACED, traced())
    assert found["verdigris-traced"]["spans/call"] == "2.000"
    assert found["verdigris"]["spans/call"] == "–"


def test_a_suite_without_haproxy_has_no_column_for_it() -> None:
    assert "÷HAProxy" not in report.headings(TRACED)
    assert report.headings(of_suite("tls")[0]).count("÷HAProxy") == 2


def test_a_page_has_promises_tables_and_what_was_left_out() -> None:
    figures = traced()
    page = markdown.matrix(
        figures, [TRACED], verdicts(figures, [TRACED]), WHERE, {"envoy": "1"}, {"nginx": "not there\nat all"}
    )
    assert "a processor" in page
    assert "| CPU per call at 100 B, 32 in flight, traced ≤ 0.8 × envoy-traced | 0.75 | kept |" in page
    assert "| envoy-traced |" in page
    assert "- nginx: not there\n" in page


def test_a_cell_cannot_break_its_table() -> None:
    assert markdown.table(["a", "b"], [["x|y", "1"]]) == "| a | b |\n| :-- | --: |\n| x\\|y | 1 |\n"


def test_a_version_is_named_once_for_all_variants() -> None:
    assert report.versions({"envoy": "1.40", "envoy-traced": "1.40", "haproxy": "2.6"}) == (
        "envoy: 1.40; haproxy: 2.6"
    )
