"""What holds for every test: with VERDIGRIS_NO_SKIP=1, a test that would be skipped fails and says why.

A developer's machine may lack Chromium or ruby-grpc, and skips by name; where everything has to be there,
a skip is a hole in the proof. An expected failure (xfail) is not a skip.
"""

import os
from collections.abc import Generator

import pytest

NO_SKIP = os.environ.get("VERDIGRIS_NO_SKIP", "") not in ("", "0")


def _forbid_skipping(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        report.outcome = "failed"
        report.longrepr = f"VERDIGRIS_NO_SKIP is set, but this was skipped: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _forbid_skipping(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid_skipping(report)
    return report
