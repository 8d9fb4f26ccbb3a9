"""Triton's control calls reach the repository, and what it says comes back in Triton's words."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf import text_format

from mesh.pb import open_inference_pb2 as pb
from model_server.config import BatchingConfig, ModelConfigValue, TensorConfig, VersionPolicy
from model_server.errors import BrokenModelError
from model_server.models import Model, fake_model
from model_server.transport.control import write_config
from tests.model_server.transport.serving import Shelf, failure, serving, stub_of


def model(name: str, version: str = "1") -> Model:
    return fake_model(
        lambda names, feeds: [],
        name=name,
        version=version,
        inputs={"X": ("BYTES", (-1,))},
        outputs={"Y": ("FP32", (-1, 2))},
    )


@dataclass
class Counted:
    """Everything was counted so often."""

    times: int

    def statistics(self, model: Model) -> Any:
        each = SimpleNamespace(count=self.times, ns=self.times * 10)
        steps = {"compute_input": each, "compute_infer": each, "compute_output": each}
        return SimpleNamespace(
            success=each,
            fail=each,
            queue=each,
            inference_count=4,
            execution_count=2,
            last_inference=1_700_000_000_000,
            batches=[SimpleNamespace(size=2, **steps)],
            **steps,
        )


async def test_the_index_is_the_repositorys() -> None:
    entries = [
        SimpleNamespace(name="a", version="1", state="READY", reason=""),
        SimpleNamespace(name="b", version="2", state="UNAVAILABLE", reason="no model.onnx in it"),
    ]
    shelf = Shelf(entries=entries)
    async with serving(repository=shelf) as channel:
        answer = await stub_of(channel).RepositoryIndex(pb.RepositoryIndexRequest(ready=True))
    assert [(each.name, each.version, each.state, each.reason) for each in answer.models] == [
        ("a", "1", "READY", ""),
        ("b", "2", "UNAVAILABLE", "no model.onnx in it"),
    ]
    assert shelf.orders == [("index", True)]


async def test_a_load_is_the_repositorys_with_the_configuration_that_was_given() -> None:
    shelf = Shelf()
    given = {"config": pb.ModelRepositoryParameter(string_param='{"max_batch_size": 4}')}
    async with serving(repository=shelf) as channel:
        load = stub_of(channel).RepositoryModelLoad
        await load(pb.RepositoryModelLoadRequest(model_name="a"))
        await load(pb.RepositoryModelLoadRequest(model_name="a", parameters=given))
    assert shelf.orders == [("load", "a", None), ("load", "a", '{"max_batch_size": 4}')]


async def test_a_load_that_fails_says_why() -> None:
    async with serving(repository=Shelf(error=BrokenModelError("model 'a': no graph"))) as channel:
        call = stub_of(channel).RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="a"))
        assert await failure(call) == (grpc.StatusCode.FAILED_PRECONDITION, "model 'a': no graph")


async def test_an_unload_is_the_repositorys_and_dependents_are_none() -> None:
    shelf = Shelf()
    given = {"unload_dependents": pb.ModelRepositoryParameter(bool_param=True)}
    async with serving(repository=shelf) as channel:
        await stub_of(channel).RepositoryModelUnload(
            pb.RepositoryModelUnloadRequest(model_name="a", parameters=given)
        )
    assert shelf.orders == [("unload", "a")]


@pytest.mark.parametrize(
    ("call", "request_", "code", "word"),
    [
        ("RepositoryIndex", {"repository_name": "r"}, "UNIMPLEMENTED", "repository_name 'r'"),
        ("RepositoryModelLoad", {"repository_name": "r"}, "UNIMPLEMENTED", "repository_name 'r'"),
        ("RepositoryModelUnload", {"repository_name": "r"}, "UNIMPLEMENTED", "repository_name 'r'"),
        (
            "RepositoryModelLoad",
            {"parameters": {"file:1/model.onnx": pb.ModelRepositoryParameter(bytes_param=b"x")}},
            "UNIMPLEMENTED",
            "'file:1/model.onnx'",
        ),
        (
            "RepositoryModelLoad",
            {"parameters": {"other": pb.ModelRepositoryParameter(bool_param=True)}},
            "INVALID_ARGUMENT",
            "'other'",
        ),
        (
            "RepositoryModelLoad",
            {"parameters": {"config": pb.ModelRepositoryParameter(bool_param=True)}},
            "INVALID_ARGUMENT",
            "received bool_param",
        ),
        (
            "RepositoryModelUnload",
            {"parameters": {"other": pb.ModelRepositoryParameter(bool_param=True)}},
            "INVALID_ARGUMENT",
            "'other'",
        ),
    ],
)
async def test_an_order_that_cannot_be_followed_is_refused_and_not_half_followed(
    call: str, request_: dict[str, Any], code: str, word: str
) -> None:
    shelf = Shelf()
    async with serving(repository=shelf) as channel:
        refused, details = await failure(
            getattr(stub_of(channel), call)(getattr(pb, f"{call}Request")(**request_))
        )
    assert refused.name == code
    assert word in details
    assert shelf.orders == []


async def test_the_configuration_of_a_model_is_what_it_is_served_as() -> None:
    async with serving(repository=Shelf([model("a")])) as channel:
        answer = await stub_of(channel).ModelConfig(pb.ModelConfigRequest(name="a"))
        code, _ = await failure(stub_of(channel).ModelConfig(pb.ModelConfigRequest(name="b")))
    assert answer.config.name == "a"
    assert code is grpc.StatusCode.NOT_FOUND


def test_a_configuration_is_written_as_triton_writes_it() -> None:
    value = ModelConfigValue(
        name="a",
        version_policy=VersionPolicy(specific=(1, 3)),
        max_batch_size=8,
        inputs=(TensorConfig("X", "BYTES", (-1,)),),
        outputs=(TensorConfig("Y", "FP32", (2,)),),
        dynamic_batching=BatchingConfig(max_queue_delay_microseconds=100),
        instances=2,
        graph_level=1,
        parameters={"intra_op_thread_count": "2"},
    )
    expected = """
        name: "a" platform: "onnxruntime_onnx" backend: "onnxruntime"
        version_policy { specific { versions: [1, 3] } }
        max_batch_size: 8
        input { name: "X" data_type: TYPE_STRING dims: -1 }
        output { name: "Y" data_type: TYPE_FP32 dims: 2 }
        dynamic_batching { max_queue_delay_microseconds: 100 }
        instance_group { kind: KIND_CPU count: 2 }
        default_model_filename: "model.onnx"
        optimization { graph { level: 1 } }
        parameters { key: "intra_op_thread_count" value { string_value: "2" } }
    """
    written = write_config(value)
    assert written == text_format.Parse(expected, type(written)())


@pytest.mark.parametrize(
    ("policy", "written"),
    [
        (VersionPolicy(), "all"),
        (VersionPolicy(latest=2), "latest"),
        (VersionPolicy(specific=(1,)), "specific"),
    ],
)
def test_each_version_policy_has_its_own_word(policy: VersionPolicy, written: str) -> None:
    assert write_config(ModelConfigValue(version_policy=policy)).version_policy.WhichOneof(
        "policy_choice"
    ) == (written)


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("", "", ["a 2", "a 1", "b 1"]),
        ("a", "", ["a 2", "a 1"]),
        ("a", "1", ["a 1"]),
    ],
)
async def test_statistics_are_of_one_version_of_all_or_of_every_model(
    name: str, version: str, expected: list[str]
) -> None:
    shelf = Shelf([model("a", "2"), model("a", "1"), model("b")])
    async with serving(repository=shelf, counting=Counted(3)) as channel:
        answer = await stub_of(channel).ModelStatistics(pb.ModelStatisticsRequest(name=name, version=version))
    assert [f"{each.name} {each.version}" for each in answer.model_stats] == expected


async def test_statistics_say_what_was_counted() -> None:
    async with serving(repository=Shelf([model("a")]), counting=Counted(3)) as channel:
        (told,) = (await stub_of(channel).ModelStatistics(pb.ModelStatisticsRequest(name="a"))).model_stats
    assert (told.inference_count, told.execution_count, told.last_inference) == (4, 2, 1_700_000_000_000)
    counted = pb.StatisticDuration(count=3, ns=30)
    steps = {"compute_input": counted, "compute_infer": counted, "compute_output": counted}
    assert told.inference_stats == pb.InferStatistics(success=counted, fail=counted, queue=counted, **steps)
    assert list(told.batch_stats) == [pb.InferBatchStatistics(batch_size=2, **steps)]


async def test_the_statistics_of_what_is_not_there_are_not_found() -> None:
    async with serving(repository=Shelf([model("a")]), counting=Counted(3)) as channel:
        for asked in ({"name": "b"}, {"name": "a", "version": "7"}, {"version": "1"}):
            call = stub_of(channel).ModelStatistics(pb.ModelStatisticsRequest(**asked))
            assert (await failure(call))[0] is grpc.StatusCode.NOT_FOUND
