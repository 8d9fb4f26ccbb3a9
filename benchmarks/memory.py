"""Resident memory of a program: all its processes."""

import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from benchmarks import cpu

MIB: Final = 1 << 20
EVERY: Final = 0.05


def resident(session: int) -> int:
    """Bytes resident in all living processes of a session; pages they share are counted once for each."""
    total = 0
    for pid in cpu.members(session):
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) << 10
    return total


class Peak:
    """`with Peak(session) as peak:` … `peak.bytes` is the most that was resident meanwhile, as sampled."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="resident memory", daemon=True)
        self.bytes = 0

    def _sample(self) -> None:
        while True:
            self.bytes = max(self.bytes, resident(self._session))
            if self._over.wait(EVERY):
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
