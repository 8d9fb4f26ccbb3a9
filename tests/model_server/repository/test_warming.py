"""A model runs before anybody is served by it; one that cannot run two rows together is not batched by accident."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from model_server.errors import BrokenModelError, ModelFailedError
from model_server.models import Array, Batching, Run, fake_model
from model_server.repository.warming import warm

Shapes = list[dict[str, tuple[int, ...]]]


def warmed(run: Run, batching: Batching | None = None) -> Shapes:
    shapes: Shapes = []

    def watched(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        shapes.append({name: array.shape for name, array in feeds.items()})
        return run(names, feeds)

    warm(
        fake_model(
            watched,
            inputs={"X": ("FP32", (-1, 3)), "S": ("BYTES", (-1,))},
            outputs={"Y": ("FP32", (-1, 3))},
            batching=batching,
        )
    )
    return shapes


def same(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
    return [feeds["X"]]


def mean(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
    return [feeds["X"].mean(0, keepdims=True)]


def one_row(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
    if len(feeds["X"]) > 1:
        raise ModelFailedError("one at a time")
    return [feeds["X"]]


def no_zeros(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
    raise ModelFailedError("zero is no user")


def scalar(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
    return [np.array(0, np.float32)]


def test_a_model_runs_twice_with_the_smallest_zeros_that_fit() -> None:
    assert warmed(same) == [{"X": (1, 3), "S": (1,)}] * 2


def test_a_model_whose_calls_are_joined_also_runs_two_rows() -> None:
    assert warmed(same, Batching(8)) == [{"X": (1, 3), "S": (1,)}] * 2 + [{"X": (2, 3), "S": (2,)}]


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (mean, r"for two rows of zeros output 'Y' has shape \[1, 3\], expected two rows"),
        (scalar, r"for two rows of zeros output 'Y' has shape \[\], expected two rows"),
        (one_row, "runs one row of zeros and not two: one at a time"),
    ],
)
def test_a_model_that_mixes_its_rows_is_refused_batching_and_served_without(run: Run, said: str) -> None:
    warmed(run)
    with pytest.raises(BrokenModelError, match=f"'fake': dynamic_batching: .*{said}"):
        warmed(run, Batching(8))


def test_a_model_that_wants_more_memory_than_there_is_can_still_be_loaded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        warm(fake_model(same, inputs={"X": ("FP32", (10**6, 10**6, 10**6))}, outputs={"Y": ("FP32", (1,))}))
    assert "was not warmed with zeros" in caplog.text


@pytest.mark.parametrize("batching", [None, Batching(8)])
def test_a_model_that_refuses_zeros_is_served_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture, batching: Batching | None
) -> None:
    with caplog.at_level(logging.WARNING):
        assert len(warmed(no_zeros, batching)) == 1
    assert "zero is no user" in caplog.text
