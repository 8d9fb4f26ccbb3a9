"""config.pbtxt, and the same as JSON: obeyed, refused by the name of the field, or told to change nothing."""

import json
import logging

import pytest

from model_server.config import BatchingConfig, ModelConfigValue, TensorConfig, VersionPolicy
from model_server.repository.pbtxt import LARGEST, BadConfigError, read_json, read_text

BASE = ModelConfigValue("films", version_policy=VersionPolicy(latest=1))


def test_what_is_not_said_stays_as_it_was() -> None:
    assert read_text("", BASE) == BASE
    assert read_json("{}", BASE) == BASE


def test_every_field_that_is_obeyed_is_read() -> None:
    text = """
        name: "films"
        platform: "onnxruntime_onnx"
        backend: "onnxruntime"
        max_batch_size: 8
        version_policy { latest { num_versions: 3 } }
        input [
          { name: "X", data_type: TYPE_FP32, dims: [ -1, 4 ] },
          { name: "S", data_type: TYPE_STRING, dims: [ 1 ] }
        ]
        output { name: "Y", data_type: TYPE_BF16, dims: 4 }
        dynamic_batching { max_queue_delay_microseconds: 500 }
        instance_group [ { count: 2 kind: KIND_CPU }, { } ]
        default_model_filename: "net.onnx"
        optimization { graph { level: 1 } }
        parameters { key: "intra_op_thread_count" value: { string_value: "4" } }
    """
    assert read_text(text, BASE) == ModelConfigValue(
        "films",
        version_policy=VersionPolicy(latest=3),
        max_batch_size=8,
        inputs=(TensorConfig("X", "FP32", (-1, 4)), TensorConfig("S", "BYTES", (1,))),
        outputs=(TensorConfig("Y", "BF16", (4,)),),
        dynamic_batching=BatchingConfig(500),
        instances=3,
        default_model_filename="net.onnx",
        graph_level=1,
        parameters={"intra_op_thread_count": "4"},
    )


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("latest { }", VersionPolicy(latest=1)),
        ("latest { num_versions: 2 }", VersionPolicy(latest=2)),
        ("all { }", VersionPolicy()),
        ("specific { versions: [ 1, 3 ] }", VersionPolicy(specific=(1, 3))),
        ("", VersionPolicy(latest=1)),
    ],
)
def test_each_version_policy_is_read(text: str, policy: VersionPolicy) -> None:
    assert read_text(f"version_policy {{ {text} }}", BASE).version_policy == policy


def test_json_may_spell_fields_as_the_file_or_as_json_does() -> None:
    wanted = read_text('max_batch_size: 8 input { name: "X" dims: 4 }', BASE)
    for name in ("max_batch_size", "maxBatchSize"):
        assert read_json(json.dumps({name: 8, "input": [{"name": "X", "dims": ["4"]}]}), BASE) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: 'other'", "name must be 'films' or nothing, received 'other'"),
        ("platform: 'pytorch_libtorch'", "platform must be 'onnxruntime_onnx' or nothing"),
        ("backend: 'python'", "backend must be 'onnxruntime' or nothing, received 'python'"),
        ("max_batch_size: -1", "max_batch_size must be 0 or more, received -1"),
        ("dynamic_batching { }", "dynamic_batching needs max_batch_size above 0"),
        ("batch_input { target_name: 'x' }", "batch_input is not supported"),
        ("batch_output { target_name: 'x' }", "batch_output is not supported"),
        ("sequence_batching { }", "sequence_batching is not supported"),
        ("ensemble_scheduling { }", "ensemble_scheduling is not supported"),
        ("model_operations { op_library_filename: 'x' }", "model_operations is not supported"),
        (
            "model_transaction_policy { decoupled: true }",
            "model_transaction_policy.decoupled is not supported",
        ),
        ("model_repository_agents { }", "model_repository_agents is not supported"),
        ("input { name: 'X' reshape { } }", "input.reshape is not supported"),
        ("input { name: 'X' optional: true }", "input.optional is not supported"),
        ("input { name: 'X' allow_ragged_batch: true }", "input.allow_ragged_batch is not supported"),
        ("input { name: 'X' is_shape_tensor: true }", "input.is_shape_tensor is not supported"),
        ("output { name: 'Y' reshape { shape: 1 } }", "output.reshape is not supported"),
        (
            "max_batch_size: 8 dynamic_batching { priority_levels: 2 }",
            "dynamic_batching.priority_levels is not supported",
        ),
        (
            "max_batch_size: 8 dynamic_batching { default_queue_policy { max_queue_size: 2 } }",
            "dynamic_batching.default_queue_policy is not supported",
        ),
        (
            "max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 18446744073709551615 }",
            "max_queue_delay_microseconds must be at most 999999999",
        ),
        ("instance_group { passive: true }", "instance_group.passive is not supported"),
        ("instance_group { count: -1 }", "instance_group.count must be 1 or more, received -1"),
        ("input { dims: 1 }", "input.name must be said, and once"),
        ("output { name: 'Y' } output { name: 'Y' }", "output.name must be said, and once, received 'Y'"),
        ("input { name: 'X' dims: [ 4, 0 ] }", "input 'X' dims must be above 0, or -1, received [4, 0]"),
        ("input { name: 'X' dims: -2 }", "input 'X' dims must be above 0, or -1"),
        ("default_model_filename: '../other.onnx'", "default_model_filename must have no separators"),
        ("default_model_filename: '..'", "default_model_filename must not begin with '.'"),
        ("optimization { graph { level: 7 } }", "optimization.graph.level must be one of -1, 0, 1, 2"),
        ("version_policy { specific { } }", "version_policy.specific must name a version"),
        (
            "parameters { key: 'intra_op_thread_count' value { string_value: 'x' } }",
            "parameters intra_op_thread_count must be 0",
        ),
    ],
)
def test_what_would_change_the_answers_and_is_not_done_is_refused_by_its_field(text: str, said: str) -> None:
    with pytest.raises(BadConfigError) as refusal:
        read_text(text, BASE)
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name: "films"\nmax_batch_sise: 8\n', "line 2: "),
        ('name: "films"\n\ninput {\n  dims: "four"\n}\n', "line 4: "),
        ("input [ {\n", "line 1: "),
        ("max_batch_size: 8\nmax_batch_size: 9\n", "line 2: "),
        ("dynamic_batching { }\nsequence_batching { }\n", "line 2: "),
        ("input { data_type: TYPE_FP33 }", "TYPE_FP33"),
        ("\0", "line 1: "),
        ("instance_group { kind: 99999999999 }", "Value out of range: 99999999999"),
    ],
)
def test_a_slip_of_the_pen_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(BadConfigError) as refusal:
        read_text(text, BASE)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "1", '"x"', "{}{}", "NaN", "[" * 100_000, '{"name":' * 10_000),
        *(
            '{"max_batch_sise": 8}',
            '{"max_batch_size": "x"}',
            '{"max_batch_size": 99999999999}',
            '{"name": 3}',
        ),
        *('{"input": 3}', '{"input": [null]}', '{"input": {"x": 1}}', '{"parameters": [1]}'),
        *(
            '{"name": "\\ud800"}',
            '{"version_policy": {"latest": {}, "all": {}}}',
            '{"name": "a", "name": "b"}',
        ),
    ],
)
def test_json_that_is_no_configuration_is_refused_on_one_line(text: str) -> None:
    with pytest.raises(BadConfigError) as refusal:
        read_json(text, BASE)
    assert "\n" not in str(refusal.value)


def test_a_configuration_that_is_far_too_long_is_not_even_parsed() -> None:
    for read in (read_text, read_json):
        with pytest.raises(BadConfigError, match="at most"):
            read("#" * (LARGEST + 1), BASE)


def test_what_changes_no_answer_is_told_once_and_read_over(caplog: pytest.LogCaptureFixture) -> None:
    text = """
        max_batch_size: 4
        metric_tags { key: "team" value: "films" }
        response_cache { enable: true }
        instance_group { kind: KIND_GPU gpus: [ 0, 1 ] }
        dynamic_batching { preferred_batch_size: [ 4 ] preserve_ordering: true }
        optimization { cuda { graphs: true } }
    """
    with caplog.at_level(logging.INFO):
        read = read_text(text, BASE)
    assert (read.max_batch_size, read.dynamic_batching, read.instances) == (4, BatchingConfig(), 1)
    (told,) = caplog.messages
    for field in (
        "metric_tags",
        "response_cache.enable",
        "instance_group.gpus",
        "preferred_batch_size",
        "cuda",
    ):
        assert field in told
