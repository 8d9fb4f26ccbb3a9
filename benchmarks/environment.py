"""Where the figures were taken: a figure without its machine is none."""

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.site import first_line


@dataclass(frozen=True, slots=True)
class Environment:
    cpu: str
    cores: int
    system: str
    load_before: float
    """Load average of the last minute: what else was running; above 0.5 the figures are doubtful."""
    load_generator: str

    def __str__(self) -> str:
        busy = f", load average {self.load_before:.2f}" if self.load_before >= 0.5 else ""
        return f"{self.cores} × {self.cpu}, {self.system}, {self.load_generator}{busy}"


def look() -> Environment:
    return Environment(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        system=f"{platform.system()} {platform.release()}",
        load_before=round(os.getloadavg()[0], 2),
        load_generator=first_line("h2load", "--version"),
    )


def document(where: Environment) -> dict[str, Any]:
    """For JSON."""
    return asdict(where)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
