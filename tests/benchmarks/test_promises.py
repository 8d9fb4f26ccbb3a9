"""What is promised, of whom, and how it is judged."""

from benchmarks.figures import Figures
from benchmarks.promises import CPU, MEAN, promises, verdicts
from benchmarks.scenario import KIB, of_suite
from tests.benchmarks.samples import sample

ALL = of_suite("all")


def table() -> set[tuple[str, str, str, float]]:
    return {(str(each.scenario.name), each.column, each.theirs, each.at_most) for each in promises(ALL)}


def test_cpu_is_promised_with_32_calls_in_flight() -> None:
    assert {row for row in table() if row[1] == CPU} == {
        ("100 B, 32 in flight", CPU, "envoy", 0.45),
        ("100 B, 32 in flight", CPU, "haproxy", 1.0),
        ("64 KiB, 32 in flight", CPU, "envoy", 0.6),
        ("100 B, 32 in flight, traced", CPU, "envoy-traced", 0.8),
        ("100 B, 32 in flight, mirror", CPU, "envoy-mirror", 0.7),
    }


def test_mean_latency_is_promised_with_one_call_in_flight_at_every_payload() -> None:
    payloads = ("100 B", "4 KiB", "64 KiB")
    assert {row for row in table() if row[1] == MEAN} == {
        (f"{payload}, 1 in flight", MEAN, proxy, most)
        for payload in payloads
        for proxy, most in (("envoy", 0.75), ("haproxy", 1.0))
    }


def test_a_promise_is_kept_up_to_its_figure() -> None:
    scenario = next(each for each in ALL if each.payload == 64 * KIB and each.in_flight == 32)
    figures = Figures()
    figures.add(scenario, "verdigris", 1, sample(cpu=0.06))
    figures.add(scenario, "envoy", 1, sample(cpu=0.1))
    (verdict,) = verdicts(figures, [scenario])
    assert verdict.kept
    assert verdict.document() == {
        "promise": "CPU per call at 64 KiB, 32 in flight ≤ 0.6 × envoy",
        "ratio": 0.6,
        "kept": True,
    }
    figures.add(scenario, "verdigris", 1, sample(cpu=0.061))
    assert not verdicts(figures, [scenario])[0].kept


def test_a_promise_about_traces_is_judged_by_the_traced_peers() -> None:
    scenario = next(each for each in ALL if each.suite == "traced" and each.in_flight == 32)
    figures = Figures()
    for peer, cpu in {"verdigris": 9.0, "envoy": 1.0, "verdigris-traced": 0.5, "envoy-traced": 1.0}.items():
        figures.add(scenario, peer, 1, sample(cpu=cpu))
    assert [verdict.ratio for verdict in verdicts(figures, [scenario])] == [0.5]


def test_what_was_not_measured_is_not_judged() -> None:
    assert verdicts(Figures(), ALL) == []
