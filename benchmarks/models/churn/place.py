"""Where the churn takes place: a repository whose files change, and a watched server with explicit control."""

import json
import os
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.models import networks
from benchmarks.models.churn.watched import WINDOW
from benchmarks.models.session import open_session
from benchmarks.process import HOST, Process
from tests.consul_agent import free_ports

WIDTH: Final = 256
"""Of the models that are loaded again and again: half a megabyte of weights, so that a kept one shows."""
SLOW: Final = 0.004
LOOK_WITHIN: Final = 10.0
REST_WITHIN: Final = 40.0
"""Seconds until what a client that vanished has left behind is gone: a run, and what gRPC takes its time for."""
MODELS: Final = ("steady", "reloads", "breaks", "slow")
"""Those that are loaded from the start; `comes` is not."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a server holds. `objects` are those of its own classes; `resident` and `in_use` (what of the C library's
    heaps is not free) are in bytes: these three move a little. Of the rest, but for threads of gRPC's own, whatever is
    more than at the start is left over."""

    tasks: int
    threads: tuple[str, ...]
    native_threads: int
    sessions: int
    descriptors: int
    objects: int
    in_use: int
    resident: int

    @property
    def counted(self) -> dict[str, Any]:
        """What has to be exactly as before."""
        return {
            "tasks": self.tasks,
            "threads": list(self.threads),
            "sessions": self.sessions,
            "descriptors": self.descriptors,
        }


class Place:
    """`with ExitStack() as stack: place = Place(directory, stack)`: the server is up; its models are loading."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._window = directory / "window.json"
        self._looks = 0
        self.repository = directory / "repository"
        self.contents = tuple(_wide(seed) for seed in (1, 2))
        """What the reloaded model's file says by turns."""
        for name in ("steady", "comes", "reloads", "breaks"):
            self.write(name, self.contents[0])
        self.write("slow", networks.slow(SLOW))
        (self.port,) = free_ports(1)
        first = (part for name in MODELS for part in ("--load-model", name))
        argv = [
            *(sys.executable, "-m", "benchmarks.models.churn.watched", "--no-consul", "--service", "churn"),
            *("--color", "blue", "--listen", f"{HOST}:{self.port}", "--threads", "2"),
            *("--repository", str(self.repository), "--model-control", "explicit", *first),
        ]
        log = directory / "server.log"
        process = Process(argv, port=self.port, log=log, env={WINDOW: str(self._window)})
        self.server = stack.enter_context(process)

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def write(self, name: str, content: bytes) -> None:
        """The model's file, whole at once: nobody reads half of it."""
        file = self.repository / name / "1" / "model.onnx"
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_bytes(content)
        new.replace(file)

    @cached_property
    def row(self) -> Any:
        return np.random.default_rng(0).random((1, WIDTH), np.float32)

    @cached_property
    def answers(self) -> tuple[bytes, ...]:
        """To `row`, by each of the contents."""
        return tuple(open_session(each).run(None, {"X": self.row})[0].tobytes() for each in self.contents)

    def held(self) -> Held:
        """At this moment. RuntimeError with the end of its log if the server does not say."""
        self._looks += 1
        os.kill(self.server.session, signal.SIGUSR1)
        deadline = time.monotonic() + LOOK_WITHIN
        while time.monotonic() < deadline:
            if (
                self._window.exists()
                and (seen := json.loads(self._window.read_text()))["number"] >= self._looks
            ):
                process = Path("/proc") / str(self.server.session)
                return Held(
                    tasks=seen["tasks"],
                    threads=tuple(seen["threads"]),
                    native_threads=len(list((process / "task").iterdir())),
                    sessions=seen["sessions"],
                    descriptors=len(list((process / "fd").iterdir())),
                    objects=seen["objects"],
                    in_use=seen["in_use"],
                    resident=self.server.resident(),
                )
            time.sleep(0.01)
        raise RuntimeError(f"the server does not say what it holds:\n{self.server.log.read_text()[-2000:]}")

    def settled(self) -> Held:
        """What it holds once two looks in a row, a second apart, have seen the same."""
        before, now = None, self.held()
        deadline = time.monotonic() + REST_WITHIN
        while (before is None or before.counted != now.counted) and time.monotonic() < deadline:
            time.sleep(1.0)
            before, now = now, self.held()
        return now

    def rest(self, like: Held) -> Held:
        """What it holds once that is what it held before, or when it has had its time to let go."""
        deadline = time.monotonic() + REST_WITHIN
        while (now := self.held()).counted != like.counted and time.monotonic() < deadline:
            time.sleep(0.1)
        return now


def _wide(seed: int) -> bytes:
    return networks.multilayer(WIDTH, WIDTH, WIDTH, seed=seed)
