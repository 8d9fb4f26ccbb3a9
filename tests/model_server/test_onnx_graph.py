"""Whether a model's time follows from the sizes of its inputs is read from its file, and doubted otherwise."""

from collections.abc import Callable
from pathlib import Path

import pytest
from onnx import TensorProto, helper, save

from model_server.errors import BrokenModelError
from model_server.onnx_graph import is_steady
from model_server.onnx_model import open_model
from tests.model_server import onnx_files


@pytest.mark.parametrize("write", [onnx_files.simple, onnx_files.lookup, onnx_files.reshape])
def test_plain_operators_are_steady(write: Callable[[Path], Path], tmp_path: Path) -> None:
    file = write(tmp_path / "model.onnx")
    assert is_steady(file)
    assert open_model("m", file).steady


def test_what_takes_strings_is_not_because_no_shape_says_how_long_they_are(tmp_path: Path) -> None:
    file = onnx_files.simple_string(tmp_path / "model.onnx")
    assert is_steady(file)
    assert not open_model("m", file).steady


def test_a_loop_that_an_input_counts_is_not(models: dict[str, Path]) -> None:
    assert not is_steady(models["busy"])
    assert not open_model("busy", models["busy"]).steady


def test_a_run_that_threads_share_is_not(models: dict[str, Path]) -> None:
    assert not open_model("simple", models["simple"], threads=2).steady


@pytest.mark.parametrize(
    ("operator", "domain", "steady"),
    [
        ("Relu", "", True),
        ("Relu", "ai.onnx", True),
        ("Normalizer", "ai.onnx.ml", True),
        ("BeamSearch", "com.microsoft", False),
        ("Relu", "somebody.else", False),
        ("ConstantOfShape", "", False),
        ("Range", "", False),
    ],
)
def test_it_is_told_by_operator_and_domain(operator: str, domain: str, steady: bool, tmp_path: Path) -> None:
    tensor = helper.make_tensor_value_info("X", TensorProto.FLOAT, [1])
    node = helper.make_node(operator, ["X"], ["Y"], domain=domain)
    graph = helper.make_graph([helper.make_node("Relu", ["W"], ["X"]), node], "g", [tensor], [])
    save(helper.make_model(graph), tmp_path / "model.onnx")
    assert is_steady(tmp_path / "model.onnx") is steady


@pytest.mark.parametrize(
    "content", [b"", b"this is no model", b"\x3a\xff", b"\x3a\x05ab", b"\xff" * 20, b"\x3a"]
)
def test_what_is_no_model_is_not_steady_and_for_onnx_runtime_to_refuse(
    content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(content)
    assert not is_steady(file)
    with pytest.raises(BrokenModelError):
        open_model("m", file)
    assert not is_steady(tmp_path / "none.onnx")
