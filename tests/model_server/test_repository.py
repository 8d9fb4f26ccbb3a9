"""Sources become models with versions; a broken one says why; a name that is not there is not found."""

import logging
from pathlib import Path

import numpy as np
import pytest

from model_server.errors import BrokenModelError, ModelFailedError, UnknownModelError
from model_server.models import Model, fake_model
from model_server.onnx_model import open_model
from model_server.repository import Repository, files
from tests.model_server import onnx_files


async def test_a_file_is_version_1_or_the_version_it_says_it_is(tmp_path: Path) -> None:
    plain = onnx_files.identity(tmp_path / "plain.onnx", "FP32")
    numbered = onnx_files.identity(tmp_path / "numbered.onnx", "FP32", version=7)
    repository = Repository({"plain": plain, "numbered": numbered}, open_model)
    assert not repository.loaded
    await repository.load()
    assert repository.loaded
    assert [(model.name, model.version) for model in repository.models()] == [
        ("plain", "1"),
        ("numbered", "7"),
    ]


async def test_a_folder_has_numbered_versions_of_which_the_highest_number_is_the_newest(
    tmp_path: Path,
) -> None:
    for version in ("2", "10", "9"):
        onnx_files.identity(tmp_path / version / "model.onnx", "FP32", version=99)
    (tmp_path / "draft").mkdir()
    (tmp_path / "11").mkdir()
    repository = Repository({"model": tmp_path}, open_model)
    await repository.load()
    assert list(repository.versions("model")) == ["10", "9", "2"]
    assert repository.find("model").version == "10"
    assert repository.find("model", "2").version == "2"


@pytest.mark.parametrize(("name", "version"), [("other", ""), ("model", "3"), ("", ""), ("../model", "")])
async def test_what_is_not_there_is_not_found_by_name(tmp_path: Path, name: str, version: str) -> None:
    repository = Repository({"model": onnx_files.identity(tmp_path / "m.onnx", "FP32")}, open_model)
    await repository.load()
    with pytest.raises(UnknownModelError, match="Request for unknown model: ") as refusal:
        repository.find(name, version)
    assert repr(version or name) in str(refusal.value)


def test_a_folder_without_a_version_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(BrokenModelError, match=r"'model'.*expected <number>/model.onnx"):
        files("model", tmp_path)


async def test_a_broken_file_says_model_file_and_reason(tmp_path: Path) -> None:
    file = tmp_path / "broken.onnx"
    file.write_bytes(b"this is no model")
    with pytest.raises(BrokenModelError, match=r"'model': .*broken.onnx cannot be loaded: .*[Pp]rotobuf"):
        await Repository({"model": file}, open_model).load()


async def test_a_tensor_the_protocol_cannot_carry_is_refused_by_name(tmp_path: Path) -> None:
    file = onnx_files.sequence(tmp_path / "sequence.onnx")
    with pytest.raises(BrokenModelError, match=r"'model': output 'S' is a seq\(tensor\(float\)\)"):
        await Repository({"model": file}, open_model).load()


def test_the_signature_is_the_models_own_with_free_dimensions_as_minus_one(tmp_path: Path) -> None:
    model = open_model("simple", onnx_files.simple(tmp_path / "simple.onnx"))
    assert [(spec.name, spec.datatype.name, spec.shape) for spec in model.inputs.values()] == [
        ("INPUT0", "INT32", (-1, 16)),
        ("INPUT1", "INT32", (-1, 16)),
    ]
    assert list(model.outputs) == ["OUTPUT0", "OUTPUT1"]


async def test_a_model_runs_once_before_it_is_found(tmp_path: Path) -> None:
    shapes = []

    def run(names: object, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:  # type: ignore[type-arg]
        shapes.append({name: array.shape for name, array in feeds.items()})
        return list(feeds.values())

    def opened(name: str, file: Path, version: str | None) -> Model:
        return fake_model(
            run,  # type: ignore[arg-type]
            inputs={"X": ("FP32", (-1, 3)), "S": ("BYTES", ())},
            outputs={"Y": ("FP32", (-1, 3))},
        )

    await Repository({"fake": tmp_path / "file"}, opened).load()
    assert shapes == [{"X": (1, 3), "S": ()}]


async def test_a_model_that_refuses_zeros_is_served_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(names: object, feeds: object) -> list[np.ndarray]:  # type: ignore[type-arg]
        raise ModelFailedError("zero is no user")

    def opened(name: str, file: Path, version: str | None) -> Model:
        return fake_model(refuse, inputs={"X": ("FP32", (-1,))}, outputs={"Y": ("FP32", (-1,))})

    repository = Repository({"fake": tmp_path / "file"}, opened)
    with caplog.at_level(logging.WARNING):
        await repository.load()
    assert repository.loaded
    assert "zero is no user" in caplog.text
