"""One crowd before one proxy, and what became of the proxy's memory."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import load
from benchmarks.load import LoadError
from benchmarks.memory import MIB, Peak
from benchmarks.peers.site import Target
from benchmarks.process import Process
from benchmarks.scale.crowd import Crowd, gather
from benchmarks.scenario import BUSY, Scenario

STAND: Final = 1.0
"""Seconds the crowd stands, so that its peak is sampled."""
SETTLE: Final = 10.0
"""Seconds a proxy has to give memory back."""
MOST_RESIDENT: Final = 150 * MIB
MOST_LEFT: Final = 1.10
"""After the crowd, of what was resident before it."""


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes resident, and calls that failed by reason."""

    peer: str
    crowd: str
    calls: int
    open_at_once: int
    before: int
    peak: int
    after: int
    failures: Mapping[str, int]

    @property
    def left(self) -> float:
        return self.after / self.before

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "left": round(self.left, 3), "failed": self.failed}


def held(peer: str, target: Target, process: Process, crowd: Crowd) -> Held:
    """All calls of the crowd open at one moment."""
    before = process.resident()

    async def stand() -> None:
        await asyncio.sleep(STAND)

    with Peak(process.session) as peak:
        outcome = asyncio.run(gather(crowd, target.port, stand))
    after = settled(process)
    return Held(
        peer,
        crowd.name,
        crowd.calls,
        outcome.open_at_once,
        before,
        peak.bytes,
        after,
        dict(outcome.failures),
    )


def busy(peer: str, target: Target, process: Process, crowd: Crowd, calls: int, directory: Path) -> Held:
    """As many connections and streams, but every call ends at once and the next begins."""
    scenario = Scenario(100, crowd.connections, crowd.streams)
    before, failures = process.resident(), {}
    with Peak(process.session) as peak:
        try:
            load.run(target.port, scenario, calls=calls, directory=directory)
        except LoadError as error:
            failures = {str(error).strip().splitlines()[0]: error.failed or calls}
    name = f"{crowd.connections:,} × {crowd.streams:,} unary calls, {calls:,} in all"
    return Held(peer, name, calls, crowd.calls, before, peak.bytes, settled(process), failures)


def warm_up(target: Target, directory: Path) -> None:
    """What the first call makes once and keeps is none of a crowd's."""
    load.run(target.port, Scenario(100, *BUSY), calls=500, directory=directory)


def settled(process: Process) -> int:
    """The least that is resident within the time for giving memory back."""
    ends = time.monotonic() + SETTLE
    least = process.resident()
    while time.monotonic() < ends:
        time.sleep(0.25)
        least = min(least, process.resident())
    return least
