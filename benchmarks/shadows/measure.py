"""One measurement of one variant: a client's times at a steady rate, or CPU per call when busy."""

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import load
from benchmarks.attacks.neighbor import Neighbor, Phase
from benchmarks.load import LoadError
from benchmarks.peers.site import Target
from benchmarks.scenario import Scenario
from benchmarks.shadows.variant import Variant, harm

KILL_EVERY = 0.5
"""Seconds."""
SETTLE = 0.3
"""Seconds in which what belongs to the last calls is done."""
BUSY = Scenario(100, 4, 8)


@dataclass(frozen=True, slots=True)
class Times:
    """Of one variant, over its rounds: median, and 99th percentile, in µs."""

    p50: list[float]
    p99: list[float]

    def row(self, base: "Times") -> list[str]:
        """Medians of the rounds, and the median of their ratios to the base's."""
        ratios = [
            median(own / theirs for own, theirs in zip(mine, others, strict=True))
            for mine, others in ((self.p50, base.p50), (self.p99, base.p99))
        ]
        return [f"{median(self.p50):.0f}", f"{median(self.p99):.0f}", *(f"{ratio:.2f}" for ratio in ratios)]


async def times(variant: Variant, target: Target, seconds: float, directory: Path) -> Phase:
    """Of a client with a call every 5 ms. LoadError if one failed."""
    if variant.recorder == "stopped":
        harm(target, signal.SIGSTOP)
    killing = asyncio.create_task(_kill(target)) if variant.recorder == "killed" else None
    async with Neighbor(target.port, seconds, directory) as neighbor:
        calls = await neighbor.calls()
    if killing is not None:
        killing.cancel()
    if variant.recorder == "stopped":
        harm(target, signal.SIGCONT)
    phase = Phase.of(calls, 0, float("inf"))
    if neighbor.failed or phase is None:
        raise LoadError(f"{variant.name}: {neighbor.failed} of {neighbor.planned} calls failed")
    return phase


async def _kill(target: Target) -> None:
    while True:
        await asyncio.sleep(KILL_EVERY)
        await asyncio.to_thread(harm, target, signal.SIGKILL)


def cpu(target: Target, calls: int, directory: Path) -> float:
    """The splitter's µs of CPU a call, with 32 in flight; its recorder's are not among them."""
    assert target.process is not None
    before = target.process.cpu_seconds()
    load.run(target.port, BUSY, calls=calls, directory=directory)
    time.sleep(SETTLE)
    return (target.process.cpu_seconds() - before) / calls * 1e6
