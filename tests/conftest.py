"""What holds for every test: temporary files stay inside the checkout, and with VERDIGRIS_NO_SKIP=1 a test that
would be skipped fails and says why.

A developer's machine may lack Chromium or ruby-grpc, and skips by name; where everything has to be there,
a skip is a hole in the proof. An expected failure (xfail) is not a skip.
"""

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests import compiled

TEMPORARY = Path(__file__).parents[1] / ".cache" / "tmp"
TEMPORARY.mkdir(parents=True, exist_ok=True)
os.environ["TMPDIR"] = tempfile.tempdir = str(TEMPORARY)  # for us, and for every process that a test starts

REFUSAL = compiled.prepare()
NO_SKIP = os.environ.get("VERDIGRIS_NO_SKIP", "") not in ("", "0")


def pytest_configure() -> None:
    if REFUSAL is not None:
        pytest.exit(REFUSAL, returncode=pytest.ExitCode.USAGE_ERROR)


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
