"""The models, written by the `onnx` package when they are needed, with weights from a seed: X FP32 [N, …] in, Y FP32
[N, …] out, and rows that are independent of each other."""

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Final

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from benchmarks.models.session import open_session

OPSET: Final = 17
IR: Final = 9
SEED: Final = 20_240_907
SQUARE: Final = 256
"""Rows and columns of the matrices that the slow model multiplies: a product takes about 0.3 ms."""
PROBE: Final = 16


def multilayer(*sizes: int, seed: int = SEED) -> bytes:
    """A perceptron: products, biases, and the larger of 0 and each between the layers."""
    chance = np.random.default_rng(seed)
    nodes, weights, current = [], [], "X"
    last = len(sizes) - 2
    for i, (rows, columns) in enumerate(pairwise(sizes)):
        spread = np.float32(rows**-0.5)
        weights += [
            numpy_helper.from_array(
                chance.standard_normal((rows, columns), np.float32) * spread, f"weights{i}"
            ),
            numpy_helper.from_array(chance.standard_normal(columns, np.float32), f"bias{i}"),
        ]
        product = "Y" if i == last else f"product{i}"
        nodes.append(helper.make_node("Gemm", [current, f"weights{i}", f"bias{i}"], [product]))
        if i != last:
            current = f"layer{i}"
            nodes.append(helper.make_node("Relu", [product], [current]))
    return _model(nodes, ["N", sizes[0]], ["N", sizes[-1]], weights)


def slow(seconds: float) -> bytes:
    """A model whose run takes about so long on this machine, by one product after the other; its input is one row."""
    took = median(_timed(_products(PROBE)))
    return _products(max(1, round(PROBE * seconds / took)))


def _products(count: int) -> bytes:
    shape = [SQUARE, SQUARE]
    step = helper.make_graph(
        [
            helper.make_node("MatMul", ["before", "weights"], ["product"]),
            helper.make_node("Tanh", ["product"], ["after"]),
            helper.make_node("Identity", ["go_on"], ["go_on_again"]),
        ],
        "step",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, shape),
        ],
        [
            helper.make_tensor_value_info("go_on_again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, shape),
        ],
    )
    nodes = [
        helper.make_node("Add", ["start", "X"], ["first"]),
        helper.make_node("Loop", ["count", "true", "first"], ["last"], body=step),
        helper.make_node("ReduceMean", ["last"], ["Y"], axes=[0], keepdims=1),
    ]
    chance = np.random.default_rng(SEED)
    weights = [
        numpy_helper.from_array(chance.standard_normal(shape, np.float32) / np.float32(16), "weights"),
        numpy_helper.from_array(np.zeros(shape, np.float32), "start"),
        numpy_helper.from_array(np.array(count), "count"),
        numpy_helper.from_array(np.array(True), "true"),
    ]
    return _model(nodes, [1, SQUARE], [1, SQUARE], weights)


def cost_of_a_batch(model: bytes, rows: int) -> float:
    """How many runs of one row cost as much CPU as one run of so many rows."""
    return median(_timed(model, rows)) / median(_timed(model))


def _timed(model: bytes, rows: int = 1, *, repeats: int = 15) -> list[float]:
    """Seconds of CPU that runs take, whatever else this machine does meanwhile."""
    session = open_session(model)
    (given,) = session.get_inputs()
    feed = {given.name: np.random.default_rng(SEED).random((rows, given.shape[1]), np.float32)}
    run: Callable[[], Any] = lambda: session.run(None, feed)  # noqa: E731
    run()
    found = []
    for _ in range(repeats):
        before = time.thread_time()
        run()
        found.append(time.thread_time() - before)
    return found


def _model(
    nodes: Sequence[Any], given: Sequence[int | str], answered: Sequence[int | str], weights: Sequence[Any]
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "benchmark",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, answered)],
        weights,
    )
    opset = [helper.make_opsetid("", OPSET)]
    content: bytes = helper.make_model(graph, opset_imports=opset, ir_version=IR).SerializeToString()
    return content
