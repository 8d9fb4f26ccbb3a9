"""With ONNX Runtime: a joined answer is the one that each call gets alone, of every datatype, bit for bit."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mesh.datatypes import BY_NAME
from model_server.codec import encode
from model_server.errors import BadRequestError, ModelFailedError
from model_server.models import Array, Batching, Model
from model_server.onnx_model import open_model
from model_server.scheduling.scheduler import Scheduler
from model_server.tensors import WireTensor
from tests.model_server.onnx_files import DATATYPES
from tests.model_server.scheduling.fakes import Gated, Phases, ask


@pytest.fixture
async def one() -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(1, queue=100)
    yield scheduler
    scheduler.close()


def opened(name: str, file: Path) -> tuple[Model, list[int]]:
    """The model with batching, and how many rows its runs have."""
    model = open_model(name, file)
    rows: list[int] = []

    def run(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        rows.append(len(next(iter(feeds.values()))))
        return model.run(names, feeds)

    return replace(model, run=run, batching=Batching(64)), rows


async def together(scheduler: Scheduler, model: Model, *calls: list[WireTensor]) -> list[Any]:
    gate = Gated()
    first = asyncio.ensure_future(ask(scheduler, gate.model, 0))
    await gate.until_begun()
    tasks = [
        asyncio.ensure_future(scheduler.run(model, tuple(model.outputs), each, observer=Phases()))
        for each in calls
    ]
    await asyncio.sleep(0)
    gate.let_go()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("datatype", DATATYPES)
async def test_every_datatype_comes_back_from_a_batch_as_it_went_in(
    one: Scheduler, models: dict[str, Path], datatype: str
) -> None:
    model, rows = opened("identity", models[f"identity_{datatype}"])
    kind = BY_NAME[datatype]
    random = np.random.default_rng(0)
    calls = []
    for count in (1, 3, 2):
        if datatype == "BYTES":
            array = np.array([[f"é{count}", "\0"]] * count, object)
        elif datatype == "BOOL":
            array = random.integers(0, 2, (count, 2)).astype(bool)
        else:
            array = np.frombuffer(random.bytes(count * 2 * kind.size), kind.dtype).reshape(count, 2)
        calls.append([encode("X", kind, array, typed=False)])
    answers = await together(one, model, *calls)
    assert rows == [6]
    assert [each[0].raw for each in answers] == [call[0].raw for call in calls]
    assert [each[0].shape for each in answers] == [(1, 2), (3, 2), (2, 2)]


async def test_two_inputs_and_two_outputs_are_joined_and_split_side_by_side(
    one: Scheduler, models: dict[str, Path]
) -> None:
    model, rows = opened("simple", models["simple"])
    calls = [
        [
            WireTensor(
                f"INPUT{which}", "INT32", (count, 16), raw=np.full((count, 16), value, "<i4").tobytes()
            )
            for which, value in ((1, count), (0, 10 * count))
        ]
        for count in (1, 2, 4)
    ]
    answers = await together(one, model, *calls)
    assert rows == [7]
    for count, (total, difference) in zip((1, 2, 4), answers, strict=True):
        assert total.raw == np.full((count, 16), 11 * count, "<i4").tobytes()
        assert difference.raw == np.full((count, 16), 9 * count, "<i4").tobytes()


async def test_one_index_beyond_the_table_fails_one_call_of_the_batch(
    one: Scheduler, models: dict[str, Path]
) -> None:
    model, rows = opened("lookup", models["lookup"])
    calls = [[WireTensor("I", "INT64", (1,), raw=np.array([index], "<i8").tobytes())] for index in (1, 99, 2)]
    good, bad, fine = await together(one, model, *calls)
    assert [np.frombuffer(each[0].raw, "<f4")[0] for each in (good, fine)] == [1, 2]
    assert isinstance(bad, BadRequestError)
    assert rows == [3, 1, 1, 1]


async def test_a_model_whose_outputs_have_other_rows_is_served_unbatched(
    one: Scheduler, models: dict[str, Path]
) -> None:
    model, rows = opened("reshape", models["reshape"])
    calls = [[WireTensor("X", "FP32", (6,), raw=np.arange(6, dtype="<f4").tobytes())]] * 2
    for expected in ([12, 6, 6], [12, 6, 6, 6, 6]):
        answers = await together(one, model, *calls)
        assert [each[0].shape for each in answers] == [(3, 2), (3, 2)]
        assert rows == expected


async def test_a_run_that_would_never_end_is_aborted(one: Scheduler, models: dict[str, Path]) -> None:
    model = open_model("busy", models["busy"])
    begun = threading.Event()

    def run(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        begun.set()
        return model.run(names, feeds)

    endless = WireTensor("N", "INT64", (1,), raw=np.array([2**40], "<i8").tobytes())
    call = asyncio.ensure_future(one.run(replace(model, run=run), ["Y"], [endless], observer=Phases()))
    await asyncio.to_thread(begun.wait, 10)
    model.abort()
    with pytest.raises(ModelFailedError, match="'busy' failed"):
        await call
