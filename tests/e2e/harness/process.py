"""One child process whose output is kept: to wait for a line of it, and to show it when a test fails."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

CHECKOUT: Final = Path(__file__).resolve().parents[3]
TAIL: Final = 60
"""Lines of output that a failure shows of each process."""


class ProcessFailedError(Exception):
    """A process ended or stayed silent where a line was awaited; the message holds the end of its output."""


def program(name: str) -> list[str]:
    """The argv of one of our commands, from the virtual environment that runs the tests."""
    script = Path(sys.executable).with_name(name)
    package = name.replace("-", "_")
    return [str(script)] if script.exists() else [sys.executable, "-m", package]


class Process:
    """Started by the constructor, stopped by `stop`; loop-free, so a fixture of any scope may hold one."""

    def __init__(self, name: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        self.name, self.lines = name, list[str]()
        self._news, self._ended = threading.Condition(), False
        self._child = subprocess.Popen(
            argv,
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # its own group: stopped with its children, and not by our terminal
        )
        self._reader = threading.Thread(target=self._read, name=f"output of {name}", daemon=True)
        self._reader.start()

    def __repr__(self) -> str:
        return (
            f"<{self.name} pid {self.pid} {'running' if self.running else f'ended {self._child.returncode}'}>"
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def memory(self) -> int:
        """Its resident memory in bytes; skips where there is no /proc."""
        status = Path(f"/proc/{self.pid}/status")
        if not status.exists():
            pytest.skip("needs Linux: memory is read from /proc")
        kib = re.search(r"^VmRSS:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        assert kib
        return int(kib[1]) * 1024

    def tail(self) -> str:
        """The last lines of its output, for a human."""
        return "\n".join(self.lines[-TAIL:]) or "(no output)"

    async def line(self, pattern: str, *, timeout: float = 30) -> re.Match[str]:
        """The first line of the output, past or still to come, in which `pattern` is found."""
        return await asyncio.to_thread(self._await_line, re.compile(pattern), timeout)

    async def ended(self, *, timeout: float = 30) -> int:
        """Its exit status, once it ends by itself."""
        try:
            return await asyncio.to_thread(self._child.wait, timeout)
        except subprocess.TimeoutExpired:
            raise ProcessFailedError(f"{self!r} did not end within {timeout} s:\n{self.tail()}") from None

    def signal(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    async def stop(self, *, timeout: float = 10) -> int:
        """SIGTERM, and SIGKILL for whatever of its group is left after `timeout`; its exit status."""
        return await asyncio.to_thread(self.stop_now, timeout)

    def stop_now(self, timeout: float = 10) -> int:
        if self.running:
            self._child.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout)
        with suppress(ProcessLookupError):  # its children, or itself when it would not end
            os.killpg(self.pid, signal.SIGKILL)
        status = self._child.wait()
        self._reader.join(timeout)
        return status

    def _read(self) -> None:
        stdout = self._child.stdout
        assert stdout is not None
        with stdout:
            for line in stdout:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _await_line(self, pattern: re.Pattern[str], timeout: float) -> re.Match[str]:
        seen = 0

        def found() -> re.Match[str] | bool:
            nonlocal seen
            for line in self.lines[seen:]:
                seen += 1
                if match := pattern.search(line):
                    return match
            return self._ended

        with self._news:
            match = self._news.wait_for(found, timeout)
        if isinstance(match, re.Match):
            return match
        how = "ended" if match else f"was silent for {timeout} s"
        raise ProcessFailedError(f"{self!r} {how} before a line with {pattern.pattern!r}:\n{self.tail()}")
