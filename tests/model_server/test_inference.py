"""The rules of an inference, with models that are Python functions and no transport."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from model_server.errors import BadRequestError, ModelFailedError, NotReadyError, OverloadedError
from model_server.inference import Inference, Request
from model_server.models import Array, Model, Run, fake_model
from model_server.repository import Repository, Sources
from model_server.scheduling.scheduler import COMPUTE, QUEUE, Scheduler
from model_server.tensors import WireTensor

Build = Mapping[str, Model]


class Phases:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int]] = []

    def phase(self, name: str, start: int, end: int) -> None:
        self.seen.append((name, start, end))


def double(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
    return [feeds["X"] * 2 for _ in names]


def model_of(run: Run) -> Model:
    return fake_model(run, inputs={"X": ("FP32", (-1,))}, outputs={"Y": ("FP32", (-1,))})


async def loaded(model: Model, scheduler: Scheduler) -> Inference:
    repository = Repository(
        Sources({"fake": Path("fake")}), lambda name, file, version, wanted: model, first=["fake"]
    )
    await repository.start()
    return Inference(repository, scheduler)


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(1, queue=1)
    yield scheduler
    scheduler.close()


def of(*values: float) -> Request:
    tensor = WireTensor("X", "FP32", (len(values),), raw=np.array(values, np.float32).tobytes())
    return Request("fake", (tensor,), id="7")


async def test_a_request_is_answered_by_its_model(scheduler: Scheduler) -> None:
    inference = await loaded(model_of(double), scheduler)
    response = await inference.infer(of(1, 2), Phases())
    assert (response.model, response.version, response.id) == ("fake", "1", "7")
    assert response.outputs == (WireTensor("Y", "FP32", (2,), raw=np.array([2, 4], np.float32).tobytes()),)


async def test_queue_and_compute_are_told_without_a_gap(scheduler: Scheduler) -> None:
    phases = Phases()
    await (await loaded(model_of(double), scheduler)).infer(of(1), phases)
    (queue, queued, started), (compute, began, ended) = phases.seen
    assert (queue, compute) == (QUEUE, COMPUTE)
    assert queued <= started == began <= ended


async def test_the_compute_of_a_model_that_fails_is_told_too(scheduler: Scheduler) -> None:
    def fail(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        raise ModelFailedError("model 'fake' failed: of its own")

    phases = Phases()
    with pytest.raises(ModelFailedError, match="of its own"):
        await (await loaded(model_of(fail), scheduler)).infer(of(1), phases)
    assert [name for name, _, _ in phases.seen] == [QUEUE, COMPUTE]


async def test_a_request_that_does_not_fit_is_refused_although_every_thread_is_taken(
    scheduler: Scheduler,
) -> None:
    running, may_end = threading.Event(), threading.Event()

    def block(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        running.set()
        assert may_end.wait(10)
        return double(names, feeds)

    may_end.set()  # for the warm-up
    inference = await loaded(model_of(block), scheduler)
    may_end.clear()
    running.clear()
    async with asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(inference.infer(of(1), Phases())) for _ in range(2)]
        assert await asyncio.to_thread(running.wait, 10)
        with pytest.raises(BadRequestError, match="'Z' is not an input"):
            await inference.infer(Request("fake", (WireTensor("Z", "FP32", (1,), raw=bytes(4)),)), Phases())
        with pytest.raises(OverloadedError):
            await inference.infer(of(1), Phases())
        may_end.set()
    assert [call.result().outputs[0].shape for call in calls] == [(1,), (1,)]


async def test_a_model_that_is_known_but_not_loaded_is_not_ready(scheduler: Scheduler) -> None:
    repository = Repository(
        Sources({"fake": Path("fake")}), lambda name, file, version, wanted: model_of(double)
    )
    with pytest.raises(NotReadyError, match="'fake' is not loaded yet"):
        await Inference(repository, scheduler).infer(of(1), Phases())
