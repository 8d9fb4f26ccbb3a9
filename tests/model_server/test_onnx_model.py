"""How a file is opened: threads, execution providers and optimisation, by the server and by the configuration."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_server.config import ModelConfigValue
from model_server.errors import BrokenModelError
from model_server.onnx_model import CPU, OPTIMIZATIONS, available_providers, open_model
from tests.model_server import onnx_files


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return onnx_files.simple(tmp_path / "simple.onnx")


def options(file: Path, **settings: Any) -> Any:
    model = open_model("simple", file, **settings)
    return model.run.__self__._session.get_session_options()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("server", "said", "threads"), [(1, None, 1), (3, None, 3), (3, "0", 3), (3, "2", 2), (1, "4", 4)]
)
def test_the_threads_of_a_run_are_the_models_or_else_the_servers(
    file: Path, server: int, said: str | None, threads: int
) -> None:
    wanted = ModelConfigValue(parameters={"intra_op_thread_count": said} if said else {})
    assert options(file, threads=server, wanted=wanted).intra_op_num_threads == threads


@pytest.mark.parametrize(
    ("server", "level", "optimization"),
    [
        ("all", None, "all"),
        ("basic", None, "basic"),
        ("all", -1, "basic"),
        ("all", 1, "extended"),
        ("basic", 2, "off"),
    ],
)
def test_the_optimisation_is_the_models_or_else_the_servers(
    file: Path, server: str, level: int | None, optimization: str
) -> None:
    found = options(file, optimization=server, wanted=ModelConfigValue(graph_level=level))
    assert found.graph_optimization_level == OPTIMIZATIONS[optimization]


def test_every_provider_of_this_build_can_be_asked_for_in_order(file: Path) -> None:
    model = open_model("simple", file, providers=available_providers())
    zeros = model.zeros()
    np.testing.assert_array_equal(model.run(("OUTPUT0",), zeros)[0], zeros["INPUT0"])
    assert CPU in available_providers()


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_does_not_start_is_not_passed_over_in_silence(file: Path) -> None:
    with pytest.raises(BrokenModelError, match="ONNX Runtime could not start NowhereExecutionProvider"):
        open_model("simple", file, providers=("NowhereExecutionProvider", CPU))
