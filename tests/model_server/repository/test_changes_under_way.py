"""Loads and unloads that meet: with calls, with each other, and with callers who leave."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from model_server.config import ModelConfigValue
from model_server.errors import NotReadyError, UnknownModelError
from model_server.models import Array, Model, fake_model
from model_server.repository import Repository, Sources, State
from tests.model_server.repository.shelf import Shelf, put

Make = Callable[..., Repository]
WITHIN = 30


async def reached(shelf: Shelf) -> None:
    assert await asyncio.to_thread(shelf.reached.wait, WITHIN)


def states(repository: Repository) -> list[tuple[str, str]]:
    return [(each.version, each.state.value) for each in repository.index()]


async def test_the_old_one_is_found_until_the_new_one_is_warm(
    tmp_path: Path, controlled: Make, shelf: Shelf
) -> None:
    put(tmp_path, "m", 1)
    repository = controlled("m")
    await repository.start()
    old = repository.find("m")
    put(tmp_path, "m", 2)
    shelf.hold()
    async with asyncio.TaskGroup() as tasks:
        loading = tasks.create_task(repository.load("m"))
        await reached(shelf)
        assert repository.find("m") is old
        assert states(repository) == [("1", "READY"), ("2", "LOADING")]
        shelf.go_on.set()
        await loading
    assert repository.find("m").version == "2"


async def test_a_model_is_not_found_before_its_first_runs_are_over(tmp_path: Path) -> None:
    warming, go_on = threading.Event(), threading.Event()

    def run(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        warming.set()
        assert go_on.wait(WITHIN)
        return [feeds["X"]]

    def opened(name: str, file: Path, *, version: str | None, wanted: ModelConfigValue) -> Model:
        return fake_model(run, name=name, inputs={"X": ("FP32", (1,))}, outputs={"Y": ("FP32", (1,))})

    repository = Repository(Sources({"m": tmp_path / "file"}), opened, explicit=True, first=())
    await repository.start()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(repository.load("m"))
        assert await asyncio.to_thread(warming.wait, WITHIN)
        with pytest.raises(NotReadyError, match="'m' is not loaded yet"):
            repository.find("m")
        assert not repository.ready("m")
        assert states(repository) == [("", "LOADING")]
        go_on.set()
    assert repository.ready("m")
    repository.close()


async def test_a_model_ends_with_its_last_call(tmp_path: Path, controlled: Make) -> None:
    put(tmp_path, "m", 1)
    repository = controlled("m")
    await repository.start()
    call = repository.find("m")  # what a call holds while it runs
    watched = weakref.ref(call)
    await repository.unload("m")
    assert states(repository) == [("1", "UNLOADING")]
    assert call.run(("Y",), call.zeros())[0].shape == (1, 4)
    del call
    gc.collect()
    assert watched() is None
    assert states(repository) == [("1", "UNAVAILABLE")]


async def test_a_reload_frees_what_it_replaces(tmp_path: Path, controlled: Make) -> None:
    put(tmp_path, "m", 1)
    repository = controlled("m")
    await repository.start()
    watched = [weakref.ref(repository.find("m"))]
    for _ in range(5):
        await repository.load("m")
        watched.append(weakref.ref(repository.find("m")))
    gc.collect()
    assert [each() is not None for each in watched] == [False] * 5 + [True]


async def test_loads_of_one_model_come_one_after_the_other_and_the_last_one_stays(
    tmp_path: Path, controlled: Make, shelf: Shelf
) -> None:
    put(tmp_path, "m", 1, text="first")
    repository = controlled()
    await repository.start()
    shelf.hold()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(repository.load("m"))
        await reached(shelf)
        put(tmp_path, "m", 2, text="second")
        tasks.create_task(repository.load("m"))
        await asyncio.sleep(0)
        assert [text for *_, text in shelf.opened] == ["first"], "the second waits"
        shelf.go_on.set()
    assert [text for *_, text in shelf.opened] == ["first", "second"]
    assert repository.find("m").version == "2"


async def test_another_model_does_not_wait_for_a_slow_one(
    tmp_path: Path, controlled: Make, shelf: Shelf
) -> None:
    put(tmp_path, "slow", 1)
    put(tmp_path, "quick", 1)
    repository = controlled()
    await repository.start()
    shelf.hold()
    async with asyncio.TaskGroup() as tasks:
        slow = tasks.create_task(repository.load("slow"))
        await reached(shelf)
        shelf.reached.clear()
        quick = tasks.create_task(repository.load("quick"))
        await reached(shelf)
        assert {name for name, *_ in shelf.opened} == {"slow", "quick"}
        shelf.go_on.set()
        await asyncio.gather(slow, quick)


async def test_an_unload_during_a_load_comes_after_it(tmp_path: Path, controlled: Make, shelf: Shelf) -> None:
    put(tmp_path, "m", 1)
    repository = controlled("m")
    await repository.start()
    shelf.hold()
    async with asyncio.TaskGroup() as tasks:
        loading = tasks.create_task(repository.load("m"))
        await reached(shelf)
        unloading = tasks.create_task(repository.unload("m"))
        await asyncio.sleep(0)
        assert repository.ready("m")
        shelf.go_on.set()
        await asyncio.gather(loading, unloading)
    assert not repository.ready("m")


async def test_a_model_that_is_unloaded_before_the_start_reached_it_stays_away(
    tmp_path: Path, controlled: Make, shelf: Shelf
) -> None:
    put(tmp_path, "a", 1)
    put(tmp_path, "b", 1)
    repository = controlled("a", "b")
    shelf.hold()
    async with asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(repository.start())
        await reached(shelf)
        await repository.unload("b")
        shelf.go_on.set()
        await starting
    assert [model.name for model in repository.models()] == ["a"]
    assert repository.loaded


async def test_a_load_whose_caller_leaves_has_loaded_nothing(
    tmp_path: Path, controlled: Make, shelf: Shelf
) -> None:
    put(tmp_path, "m", 1)
    repository = controlled("m")
    await repository.start()
    old = repository.find("m")
    put(tmp_path, "m", 2)
    put(tmp_path, "new", 1)
    shelf.hold()
    for name in ("m", "new"):
        shelf.reached.clear()
        loading = asyncio.create_task(repository.load(name))
        await reached(shelf)
        loading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
    shelf.go_on.set()
    assert repository.find("m") is old
    assert sorted(repository.index(), key=lambda each: each.name) == [
        *repository.index(ready=True),
        *[each for each in repository.index() if each.name == "new"],
    ]
    with pytest.raises(UnknownModelError):
        repository.find("new")
    await repository.load("new")  # the next one is not in anybody's way
    assert repository.ready("new")


async def test_a_load_that_waits_and_is_left_is_never_begun(
    tmp_path: Path, controlled: Make, shelf: Shelf
) -> None:
    put(tmp_path, "m", 1)
    repository = controlled()
    await repository.start()
    shelf.hold()
    async with asyncio.TaskGroup() as tasks:
        loading = tasks.create_task(repository.load("m"))
        await reached(shelf)
        waiting = asyncio.create_task(repository.load("m"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        shelf.go_on.set()
        await loading
    assert len(shelf.opened) == 1


async def test_no_turn_is_kept_for_a_model_that_nobody_changes(tmp_path: Path, controlled: Make) -> None:
    put(tmp_path, "m", 1)
    repository = controlled()
    await repository.start()
    for number in range(100):
        with pytest.raises(UnknownModelError):
            await repository.load(f"m{number}")
        await repository.unload(f"m{number}")
    gc.collect()
    assert len(repository._turns) == 0
    assert repository.index()[0].state is State.UNAVAILABLE


async def test_a_model_that_was_replaced_while_it_runs_is_still_aborted_at_the_end(tmp_path: Path) -> None:
    aborted: list[int] = []

    def opened(name: str, file: Path, *, version: str | None, wanted: ModelConfigValue) -> Model:
        number = len(kept)
        model = fake_model(
            lambda names, feeds: [feeds["X"]],
            name=name,
            inputs={"X": ("FP32", (1,))},
            outputs={"Y": ("FP32", (1,))},
            abort=lambda: aborted.append(number),
        )
        kept.append(number)
        return model

    kept: list[int] = []
    repository = Repository(Sources({"m": tmp_path / "file"}), opened, explicit=True, first=("m",))
    await repository.start()
    running = repository.find("m")
    await repository.load("m")
    await repository.unload("m")
    gc.collect()
    repository.abort()
    assert aborted == [0]
    assert running.name == "m"
    repository.close()
