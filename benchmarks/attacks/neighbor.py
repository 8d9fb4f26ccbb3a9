"""The well-behaved client beside an attack: one connection, a call every few milliseconds, each one timed.

h2load in a process of its own, so that what it measures is not how busy the attackers' process is.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from types import TracebackType
from typing import Final, NamedTuple, Self

from benchmarks import load
from benchmarks.scenario import Scenario

RATE: Final = 200
"""Calls a second: enough for a 99th percentile in seconds, little enough to leave the machine alone."""
SCENARIO: Final = Scenario(100, 1, 1)
GRACE: Final = 20.0
"""Seconds beyond the planned time before the client is taken for stuck."""


class Timed(NamedTuple):
    """One call: when it began, in seconds since the epoch; its HTTP status; how long it took, in µs."""

    began: float
    status: str
    took: float


@dataclass(frozen=True, slots=True)
class Phase:
    """Calls of a span of time: how many, their median and 99th percentile in µs, and the slowest."""

    calls: int
    p50: float
    p99: float
    worst: float

    @classmethod
    def of(cls, calls: Sequence[Timed], begin: float, end: float) -> "Phase | None":
        """Of the calls that began then; None for less than two of them."""
        took = [call.took for call in calls if begin <= call.began < end]
        if len(took) < 2:
            return None
        percentiles = quantiles(took, n=100, method="inclusive")
        return cls(len(took), percentiles[49], percentiles[98], max(took))


def parse(log: str) -> list[Timed]:
    """h2load's log: a row per call, whole rows only."""
    rows = (line.split("\t") for line in log.splitlines())
    return [Timed(int(row[0]) / 1e6, row[1], float(row[2])) for row in rows if len(row) >= 3]


class Neighbor:
    """`async with Neighbor(port, seconds, directory) as neighbor` … `await neighbor.calls()`."""

    def __init__(self, port: int, seconds: float, directory: Path) -> None:
        self.planned = round(RATE * seconds)
        self.failed = 0
        self._seconds = seconds
        self._log = directory / "neighbor.tsv"
        self._body = directory / "neighbor.bin"
        self._port = port

    async def __aenter__(self) -> Self:
        self._body.write_bytes(SCENARIO.message)
        self._log.unlink(missing_ok=True)
        argv = load.command(self._port, SCENARIO, calls=self.planned, body=self._body)
        self._child = await asyncio.create_subprocess_exec(
            *argv, f"--rps={RATE}", f"--log-file={self._log}", stdout=asyncio.subprocess.PIPE
        )
        self.began = time.time()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child.returncode is None:
            self._child.kill()
        await self._child.wait()

    async def calls(self) -> list[Timed]:
        """All its calls, when it is done; `failed` counts those that did not come back whole."""
        report = b""
        try:
            async with asyncio.timeout(self._seconds + GRACE):
                report, _ = await self._child.communicate()
        except TimeoutError:
            self._child.kill()
        data = re.search(rb"\((\d+)\) data", report)
        self.failed = self.planned - (int(data[1]) // len(SCENARIO.message) if data else 0)
        return parse(self._log.read_text()) if self._log.exists() else []
