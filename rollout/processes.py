"""Real processes: started, ready when they print that they are, logged to files, and always stopped again.

    async with Processes(folder) as processes:
        splitter = await processes.start(Program("splitter", argv, ready=(LISTENING, ADMIN)))
        splitter.said(ADMIN)                 # the address it printed

Each leads a process group of its own, so a Ctrl-C in the terminal reaches the caller only, who then
stops them: all at once, and then the first one, on which the others lean.
"""

import asyncio
import os
import re
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from rollout.claim import claimed
from rollout.failure import Exit, Failure

ROOT: Final = Path(__file__).resolve().parents[1]
"""Where the packages lie: programs run there, so that `python -m` finds them also without an installation."""

LISTENING: Final = re.compile(r"\blistening on (\S+:\d+)")
ADMIN: Final = re.compile(r"\badmin on (\S+:\d+)")
STOP_WITHIN: Final = 10.0
"""Seconds a process may take after SIGTERM before it is killed."""
TAIL: Final = 15
"""Lines of its log shown when a process fails."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and the lines that tell, all together and within `within` seconds, that it is ready."""

    name: str
    argv: Sequence[str]
    ready: tuple[re.Pattern[str], ...]
    env: Mapping[str, str] = field(default_factory=dict)
    within: float = 30.0


class Running:
    """A started process."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process, log: Path) -> None:
        self.program = program
        self.log = log
        self._said: dict[re.Pattern[str], re.Match[str]] = {}
        self.ended = asyncio.Event()
        self._process = process
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._ready = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    def __repr__(self) -> str:
        return f"<{self.program.name} pid {self.pid} {'ended' if self.ended.is_set() else 'running'}>"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code once it has ended; negative for a signal."""
        return self._process.returncode

    def said(self, pattern: re.Pattern[str]) -> str:
        """What the first group of one of its lines of readiness matched."""
        return self._said[pattern][1]

    async def until_ready(self) -> None:
        """Return when it has printed its lines; Failure with the end of its log if they do not come."""
        try:
            async with asyncio.timeout(self.program.within):
                await self._ready.wait()
        except TimeoutError:
            pass
        if not self._is_ready():
            what = "ended" if self.ended.is_set() else f"was not ready within {self.program.within:g} s"
            raise Failure(
                Exit.FAILED,
                f"{self.program.name} {what}",
                hint=f"Its log: {self.log}",
                details=tuple(self._tail),
            )

    def kill(self) -> None:
        """SIGKILL, to it and to whatever it started: it breaks without a word."""
        self._signal(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, time to finish, SIGKILL for the rest of its group; safe when it has ended."""
        self._signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN):
                await self._process.wait()
        self.kill()
        await self._process.wait()
        await self._reader

    def _signal(self, which: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, which)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        with self.log.open("ab", buffering=0) as log:
            try:
                await self._copy(self._process.stdout, log)
            finally:
                await self._process.wait()
                self.ended.set()
                self._ready.set()

    async def _copy(self, output: asyncio.StreamReader, log: IO[bytes]) -> None:
        while chunk := await _line(output):
            log.write(chunk)
            line = chunk.decode(errors="replace").rstrip()
            self._tail.append(line)
            if not self._is_ready():
                self._said |= {each: found for each in self.program.ready if (found := each.search(line))}
                if self._is_ready():
                    self._ready.set()

    def _is_ready(self) -> bool:
        return len(self._said) == len(self.program.ready)


class Processes:
    """Starts programs, and stops them all at the end, whatever happened. Failure if others run in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._claim = claimed(folder)
        self._running: list[Running] = []

    async def __aenter__(self) -> Self:
        self._claim.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await asyncio.gather(*(each.stop() for each in self._running[1:]))
            for first in self._running[:1]:
                await first.stop()
        finally:  # an impatient second Ctrl-C
            for each in self._running:
                each.kill()
            self._claim.__exit__(None, None, None)

    async def start(self, program: Program) -> Running:
        """Start it and wait until it is ready."""
        try:
            process = await asyncio.create_subprocess_exec(
                *program.argv,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **program.env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Failure(Exit.FAILED, f"{program.name} does not start: {error}") from None
        log = self.folder / f"{program.name}.log"
        if all(each.log != log for each in self._running):
            log.unlink(missing_ok=True)  # of an earlier run
        running = Running(program, process, log)
        self._running.append(running)
        await running.until_ready()
        return running


async def _line(output: asyncio.StreamReader) -> bytes:
    try:
        return await output.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:  # a line of more than 64 KiB: in pieces
        return await output.readexactly(error.consumed)
