"""One program of the benchmark: started in a session of its own, awaited, and surely stopped."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from benchmarks import cpu, memory

HOST: Final = "127.0.0.1"
READY_WITHIN: Final = 20.0
STOP_WITHIN: Final = 5.0


class StartError(Exception):
    """A program did not come up; the message has the end of its log."""


class Process:
    """`with Process(…)`: returns when `port` accepts connections; its output is in `log`."""

    def __init__(
        self, argv: Sequence[str], *, port: int, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.argv, self.port, self.log = tuple(argv), port, log
        self._env = {**os.environ, **(env or {})}
        self._child: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<{Path(self.argv[0]).name} on port {self.port}>"

    @property
    def session(self) -> int:
        """The id of the session that is the program's own."""
        return self._started.pid

    def cpu_seconds(self) -> float:
        """CPU time of the program and its children so far."""
        return cpu.seconds(self.session)

    def resident(self) -> int:
        """Bytes of memory resident in the program and its children."""
        return memory.resident(self.session)

    @property
    def running(self) -> bool:
        return self._started.poll() is None

    def kill(self) -> None:
        """SIGKILL: its connections break without a word."""
        while members := cpu.members(self.session):
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._started.poll()
            time.sleep(0.001)  # the end of a process that is no child of ours is no event
        self._started.wait()

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                self.argv,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._await_port()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for what is left of the session."""
        child = self._started
        if child.poll() is None:
            child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(STOP_WITHIN)
        self.kill()

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        assert self._child is not None, "not started"
        return self._child

    def _await_port(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self._started.poll() is not None:
                raise StartError(f"{self!r} ended with status {self._started.returncode}:\n{self._tail()}")
            with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
                return
            time.sleep(0.05)
        raise StartError(f"{self!r} did not listen within {READY_WITHIN:g} s:\n{self._tail()}")

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]
