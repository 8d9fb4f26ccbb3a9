"""Small ONNX models, made on the spot."""

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper


def simple(folder: Path) -> Path:
    """Triton's example model `simple`: OUTPUT0 is the sum of two rows of 16 INT32, OUTPUT1 the difference."""
    rows = [helper.make_tensor_value_info(f"INPUT{n}", TensorProto.INT32, [None, 16]) for n in range(2)]
    outs = [helper.make_tensor_value_info(f"OUTPUT{n}", TensorProto.INT32, [None, 16]) for n in range(2)]
    nodes = [
        helper.make_node(kind, ["INPUT0", "INPUT1"], [f"OUTPUT{n}"]) for n, kind in enumerate(["Add", "Sub"])
    ]
    return _saved(folder / "simple.onnx", nodes, rows, outs)


def identity(folder: Path, name: str, datatype: str) -> Path:
    """A model that answers the vector it is given; `datatype` as ONNX names it: FLOAT, STRING …"""
    kind = TensorProto.DataType.Value(datatype)
    tensors = [helper.make_tensor_value_info(each, kind, [None]) for each in ("INPUT0", "OUTPUT0")]
    node = helper.make_node("Identity", ["INPUT0"], ["OUTPUT0"])
    return _saved(folder / f"{name}.onnx", [node], tensors[:1], tensors[1:])


def _saved(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> Path:
    graph = helper.make_graph(nodes, path.stem, inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path
