"""A real `model-server` process for tests: started, waited for, stopped with SIGTERM and looked at."""

import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).parents[2]
READY_WITHIN = 60.0
STOP_WITHIN = 30.0
READY = "listening on "


class Served:
    """`python -m model_server` with these arguments; by default without Consul, on a port of its own."""

    def __init__(
        self,
        *arguments: str,
        models: dict[str, Path],
        service: str = "recommender",
        color: str = "blue",
        listen: str = "127.0.0.1:0",
        env: dict[str, str] | None = None,
    ) -> None:
        self.arguments = [
            *("--service", service, "--color", color, "--listen", listen),
            *(part for name, path in models.items() for part in ("--model", f"{name}={path}")),
            *arguments,
        ]
        if not any(each.startswith("--consul") for each in arguments):
            self.arguments.append("--no-consul")
        self.address = ""
        self._env = env
        self._lines: list[str] = []
        self._ready = threading.Event()

    @property
    def log(self) -> str:
        return "".join(self._lines)

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def start(self, *, wait: bool = True) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "model_server", *self.arguments],
            stderr=subprocess.PIPE,
            text=True,
            env=self._env,
            cwd=ROOT,
        )
        assert self.process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()
        if wait and (not self._ready.wait(READY_WITHIN) or not self.address):
            self.kill()
            raise RuntimeError(f"model-server is not ready:\n{self.log}")
        return self

    def signal(self, which: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(which)

    def wait(self, timeout: float = STOP_WITHIN) -> int:
        """The exit code."""
        code = self.process.wait(timeout)
        self._reader.join()
        return code

    def stop(self) -> int:
        """SIGTERM and the exit code."""
        if self.process.poll() is None:
            self.signal()
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.wait()

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                self._lines.append(line)
                if line.startswith(READY):
                    self.address = line.removeprefix(READY).strip()
                    self._ready.set()
        self._ready.set()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except BaseException:
            self.kill()
            raise


def run_to_end(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and stderr of a command that is expected to end by itself."""
    command: Sequence[str] = (sys.executable, "-m", "model_server", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=READY_WITHIN, env=env, cwd=ROOT)
    return done.returncode, done.stderr
