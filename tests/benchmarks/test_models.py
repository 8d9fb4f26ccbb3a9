"""The model server's benchmark: what its models are, which answers it believes, and how its promises are judged."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.figures import Samples
from benchmarks.load import LoadError
from benchmarks.models import answers, networks, report
from benchmarks.models.__main__ import main
from benchmarks.models.churn.__main__ import left_over
from benchmarks.models.churn.__main__ import main as churn
from benchmarks.models.churn.place import Held
from benchmarks.models.messages import NAMES, arrays
from benchmarks.models.place import Loop
from benchmarks.models.promises import CPU, PROMISES, THROUGHPUT, verdicts
from benchmarks.models.run import Run
from benchmarks.models.session import open_session
from benchmarks.models.workload import (
    ALONE,
    BUSY,
    MEMORY_BOUND,
    PERCEPTRON,
    RECOMMENDER_DEMO,
    TEN_MS,
    Scenario,
    examples,
)
from mesh.pb import open_inference_pb2 as pb
from tests.benchmarks.samples import sample

BUSY_PERCEPTRON = BUSY[PERCEPTRON.name]


def test_every_promise_of_the_model_server_is_in_the_table() -> None:
    assert {(each.scenario.name, each.column, each.bound, each.theirs[0]) for each in PROMISES} == {
        ("perceptron, 32 in flight", THROUGHPUT, 1.8, "mlserver"),
        ("perceptron, 32 in flight", CPU, 1.15, "bare"),
        ("memory-bound, 32 in flight", THROUGHPUT, 1.3, "verdigris"),
        ("10 ms, 32 in flight", THROUGHPUT, 0.97, "in-process"),
    }


def test_throughput_is_judged_against_the_best_mlserver() -> None:
    figures: Samples[Scenario] = Samples()
    for peer, calls in {"verdigris": 1800, "mlserver": 500, "mlserver-parallel": 1000}.items():
        figures.add(BUSY_PERCEPTRON, peer, 1, sample(calls=calls))
    (verdict,) = verdicts(figures)
    assert (verdict.ratio, verdict.kept) == (1.8, True)
    figures.add(BUSY_PERCEPTRON, "mlserver-batching", 1, sample(calls=1100))
    (verdict,) = verdicts(figures)
    assert not verdict.kept


@pytest.mark.parametrize(("cpu", "kept"), [(0.115, True), (0.116, False)])
def test_cpu_is_judged_against_a_bare_handler(cpu: float, kept: bool) -> None:
    figures: Samples[Scenario] = Samples()
    figures.add(BUSY_PERCEPTRON, "verdigris", 1, sample(cpu=cpu))
    figures.add(BUSY_PERCEPTRON, "bare", 1, sample(cpu=0.1))
    assert [verdict.kept for verdict in verdicts(figures)] == [kept]


def test_a_model_is_the_same_each_time_and_its_rows_are_independent() -> None:
    content = PERCEPTRON.content()
    assert content == PERCEPTRON.content()
    session = open_session(content)
    assert session.get_inputs()[0].shape == ["N", 64]
    two = np.random.default_rng(0).random((2, 64), np.float32)
    (together,) = session.run(None, {"X": two})
    (alone,) = session.run(None, {"X": two[1:]})
    assert together.shape == (2, 10)
    np.testing.assert_allclose(together[1:], alone, rtol=1e-5)


def test_the_slow_model_does_more_when_it_should_last_longer() -> None:
    brief, long = (open_session(networks.slow(seconds)) for seconds in (0.0001, 0.02))
    row = {"X": np.ones((1, networks.SQUARE), np.float32)}
    assert brief.run(None, row)[0].shape == (1, networks.SQUARE)
    assert not np.array_equal(brief.run(None, row)[0], long.run(None, row)[0])


def test_examples_differ_from_each_other_and_know_their_answers(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(RECOMMENDER_DEMO.content())
    first, second = examples(RECOMMENDER_DEMO, file, 2)
    assert first.request != second.request
    asked = pb.ModelInferRequest.FromString(first.request)
    np.testing.assert_equal(arrays(asked.inputs, asked.raw_input_contents), dict(first.inputs))
    assert {name: array.shape for name, array in first.outputs.items()} == {
        "items": (1, 10),
        "scores": (1, 10),
    }


def answer(**outputs: object) -> pb.ModelInferResponse:
    message = pb.ModelInferResponse()
    for name, value in outputs.items():
        array = np.asarray(value)
        message.outputs.add(name=name, datatype=NAMES[array.dtype], shape=array.shape)
        message.raw_output_contents.append(array.tobytes())
    return message


def test_an_answer_is_believed_only_if_it_is_onnx_runtimes() -> None:
    """Floats within what the order of a sum may change; integers exactly."""
    floats, integers = np.array([[1.0, 2.0]], np.float32), np.array([[1, 2]])
    answers.compare({"Y": floats, "I": integers}, answer(Y=floats + np.float32(1e-6), I=integers))
    for wrong in (
        answer(Y=floats + np.float32(0.01), I=integers),
        answer(Y=floats, I=integers + 1),
        answer(Y=floats.T, I=integers),
        answer(Y=floats),
    ):
        with pytest.raises(LoadError):
            answers.compare({"Y": floats, "I": integers}, wrong)


def test_the_model_alone_is_measured_without_a_server(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(PERCEPTRON.content())
    place = Loop(file, tmp_path)
    place.check(examples(PERCEPTRON, file, 1))
    measured = place.measure(BUSY_PERCEPTRON, 50)
    assert measured.load.calls == 50
    assert measured.cpu is not None
    assert measured.cpu > 0


def test_a_table_compares_with_the_best_mlserver_and_the_bare_handler() -> None:
    run = Run([PERCEPTRON], seconds=1)
    run.figures.add(BUSY_PERCEPTRON, "verdigris", 1, sample(cpu=0.2, calls=2000))
    run.figures.add(BUSY_PERCEPTRON, "mlserver", 1, sample(cpu=0.3, calls=500))
    run.figures.add(BUSY_PERCEPTRON, "mlserver-parallel", 1, sample(cpu=0.3, calls=1000))
    run.figures.add(BUSY_PERCEPTRON, "bare", 1, sample(cpu=0.2, calls=4000))
    ours, *others = report.rows(run, BUSY_PERCEPTRON)
    assert ours[:5] == ["verdigris", "2,000", "2.00", "100", "2.00"]
    assert [row[0] for row in others] == ["mlserver", "mlserver-parallel", "bare"]
    assert report.rows(run, ALONE[PERCEPTRON.name]) == []


def test_only_the_ten_ms_model_says_how_many_run_at_a_time() -> None:
    assert [each.threads for each in (PERCEPTRON, RECOMMENDER_DEMO, MEMORY_BOUND, TEN_MS)] == [
        None,
        None,
        None,
        1,
    ]


def held(**changed: Any) -> Held:
    return replace(
        Held(3, ("MainThread",), 9, sessions=4, descriptors=20, objects=500, in_use=10**7, resident=10**8),
        **changed,
    )


def test_memory_objects_and_native_threads_are_not_counted_as_left_over() -> None:
    assert left_over(held(), held(resident=2 * 10**8, native_threads=10, objects=510)) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tasks": 4}, "tasks: 4 instead of 3"),
        ({"threads": ("MainThread", "load_1")}, "load_1"),
        ({"sessions": 5}, "sessions: 5 instead of 4"),
        ({"descriptors": 21}, "descriptors: 21 instead of 20"),
    ],
)
def test_whatever_is_left_over_is_named(changed: dict[str, Any], words: str) -> None:
    (line,) = left_over(held(), held(**changed))
    assert words in line


@pytest.mark.parametrize("command", [main, churn])
def test_help_names_where_figures_go(command: click.Command) -> None:
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert "--json" in result.output
    assert "--markdown" in result.output
