"""Models named by what they do, and calls of them in few words."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import numpy as np

from model_server.errors import ModelFailedError
from model_server.models import Array, Batching, Model, fake_model
from model_server.scheduling.scheduler import Scheduler
from model_server.tensors import WireTensor

PATIENCE = 20.0
"""Seconds until a test that waits for something has failed."""


class Doubles:
    """Y is twice X, row by row; remembers how many rows each run had, and in which thread it was."""

    def __init__(self, **options: Any) -> None:
        self.rows: list[int] = []
        self.threads: list[threading.Thread] = []
        shape = options.pop("shape", (-1,))
        tensors = {"inputs": {"X": ("FP32", shape)}, "outputs": {"Y": ("FP32", shape), "Z": ("FP32", shape)}}
        self.model: Model = fake_model(self.run, **{**tensors, **options})

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        self.rows.append(len(feeds["X"]) if feeds["X"].shape else -1)
        self.threads.append(threading.current_thread())
        return [feeds["X"] * np.float32(2) for _ in names]


class Gated(Doubles):
    """As Doubles, but a run waits until it is let go; `begun` counts those that have begun."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.begun = threading.Semaphore(0)
        self._may_end = threading.Semaphore(0)

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        answer = super().run(names, feeds)
        self.begun.release()
        assert self._may_end.acquire(timeout=PATIENCE)
        return answer

    async def until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=PATIENCE)

    def let_go(self, runs: int = 1_000) -> None:
        self._may_end.release(runs)


class FailsAt(Doubles):
    """As Doubles, but one number anywhere fails the whole run."""

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        answer = super().run(names, feeds)
        if (feeds["X"] == 13).any():
            raise ModelFailedError("model 'fake' failed: 13")
        return answer


class SumsUp(Doubles):
    """One row whatever it is given: not a model that can be batched."""

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        super().run(names, feeds)
        return [feeds["X"].sum(axis=0, keepdims=True) for _ in names]


class Phases:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int]] = []
        self.rows: list[int] = []

    def phase(self, name: str, start: int, end: int) -> None:
        self.seen.append((name, start, end))

    def batch(self, rows: int) -> None:
        self.rows.append(rows)


def tensor(*values: float, name: str = "X") -> WireTensor:
    return WireTensor(name, "FP32", (len(values),), raw=np.array(values, np.float32).tobytes())


def numbers(outputs: Sequence[WireTensor]) -> list[float]:
    assert outputs[0].raw is not None
    return list(map(float, np.frombuffer(outputs[0].raw, np.float32)))


async def ask(
    scheduler: Scheduler, model: Model, *values: float, names: Sequence[str] = ("Y",), **more: Any
) -> list[float]:
    """The numbers that come back."""
    observer = more.pop("observer", None) or Phases()
    return numbers(await scheduler.run(model, names, [tensor(*values)], observer=observer, **more))


async def begun(*calls: Awaitable[Any]) -> None:
    """The tasks have had their first step: what they submit is submitted."""
    for _ in calls:
        await asyncio.sleep(0)


async def queued(scheduler: Scheduler, tasks: asyncio.TaskGroup, *calls: Any) -> list[asyncio.Task[Any]]:
    """The calls as tasks that wait for a thread, in this order."""
    found = []
    for each in calls:
        before = scheduler.waiting
        found.append(tasks.create_task(each))
        await asyncio.sleep(0)
        assert scheduler.waiting == before + 1, "it does not wait"
    return found


def steps(count: int) -> Callable[[], int]:
    """A clock for who compares two of its readings."""
    moments = iter(range(count))
    return lambda: next(moments)


BATCHING = Batching(most=8)
