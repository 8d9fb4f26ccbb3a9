"""What the file declares and what its configuration says: agreed, or refused with the field and both values."""

from dataclasses import replace

import pytest

from model_server.config import BatchingConfig, ModelConfigValue, TensorConfig
from model_server.errors import BrokenModelError
from model_server.models import Batching, Model, fake_model
from model_server.repository.agreement import agreed


def model(x: tuple[int, ...] = (-1, 4), y: tuple[int, ...] = (-1, -1)) -> Model:
    return fake_model(
        lambda names, feeds: [], name="m", inputs={"X": ("FP32", x)}, outputs={"Y": ("INT64", y)}
    )


def test_without_a_configuration_the_file_says_everything() -> None:
    served = agreed(model(), ModelConfigValue())
    assert served.config == ModelConfigValue(
        "m",
        platform="fake",
        inputs=(TensorConfig("X", "FP32", (-1, 4)),),
        outputs=(TensorConfig("Y", "INT64", (-1, -1)),),
    )
    assert (served.batching, served.concurrency) == (None, 0)


def test_with_max_batch_size_the_dims_are_without_the_batch_dimension_and_the_metadata_with_it() -> None:
    wanted = ModelConfigValue(max_batch_size=8, inputs=(TensorConfig("X", "FP32", (4,)),), instances=2)
    served = agreed(model(), wanted)
    assert [each.dims for each in (*served.config.inputs, *served.config.outputs)] == [(4,), (-1,)]
    assert [spec.shape for spec in (*served.inputs.values(), *served.outputs.values())] == [(-1, 4), (-1, -1)]
    assert served.batching is None, "max_batch_size alone asks for nothing"
    assert served.concurrency == 2


def test_dynamic_batching_joins_calls() -> None:
    wanted = ModelConfigValue(max_batch_size=8, dynamic_batching=BatchingConfig(500))
    assert agreed(model(), wanted).batching == Batching(8, 0.0005)


def test_a_run_of_one_row_joins_nothing() -> None:
    wanted = ModelConfigValue(max_batch_size=1, dynamic_batching=BatchingConfig())
    assert agreed(model(), wanted).batching is None


def test_what_is_free_in_the_file_may_be_fixed() -> None:
    served = agreed(model(), ModelConfigValue(outputs=(TensorConfig("Y", "", (-1, 3)),)))
    assert served.outputs["Y"].shape == (-1, 3)
    assert served.inputs["X"].shape == (-1, 4)


def test_a_rank_that_the_file_leaves_open_may_be_said() -> None:
    served = agreed(model(x=()), ModelConfigValue(inputs=(TensorConfig("X", "FP32", (2, 3)),)))
    assert served.inputs["X"].shape == (2, 3)


def tensors(*each: TensorConfig) -> ModelConfigValue:
    return ModelConfigValue(inputs=each)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (tensors(TensorConfig("Z", "FP32", (4,))), "the configuration has input 'Z', the file has X"),
        (
            ModelConfigValue(outputs=(TensorConfig("X", "FP32", (4,)),)),
            "the configuration has output 'X', the file has Y",
        ),
        (
            tensors(TensorConfig("X", "FP16", (-1, 4))),
            "input 'X': data_type is FP16 in the configuration, FP32 in the file",
        ),
        (
            tensors(TensorConfig("X", "FP32", (-1, 5))),
            "input 'X': dims are [-1,5] in the configuration, the shape is [-1,4] in the file",
        ),
        (
            tensors(TensorConfig("X", "FP32", (-1, -1))),
            "input 'X': dims are [-1,-1] in the configuration, the shape is [-1,4] in the file",
        ),
        (
            tensors(TensorConfig("X", "FP32", (4,))),
            "input 'X': dims are [4] in the configuration, the shape is [-1,4] in the file",
        ),
        (
            replace(tensors(TensorConfig("X", "FP32", (-1, 4))), max_batch_size=2),
            "dims are [-1,4] (after the batch dimension) in the configuration, the shape is [-1,4] in the file",
        ),
    ],
)
def test_what_differs_is_refused_with_both_values(wanted: ModelConfigValue, said: str) -> None:
    with pytest.raises(BrokenModelError) as refusal:
        agreed(model(), wanted)
    assert said in str(refusal.value)
    assert "model 'm'" in str(refusal.value)


@pytest.mark.parametrize(
    ("x", "y", "culprit"),
    [
        ((2, 4), (-1,), r"input 'X', the file has shape \[2,4\]"),
        ((-1, 4), (1,), r"output 'Y', the file has shape \[1\]"),
        ((), (-1,), r"input 'X', the file has shape \[\]"),
    ],
)
def test_a_batch_size_needs_a_free_first_dimension_of_every_tensor(
    x: tuple[int, ...], y: tuple[int, ...], culprit: str
) -> None:
    with pytest.raises(BrokenModelError, match=f"max_batch_size 8 needs a free first dimension of {culprit}"):
        agreed(model(x, y), ModelConfigValue(max_batch_size=8))


def test_a_model_without_inputs_has_no_rows_to_join() -> None:
    constant = fake_model(lambda names, feeds: [], name="m", inputs={}, outputs={"Y": ("FP32", (-1,))})
    with pytest.raises(BrokenModelError, match="a model without inputs has no rows"):
        agreed(constant, ModelConfigValue(max_batch_size=8, dynamic_batching=BatchingConfig()))
