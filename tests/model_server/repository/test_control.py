"""Models come and go while the server runs; what fails changes nothing but the index, which says why."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from model_server.errors import (
    BadRequestError,
    BrokenModelError,
    ControlOffError,
    NotReadyError,
    UnknownModelError,
)
from model_server.repository import Repository, State
from tests.model_server.repository.shelf import Shelf, put
from tests.model_server.repository.test_names import BAD

Make = Callable[..., Repository]


def lines(repository: Repository, *, ready: bool = False) -> list[tuple[str, str, str, str]]:
    return [
        (each.name, each.version, each.state.value, each.reason) for each in repository.index(ready=ready)
    ]


async def test_without_control_everything_is_loaded_at_the_start_and_nothing_after_it(
    tmp_path: Path, controlled: Make
) -> None:
    put(tmp_path, "b", 1)
    put(tmp_path, "a", 1, 2)
    repository = controlled(explicit=False)
    assert not repository.loaded
    with pytest.raises(NotReadyError, match="'b' is not loaded yet"):
        repository.find("b")
    with pytest.raises(UnknownModelError, match="'c' is not found"):
        repository.find("c")
    await repository.start()
    assert repository.loaded
    assert [(model.name, model.version) for model in repository.models()] == [("a", "2"), ("b", "1")]
    for change in (repository.load("a"), repository.unload("a"), repository.load("../a")):
        with pytest.raises(ControlOffError, match="explicit model load / unload is not allowed"):
            await change


async def test_without_control_a_broken_model_fails_the_start(tmp_path: Path, controlled: Make) -> None:
    put(tmp_path, "a", 1)
    put(tmp_path, "b", 1, text="broken")
    repository = controlled(explicit=False)
    with pytest.raises(BrokenModelError, match=r"'b': .* cannot be loaded"):
        await repository.start()


async def test_without_control_there_must_be_a_model(controlled: Make) -> None:
    with pytest.raises(BrokenModelError, match="there is no model to serve"):
        await controlled(explicit=False).start()


async def test_under_control_the_start_takes_what_is_named_and_a_broken_one_is_listed_with_its_reason(
    tmp_path: Path, controlled: Make, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "good", 1)
    put(tmp_path, "other", 1)
    put(tmp_path, "bad", 1, text="broken on purpose")
    repository = controlled("bad", "good", "missing")
    with pytest.raises(NotReadyError, match="'good' is not loaded yet"):
        repository.find("good")
    assert [line for line in lines(repository) if line[0] == "good"] == [("good", "", "LOADING", "")]
    with caplog.at_level(logging.ERROR):
        await repository.start()
    assert repository.loaded
    assert "broken on purpose" in caplog.text
    assert "failed to load 'missing'" in caplog.text
    assert lines(repository, ready=True) == [("good", "1", "READY", "")]
    (bad, good, other) = sorted(lines(repository))
    assert bad[:3] == ("bad", "", "UNAVAILABLE")
    assert "broken on purpose" in bad[3]
    assert good == ("good", "1", "READY", "")
    assert other == ("other", "", "UNAVAILABLE", "not loaded")
    with pytest.raises(UnknownModelError, match=r"'bad' has no available versions; .*broken on purpose"):
        repository.find("bad")
    with pytest.raises(UnknownModelError, match="'other' is not found; expected one of good"):
        repository.find("other")


async def test_every_model_of_the_repository_may_be_named_at_once(tmp_path: Path, controlled: Make) -> None:
    put(tmp_path, "a", 1)
    put(tmp_path, "b", 1)
    repository = controlled()
    repository._first = None  # as `--load-model '*'` has it
    await repository.start()
    assert [model.name for model in repository.models()] == ["a", "b"]


async def test_a_model_is_loaded_found_and_unloaded(tmp_path: Path, controlled: Make) -> None:
    put(tmp_path, "m", 3)
    repository = controlled()
    await repository.start()
    assert not repository.ready("m")
    await repository.load("m")
    assert repository.ready("m")
    assert repository.find("m", "3").version == "3"
    await repository.unload("m")
    assert not repository.ready("m")
    with pytest.raises(UnknownModelError, match="'m' has no available versions; it was unloaded"):
        repository.find("m")
    assert lines(repository) == [("m", "3", "UNAVAILABLE", "unloaded")]
    await repository.load("m")
    assert lines(repository) == [("m", "3", "READY", "")]


async def test_ready_tells_what_could_be_loaded_from_what_is_unknown(
    tmp_path: Path, controlled: Make
) -> None:
    put(tmp_path, "m", 1)
    repository = controlled()
    await repository.start()
    assert repository.ready("m") is False
    with pytest.raises(UnknownModelError, match="'other' is not found"):
        repository.ready("other")
    await repository.load("m")
    with pytest.raises(UnknownModelError, match="version '2' is not found; expected one of 1"):
        repository.ready("m", "2")


@pytest.mark.parametrize("name", ["../outside", "m/1", "nul\0", "m" * 5_000, "."])
async def test_ready_does_not_tell_what_is_beside_the_repository(
    tmp_path: Path, controlled: Make, name: str
) -> None:
    put(tmp_path, "m", 1)
    put(tmp_path.parent, "outside", 1)
    repository = controlled()
    await repository.start()
    for ask in (repository.ready, repository.find):
        with pytest.raises(UnknownModelError, match="is not found"):
            ask(name)


async def test_unloading_what_is_not_there_is_done_already(tmp_path: Path, controlled: Make) -> None:
    put(tmp_path, "m", 1)
    repository = controlled()
    await repository.start()
    await repository.unload("m")
    await repository.unload("unknown")
    assert lines(repository) == [("m", "", "UNAVAILABLE", "not loaded")]


@pytest.mark.parametrize("name", [name for name, _ in BAD])
async def test_no_name_leaves_the_repository(
    tmp_path: Path, controlled: Make, shelf: Shelf, name: str
) -> None:
    put(tmp_path, "m", 1)
    put(tmp_path.parent, "outside", 1)
    repository = controlled()
    await repository.start()
    for change in (repository.load(name), repository.unload(name)):
        with pytest.raises(BadRequestError, match="model name "):
            await change
    assert shelf.opened == []
    assert lines(repository) == [("m", "", "UNAVAILABLE", "not loaded")]


async def test_loading_again_reads_every_version_anew(tmp_path: Path, controlled: Make, shelf: Shelf) -> None:
    """Also one whose file looks unchanged: its weights may stand in another file."""
    put(tmp_path, "m", 1, 2, config="version_policy { all { } }")
    repository = controlled("m")
    await repository.start()
    before = repository.versions("m")
    put(tmp_path, "m", 3)
    shutil.rmtree(tmp_path / "m" / "1")
    await repository.load("m")
    assert list(repository.versions("m")) == ["3", "2"]
    assert repository.find("m", "2") is not before["2"]
    assert [version for _, version, _ in shelf.opened] == ["2", "1", "3", "2"]
    assert list(before) == ["2", "1"], "who had the old versions keeps them"


async def test_a_load_that_fails_leaves_the_old_one_and_says_why(tmp_path: Path, controlled: Make) -> None:
    put(tmp_path, "m", 1)
    repository = controlled("m")
    await repository.start()
    old = repository.find("m")
    put(tmp_path, "m", 2, text="broken: half written")
    with pytest.raises(BrokenModelError, match=r"^load failed for model 'm': .*half written"):
        await repository.load("m")
    assert repository.find("m") is old
    ((_, version, state, reason),) = lines(repository)
    assert (version, state) == ("1", "READY")
    assert reason.startswith("the last load failed: ")
    assert "half written" in reason
    put(tmp_path, "m", 2)
    await repository.load("m")
    assert [line for line in lines(repository) if line[2] == "READY"] == [("m", "2", "READY", "")]


async def test_one_broken_version_of_several_fails_the_whole_load(tmp_path: Path, controlled: Make) -> None:
    put(tmp_path, "m", 1, 2, config="version_policy { all { } }")
    repository = controlled("m")
    await repository.start()
    old = repository.versions("m")
    put(tmp_path, "m", 1, text="broken")
    with pytest.raises(BrokenModelError):
        await repository.load("m")
    assert repository.versions("m") is old


async def test_a_model_whose_folder_has_gone_is_served_on(tmp_path: Path, controlled: Make) -> None:
    put(tmp_path, "m", 1)
    repository = controlled("m")
    await repository.start()
    old = repository.find("m")
    shutil.rmtree(tmp_path / "m")
    with pytest.raises(UnknownModelError, match="failed to load 'm', failed to poll from model repository"):
        await repository.load("m")
    assert repository.find("m") is old
    assert lines(repository) == [("m", "1", "READY", "")]


async def test_a_name_that_nobody_has_leaves_nothing_behind(controlled: Make) -> None:
    repository = controlled()
    await repository.start()
    with pytest.raises(UnknownModelError, match="failed to load 'typo', failed to poll"):
        await repository.load("typo")
    assert lines(repository) == []
    with pytest.raises(UnknownModelError, match="'typo' is not found; expected one of none"):
        repository.find("typo")


async def test_a_configuration_in_the_request_holds_for_this_load_only(
    tmp_path: Path, controlled: Make
) -> None:
    put(tmp_path, "m", 1)
    repository = controlled()
    await repository.start()
    await repository.load("m", config='{"max_batch_size": 4, "dynamic_batching": {}}')
    assert repository.find("m").config.max_batch_size == 4
    assert repository.find("m").batching is not None
    with pytest.raises(BadRequestError, match="parameter 'config'"):
        await repository.load("m", config='{"max_batch_size": "four"}')
    assert repository.find("m").config.max_batch_size == 4
    assert lines(repository) == [("m", "1", "READY", "")], "a wrong request is no fault of the model"
    await repository.load("m")
    assert repository.find("m").batching is None


async def test_a_configuration_that_contradicts_the_file_is_refused_and_nothing_served(
    tmp_path: Path, controlled: Make
) -> None:
    put(tmp_path, "m", 1, config='input { name: "X" data_type: TYPE_INT8 dims: [ -1, 4 ] }')
    repository = controlled()
    await repository.start()
    with pytest.raises(BrokenModelError, match="data_type is INT8 in the configuration, FP32 in the file"):
        await repository.load("m")
    assert not repository.ready("m")


async def test_every_change_of_what_is_served_is_told_once_and_nothing_else(
    tmp_path: Path, controlled: Make
) -> None:
    put(tmp_path, "m", 1)
    put(tmp_path, "bad", 1, text="broken")
    repository = controlled()
    await repository.start()
    seen: list[list[str]] = []
    repository.on_change(lambda: seen.append([model.version for model in repository.models()]))
    await repository.load("m")
    put(tmp_path, "m", 2)
    await repository.load("m")
    with pytest.raises(BrokenModelError):
        await repository.load("bad")
    await repository.unload("m")
    await repository.unload("m")
    assert seen == [["1"], ["2"], []]


async def test_models_of_the_command_line_are_controlled_too(tmp_path: Path, controlled: Make) -> None:
    file = tmp_path / "file.onnx"
    file.write_text("good")
    repository = controlled("f", models={"f": file}, repository=None)
    await repository.start()
    old = repository.find("f")
    await repository.load("f")
    assert repository.find("f") is not old
    await repository.unload("f")
    assert [each.state for each in repository.index()] == [State.UNAVAILABLE]
    file.unlink()
    with pytest.raises(BrokenModelError, match="No such file"):
        await repository.load("f")
