"""One attack on one victim, with the neighbour beside it: before, during and after."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from benchmarks.attacks.neighbor import Neighbor, Phase
from benchmarks.attacks.victim import faults
from benchmarks.memory import MIB, Peak
from benchmarks.peers.site import Target
from benchmarks.process import HOST

PATIENCE: Final = 30.0
"""Seconds for an attack to end when it is told to."""
CODES: Final = (
    *("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED"),
    *("FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM"),
    *("INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"),
)  # fmt: skip
"""RFC 9113, section 7."""


class Outcome(Protocol):
    """What the attackers got, over all their connections; GOAWAY frames with an error by code."""

    connections: int
    closed: int
    survived: int
    sent: int
    goaways: Counter[int]
    resets: Counter[int]


class Attack(Protocol):
    """An attack has a name and can be run until it is told to stop."""

    name: str

    async def run(self, host: str, port: int, stop: asyncio.Event) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of attacker and neighbour; memory in bytes."""

    attack: str
    attacker: str
    counted: Mapping[str, int]
    """Connections that the victim says it ended, by reason."""
    before: Phase | None
    during: Phase | None
    after: Phase | None
    failed: int
    resident: int
    peak: int

    def document(self) -> dict[str, Any]:
        return asdict(self)

    def row(self) -> list[str]:
        """The neighbour's p50 and p99 in ms."""
        return [
            self.attack,
            self.attacker,
            ", ".join(f"{reason} × {count}" for reason, count in self.counted.items()) or "–",
            *(_times(phase) for phase in (self.before, self.during, self.after)),
            str(self.failed),
            f"{self.resident / MIB:.0f} → {self.peak / MIB:.0f}",
        ]


HEADINGS: Final = ("tried", "the attacker", "counted as", "before", "during", "after", "failed", "MiB")


async def attempt(attack: Attack, target: Target, seconds: float, directory: Path) -> Trial:
    """`seconds` of peace, twice as many of the attack, `seconds` of peace."""
    assert target.process is not None
    known, resident = await asyncio.to_thread(faults, target), target.process.resident()
    stop = asyncio.Event()
    with Peak(target.process.session) as peak:
        async with Neighbor(target.port, 4 * seconds, directory) as neighbor:
            await asyncio.sleep(seconds)
            begun = time.time()
            running = asyncio.create_task(attack.run(HOST, target.port, stop))
            try:
                await asyncio.wait([running], timeout=2 * seconds)
            finally:
                stop.set()
            over = time.time()
            said = await _outcome(running)
            calls = await neighbor.calls()
        counted = await asyncio.to_thread(faults, target) - known
    return Trial(
        attack=attack.name,
        attacker=said,
        counted=dict(counted),
        before=Phase.of(calls, 0, begun),
        during=Phase.of(calls, begun, over),
        after=Phase.of(calls, over, float("inf")),
        failed=neighbor.failed,
        resident=resident,
        peak=peak.bytes,
    )


async def _outcome(running: "asyncio.Task[Outcome]") -> str:
    try:
        return describe(await asyncio.wait_for(running, PATIENCE))
    except TimeoutError:
        return "did not stop when told to"
    except Exception as error:  # an attacker that breaks is a finding about the attack, and the others go on
        return f"broke: {type(error).__name__}: {error}"


def describe(outcome: Outcome) -> str:
    """In words."""
    if not outcome.connections:
        return "never got in"
    parts = [f"{outcome.closed} of {outcome.connections} connections ended"]
    codes = [f"{code_name(code)} × {count}" for code, count in sorted(outcome.goaways.items())]
    if codes:
        parts.append(f"GOAWAY {', '.join(codes)}")
    resets = [f"{code_name(code)} × {count}" for code, count in sorted(outcome.resets.items())]
    if resets:
        parts.append(f"RST_STREAM {', '.join(resets)}")
    return f"{'; '.join(parts)}; sent {outcome.sent / MIB:.1f} MiB"


def code_name(code: int) -> str:
    return CODES[code] if code < len(CODES) else f"0x{code:x}"


def _times(phase: Phase | None) -> str:
    return "no calls" if phase is None else f"{phase.p50 / 1000:.2f} / {phase.p99 / 1000:.2f}"
