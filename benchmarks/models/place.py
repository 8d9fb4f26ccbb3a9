"""Where a model is served, and how that is measured: by h2load on a port, or by a loop around the model itself."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, quantiles
from typing import Protocol

from benchmarks import load
from benchmarks.figures import Sample
from benchmarks.load import GIVE_UP_AFTER, Load, LoadError
from benchmarks.models import answers
from benchmarks.models.workload import Example, Scenario, Sent, Workload
from benchmarks.process import Process


class Place(Protocol):
    """A peer that is up, with one workload's model."""

    def check(self, examples: Sequence[Example]) -> None:
        """LoadError unless its answers are right; the first example is what will be sent."""

    def measure(self, scenario: Scenario, calls: int) -> Sample:
        """After `check`. LoadError unless every call was answered."""


@dataclass(slots=True)
class Port:
    """A server's."""

    workload: Workload
    port: int
    process: Process
    directory: Path
    _request: bytes = field(default=b"", init=False)
    _answer: bytes = field(default=b"", init=False)

    def check(self, examples: Sequence[Example]) -> None:
        self._request = examples[0].request
        self._answer = answers.check(self.port, self.workload, examples)

    def measure(self, scenario: Scenario, calls: int) -> Sample:
        sent = Sent.of(scenario, self._request, self._answer)
        before = self.process.cpu_seconds()
        measured = load.run(self.port, sent, calls=calls, directory=self.directory)
        return Sample(measured, self.process.cpu_seconds() - before)


@dataclass(slots=True)
class Loop:
    """No server: `alone`, once for each measurement."""

    file: Path
    directory: Path

    def check(self, examples: Sequence[Example]) -> None:
        self._request.write_bytes(examples[0].request)

    def measure(self, scenario: Scenario, calls: int) -> Sample:
        """One run at a time, whatever the scenario has in flight."""
        given = (str(self.file), str(self._request), str(calls))
        argv = [sys.executable, "-m", "benchmarks.models.alone", *given]
        try:
            done = subprocess.run(argv, capture_output=True, check=True, timeout=GIVE_UP_AFTER)
        except subprocess.SubprocessError as error:
            raise LoadError(f"the model alone: {error}") from None
        seen = json.loads(done.stdout)
        percentiles = quantiles(seen["latencies"], n=100, method="inclusive")
        mean = fmean(seen["latencies"])
        return Sample(Load(calls, seen["seconds"], mean, percentiles[49], percentiles[98]), seen["cpu"])

    @property
    def _request(self) -> Path:
        return self.directory / "request.bin"
