"""The commands say what they do without anything being installed or started."""

import click
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main as matrix
from benchmarks.attacks.__main__ import main as attacks
from benchmarks.scale.__main__ import complaints
from benchmarks.scale.__main__ import main as scale
from benchmarks.scale.measure import Held
from benchmarks.soak.__main__ import main as soak

MIB = 1 << 20


@pytest.mark.parametrize("command", [matrix, scale, soak, attacks])
def test_help_names_where_figures_go(command: click.Command) -> None:
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert "--json" in result.output
    assert "--markdown" in result.output


def test_an_unknown_suite_is_refused() -> None:
    result = CliRunner().invoke(matrix, ["--suite", "nonsense"])
    assert result.exit_code == 2
    assert "traced" in result.output


def held(*, peak: int = 150, after: int = 110, failures: int = 0) -> Held:
    lost = {"14": failures} if failures else {}
    return Held("verdigris", "a crowd", 10, 10, 100 * MIB, peak * MIB, after * MIB, lost)


def test_a_crowd_within_its_bounds_breaks_no_promise() -> None:
    assert complaints(held()) == []


@pytest.mark.parametrize(
    ("broken", "words"),
    [(held(peak=151), "151 MiB"), (held(after=111), "1.11 times"), (held(failures=3), "3 calls failed")],
)
def test_each_bound_of_a_crowd_is_a_promise_of_its_own(broken: Held, words: str) -> None:
    (line,) = complaints(broken)
    assert words in line
