"""Whether what a variant promises does arrive: copies at the shadow's backend, spans at a collector.

A peer that drops them does less work than it is measured for, so a measurement of which not (nearly) all arrived
is none.
"""

import json
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.load import LoadError
from benchmarks.process import HOST, Process
from tests.consul_agent import free_ports

TOLERANCE: Final = 0.01
"""Copies or spans that may be missing, or too many, of those expected."""
QUIET: Final = 1.5
"""Seconds without a newcomer after which nothing more is waited for; exporters flush at least once a second."""
POLL: Final = 0.05

Count = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Counter:
    """A counting server that runs: where calls go to, and where its counts are read."""

    port: int
    counts_port: int
    process: Process

    def counts(self) -> dict[str, int]:
        with socket.create_connection((HOST, self.counts_port), timeout=10) as connection:
            read: dict[str, int] = json.loads(connection.makefile().readline())
        return read


def start(kind: str, name: str, directory: Path, stack: ExitStack) -> Counter:
    """A counting server of the kind `echo` or `spans`, stopped by the stack."""
    port, counts_port = free_ports(2)
    argv = [sys.executable, "-m", "benchmarks.counting", kind, str(port), str(counts_port)]
    process = Process(argv, port=port, log=directory / f"{name}.log")
    return Counter(port, counts_port, stack.enter_context(process))


@dataclass(slots=True)
class Witness:
    """Expects `per_call` of `what` for every call."""

    what: str
    per_call: int
    count: Count
    clock: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)

    def settle(self, expected: int | None = None) -> int:
        """The count, once it is `expected` or has not moved for a while."""
        seen, since = self.count(), self.clock()
        while expected is None or seen < expected:
            if self.clock() - since > QUIET:
                return seen
            self.sleep(POLL)
            if (now := self.count()) != seen:
                seen, since = now, self.clock()
        return seen

    def arrived(self, before: int, calls: int) -> float:
        """How many arrived since the count was `before`, per call; LoadError if that is not `per_call`."""
        expected = calls * self.per_call
        arrived = self.settle(before + expected) - before
        if abs(arrived - expected) > TOLERANCE * expected:
            raise LoadError(f"{arrived} {self.what} arrived of {calls} calls, not {expected}")
        return arrived / calls


def spans(counter: Counter, per_call: int) -> Witness:
    return Witness("spans", per_call, lambda: counter.counts()["spans"])


def copies(counter: Counter) -> Witness:
    """The copy of each call at the shadow's backend; that the call itself arrived, its answer shows."""
    return Witness("copies", 1, lambda: counter.counts()["ended"])
