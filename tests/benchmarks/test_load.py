"""h2load's report: believed only if every single call came back whole."""

from pathlib import Path

import pytest

from benchmarks import load
from benchmarks.load import LoadError
from benchmarks.scenario import Scenario

SCENARIO = Scenario(payload=100, connections=1, streams=1)
SUMMARY = """
finished in {took}, 1000.00 req/s, 1.00MB/s
requests: 4 total, 4 started, 4 done, {succeeded} succeeded, {failed} failed, 0 errored, 0 timeout
traffic: 1.00KB (1024) total, 100B (100) headers (space savings 50.00%), 420B ({data}) data
"""
LOG = "1\t200\t100\n2\t200\t200\n3\t200\t300\n4\t200\t400\n"


def summary(*, took: str = "2.00s", failed: int = 0, data: int = 420) -> str:
    return SUMMARY.format(took=took, succeeded=4 - failed, failed=failed, data=data)


def test_latencies_are_those_of_the_single_calls() -> None:
    seen = load.judge(summary(), LOG, SCENARIO, 4)
    assert (seen.calls, seen.mean, seen.p50, seen.throughput) == (4, 250, 250, 2)


@pytest.mark.parametrize(("took", "seconds"), [("500us", 0.0005), ("20.5ms", 0.0205), ("3.1s", 3.1)])
def test_a_duration_has_its_unit(took: str, seconds: float) -> None:
    assert load.judge(summary(took=took), LOG, SCENARIO, 4).seconds == pytest.approx(seconds)


def test_a_failed_call_is_no_measurement_and_is_counted() -> None:
    with pytest.raises(LoadError, match="not all of 4 calls") as caught:
        load.judge(summary(failed=1), LOG, SCENARIO, 4)
    assert caught.value.failed == 1


def test_a_status_other_than_200_is_no_measurement() -> None:
    with pytest.raises(LoadError, match="503"):
        load.judge(summary(), LOG.replace("3\t200", "3\t503"), SCENARIO, 4)


def test_an_answer_without_its_message_is_no_measurement() -> None:
    """A gRPC failure is HTTP 200, too: it has trailers alone."""
    with pytest.raises(LoadError, match="315 bytes, not 4 × 105") as caught:
        load.judge(summary(data=315), LOG, SCENARIO, 4)
    assert caught.value.failed == 1


def test_a_report_without_a_summary_is_no_measurement() -> None:
    with pytest.raises(LoadError):
        load.judge("", "", SCENARIO, 4)


def test_tls_is_https_and_everything_else_is_as_without() -> None:
    plain = load.command(1, SCENARIO, calls=4, body=Path("b"))
    secure = load.command(1, SCENARIO, calls=4, body=Path("b"), tls=True)
    assert plain[:-1] == secure[:-1]
    assert (plain[-1][:7], secure[-1][:8]) == ("http://", "https://")
