"""The ONNX graphs: a user id in, the ten best films that the user has not rated out.

    user INT64 [N]  ->  items INT64 [N, 10], scores FP32 [N, 10], best first

A user id outside 1..users is answered from row 0: nothing seen, the average user's taste. So no id can fail.
Films a user has rated are bits, 8 to a byte; factors are stored as FP16 and widened when the model is loaded.
"""

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper
from ratings import Floats, Ints

TOP = 10
OPSET = 18  # the first with BitwiseAnd; every onnxruntime of the project's range knows it
IR_VERSION = 8
NEVER = np.float32(-1e9)  # below every score


def popularity(name: str, *, films: Ints, seen: npt.NDArray[np.bool_], scores: Floats) -> ModelProto:
    """The same scores for all users, without the films that each has seen."""
    return _model(name, films, seen, [], {"all_scores": scores.astype(np.float32)})


def factorisation(
    name: str, *, films: Ints, seen: npt.NDArray[np.bool_], user_factors: Floats, film_factors: Floats
) -> ModelProto:
    """Scores are the product of user and film factors."""
    taste = np.vstack([user_factors.mean(axis=0), user_factors]).astype(np.float16)
    nodes = [
        helper.make_node("Gather", ["user_factors", "row"], ["taste16"]),
        helper.make_node("Cast", ["taste16"], ["taste"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["film_factors"], ["film_factors32"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["taste", "film_factors32"], ["all_scores"]),
    ]
    return _model(
        name, films, seen, nodes, {"user_factors": taste, "film_factors": film_factors.T.astype(np.float16)}
    )


def _model(
    name: str,
    films: Ints,
    seen: npt.NDArray[np.bool_],
    scoring: list[NodeProto],
    constants: dict[str, npt.NDArray[np.generic]],
) -> ModelProto:
    users, count = seen.shape
    rows = np.vstack([np.zeros((1, count), dtype=bool), seen])
    constants = {
        **constants,
        "seen": np.packbits(rows, axis=1, bitorder="little"),
        "bits": np.array([1 << bit for bit in range(8)], dtype=np.uint8),
        "films": films,
        "first": np.array(1),
        "last": np.array(users),
        "unknown": np.array(0),
        "never": np.array(NEVER),
        "top": np.array([TOP], dtype=np.int64),
        "bit_axis": np.array([2], dtype=np.int64),
        "flat": np.array([-1, count], dtype=np.int64),
    }
    nodes = [
        helper.make_node("GreaterOrEqual", ["user", "first"], ["not_below"]),
        helper.make_node("LessOrEqual", ["user", "last"], ["not_above"]),
        helper.make_node("And", ["not_below", "not_above"], ["known"]),
        helper.make_node("Where", ["known", "user", "unknown"], ["row"]),
        *scoring,
        helper.make_node("Gather", ["seen", "row"], ["seen_bytes"]),
        helper.make_node("Unsqueeze", ["seen_bytes", "bit_axis"], ["seen_column"]),
        helper.make_node("BitwiseAnd", ["seen_column", "bits"], ["seen_bits"]),
        helper.make_node("Cast", ["seen_bits"], ["seen_flags"], to=TensorProto.BOOL),
        helper.make_node("Reshape", ["seen_flags", "flat"], ["seen_films"]),
        helper.make_node("Where", ["seen_films", "never", "all_scores"], ["unseen_scores"]),
        helper.make_node("TopK", ["unseen_scores", "top"], ["scores", "places"], axis=-1),
        helper.make_node("Gather", ["films", "places"], ["items"]),
    ]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("user", TensorProto.INT64, ["N"])],
        [
            helper.make_tensor_value_info("items", TensorProto.INT64, ["N", TOP]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", TOP]),
        ],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="verdigris-demo",
        doc_string="Derived from MovieLens latest-small; GroupLens' terms apply: see LICENSE-DATA.txt.",
    )
    checker.check_model(model, full_check=True)
    return model
