"""Real ONNX files as models of a repository: what loads, what is refused and why, and what is given back."""

import gc
import os
import weakref
from pathlib import Path

import numpy as np
import pytest

from model_server.errors import BrokenModelError, UnknownModelError
from model_server.models import Batching
from model_server.onnx_model import open_model
from model_server.repository import Repository, Sources
from tests.model_server import onnx_files


def repository_of(sources: Sources, *first: str) -> Repository:
    return Repository(sources, open_model, explicit=bool(first), first=first or None)


async def loaded(sources: Sources, *first: str) -> Repository:
    repository = repository_of(sources, *first)
    await repository.start()
    return repository


async def test_a_file_is_version_1_or_the_version_it_says_it_is(tmp_path: Path) -> None:
    plain = onnx_files.identity(tmp_path / "plain.onnx", "FP32")
    numbered = onnx_files.identity(tmp_path / "numbered.onnx", "FP32", version=7)
    repository = repository_of(Sources({"plain": plain, "numbered": numbered}))
    assert not repository.loaded
    await repository.start()
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
    repository = await loaded(Sources({"model": tmp_path}))
    assert list(repository.versions("model")) == ["10", "9", "2"]
    assert repository.find("model").version == "10"
    assert repository.find("model", "2").version == "2"


@pytest.mark.parametrize(("name", "version"), [("other", ""), ("model", "3"), ("", ""), ("../model", "")])
async def test_what_is_not_there_is_not_found_by_name(tmp_path: Path, name: str, version: str) -> None:
    repository = await loaded(Sources({"model": onnx_files.identity(tmp_path / "m.onnx", "FP32")}))
    with pytest.raises(UnknownModelError, match="Request for unknown model: ") as refusal:
        repository.find(name, version)
    assert repr(version or name) in str(refusal.value)


async def test_a_broken_file_says_model_file_and_reason(tmp_path: Path) -> None:
    file = tmp_path / "broken.onnx"
    file.write_bytes(b"this is no model")
    with pytest.raises(BrokenModelError, match=r"'model': .*broken.onnx cannot be loaded: .*[Pp]rotobuf"):
        await loaded(Sources({"model": file}))


async def test_a_tensor_the_protocol_cannot_carry_is_refused_by_name(tmp_path: Path) -> None:
    file = onnx_files.sequence(tmp_path / "sequence.onnx")
    with pytest.raises(BrokenModelError, match=r"'model': output 'S' is a seq\(tensor\(float\)\)"):
        await loaded(Sources({"model": file}))


def test_the_signature_is_the_models_own_with_free_dimensions_as_minus_one(tmp_path: Path) -> None:
    model = open_model("simple", onnx_files.simple(tmp_path / "simple.onnx"))
    assert [(spec.name, spec.datatype.name, spec.shape) for spec in model.inputs.values()] == [
        ("INPUT0", "INT32", (-1, 16)),
        ("INPUT1", "INT32", (-1, 16)),
    ]
    assert list(model.outputs) == ["OUTPUT0", "OUTPUT1"]


async def test_a_file_that_is_still_being_written_is_refused_at_every_length(tmp_path: Path) -> None:
    whole = onnx_files.simple(tmp_path / "whole.onnx").read_bytes()
    file = tmp_path / "m" / "2" / "model.onnx"
    repository = await loaded(
        Sources({"m": onnx_files.simple(tmp_path / "m" / "1" / "model.onnx").parents[1]}), "m"
    )
    old = repository.find("m")
    file.parent.mkdir()
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        with pytest.raises(BrokenModelError, match=r"load failed for model 'm': "):
            await repository.load("m")
        assert repository.find("m") is old
    file.write_bytes(whole)
    await repository.load("m")
    assert repository.find("m").version == "2"


async def test_a_folder_in_the_place_of_the_file_is_no_version(tmp_path: Path) -> None:
    (tmp_path / "m" / "1" / "model.onnx").mkdir(parents=True)
    with pytest.raises(BrokenModelError, match=r"'m': .* has no version"):
        await loaded(Sources(repository=tmp_path))


async def test_a_model_is_served_as_its_configuration_says(tmp_path: Path) -> None:
    onnx_files.simple(tmp_path / "simple" / "1" / "model.onnx")
    (tmp_path / "simple" / "config.pbtxt").write_text(
        """
        platform: "onnxruntime_onnx"
        max_batch_size: 8
        input [
          { name: "INPUT0" data_type: TYPE_INT32 dims: [ 16 ] },
          { name: "INPUT1" data_type: TYPE_INT32 dims: [ 16 ] }
        ]
        output { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 16 ] }
        dynamic_batching { max_queue_delay_microseconds: 100 }
        instance_group { count: 2 }
        optimization { graph { level: -1 } }
        parameters { key: "intra_op_thread_count" value { string_value: "2" } }
        """
    )
    repository = await loaded(Sources(repository=tmp_path))
    model = repository.find("simple")
    assert (model.batching, model.concurrency) == (Batching(8, 0.0001), 2)
    assert [(each.name, each.dims) for each in model.config.outputs] == [
        ("OUTPUT0", (16,)),
        ("OUTPUT1", (16,)),
    ]
    assert model.outputs["OUTPUT1"].shape == (-1, 16)


async def test_batching_is_refused_where_the_first_dimension_is_fixed(tmp_path: Path) -> None:
    file = onnx_files.identity(tmp_path / "m.onnx", "FP32", [2, 3])
    with pytest.raises(BrokenModelError, match=r"max_batch_size 8 needs a free first dimension of input 'X'"):
        await loaded(Sources({"m": file}, batching={"m": Batching(8)}))


async def test_batching_is_refused_where_two_rows_do_not_come_back_as_two(tmp_path: Path) -> None:
    """The first dimension of both tensors is free, and yet this model looks at all rows at once."""
    file = onnx_files.unique(tmp_path / "m.onnx")
    await loaded(Sources({"m": file}))
    with pytest.raises(
        BrokenModelError, match=r"dynamic_batching: for two rows of zeros output 'Y' has shape \[1, 3\]"
    ):
        await loaded(Sources({"m": file}, batching={"m": Batching(8)}))


async def test_the_session_of_a_replaced_model_is_freed_and_no_file_is_left_open(tmp_path: Path) -> None:
    onnx_files.simple(tmp_path / "m" / "1" / "model.onnx")
    repository = await loaded(Sources(repository=tmp_path), "m")
    session = weakref.ref(repository.find("m").run.__self__._session)  # type: ignore[attr-defined]
    running = repository.find("m")
    await repository.load("m")
    gc.collect()
    assert session() is not None, "a call runs with it"
    zeros = running.zeros()
    np.testing.assert_array_equal(running.run(("OUTPUT0",), zeros)[0], zeros["INPUT0"])
    del running
    await repository.load("m")  # its thread has let go of the one before
    gc.collect()
    assert session() is None
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        await repository.load("m")
    assert len(os.listdir("/proc/self/fd")) <= before
