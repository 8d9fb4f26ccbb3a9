"""Repository, rules and scheduler together: calls keep the model they began with, and nobody keeps it after them."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from model_server.errors import UnknownModelError
from model_server.inference import Inference, Request
from model_server.onnx_model import open_model
from model_server.repository import Repository, Sources, State
from model_server.scheduling.scheduler import Scheduler
from model_server.tensors import WireTensor
from model_server.tracing import UNTRACED
from tests.model_server import onnx_files


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(2, queue=100)
    yield scheduler
    scheduler.close()


def of(*rows: int) -> Request:
    values = np.array([[row] * 16 for row in rows], np.int32)
    tensors = (
        WireTensor(
            f"INPUT{n}", "INT32", values.shape, raw=values.tobytes() if n == 0 else bytes(values.nbytes)
        )
        for n in (0, 1)
    )
    return Request("simple", tuple(tensors), outputs=("OUTPUT0",))


def busy(count: int) -> Request:
    return Request("busy", (WireTensor("N", "INT64", (1,), raw=np.array([count], np.int64).tobytes()),))


@pytest.mark.parametrize("batching", ["", "max_batch_size: 8 dynamic_batching { }"])
async def test_what_was_called_and_replaced_or_unloaded_is_freed(
    tmp_path: Path, scheduler: Scheduler, batching: str
) -> None:
    onnx_files.simple(tmp_path / "simple" / "1" / "model.onnx")
    (tmp_path / "simple" / "config.pbtxt").write_text(batching)
    repository = Repository(Sources(repository=tmp_path), open_model, explicit=True, first=("simple",))
    inference = Inference(repository, scheduler)
    await repository.start()
    seen = []
    for _ in range(3):
        seen.append(weakref.ref(repository.find("simple")))
        answers = await asyncio.gather(
            *(inference.infer(of(n, n + 1), UNTRACED, deadline=None) for n in range(50))
        )
        assert [np.frombuffer(each.outputs[0].raw or b"", np.int32)[::16].tolist() for each in answers] == [
            [n, n + 1] for n in range(50)
        ]
        del answers
        await repository.load("simple")
    await repository.unload("simple")
    gc.collect()
    assert [each() for each in seen] == [None] * 3
    assert {each.state for each in repository.index()} == {State.UNAVAILABLE}
    repository.close()


async def test_a_call_that_runs_while_its_model_is_unloaded_is_answered(
    tmp_path: Path, scheduler: Scheduler
) -> None:
    onnx_files.busy(tmp_path / "busy" / "1" / "model.onnx")
    repository = Repository(Sources(repository=tmp_path), open_model, explicit=True, first=("busy",))
    inference = Inference(repository, scheduler)
    await repository.start()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(inference.infer(busy(500), UNTRACED, deadline=None))
        while not scheduler.running:  # noqa: ASYNC110  # it says so to nobody
            await asyncio.sleep(0)
        await repository.unload("busy")
        assert [each.state for each in repository.index()] == [State.UNLOADING]
        with pytest.raises(UnknownModelError, match="it was unloaded"):
            await inference.infer(busy(0), UNTRACED, deadline=None)
    assert running.result().outputs[0].name == "Y"
    repository.close()
