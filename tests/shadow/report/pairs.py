"""Pairs of a recommender for a store: what blue answered, what green answered, and what was found."""

import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mesh.pb import open_inference_pb2 as pb
from mesh.shadowing import Compare, OutputRule
from shadow.comparison.comparator import Comparator
from shadow.pair import Answer, Outcome, Pair, PairId
from shadow.store.values import Recorded

METHOD: Final = "/inference.GRPCInferenceService/ModelInfer"
MINUTE: Final = 60_000_000_000
BEGIN: Final = (time.time_ns() // MINUTE - 30) * MINUTE
"""Half an hour ago."""
COMPARE: Final = Compare(outputs=(("items", OutputRule("ranking", top=10, overlap=1.0)),))


def framed(message: bytes) -> bytes:
    return struct.pack(">BI", 0, len(message)) + message


def request(user: int) -> bytes:
    message = pb.ModelInferRequest(model_name="recommender")
    message.inputs.add(name="user", datatype="INT64", shape=[1])
    message.raw_input_contents.append(np.array([user], "<i8").tobytes())
    return framed(message.SerializeToString())


def answer(items: Sequence[int], *, scale: float = 1.0) -> bytes:
    message = pb.ModelInferResponse(model_name="recommender")
    scores = np.linspace(1.0, 0.5, len(items), dtype="<f4") * np.float32(scale)
    message.outputs.add(name="items", datatype="INT64", shape=[len(items)])
    message.outputs.add(name="scores", datatype="FP32", shape=[len(items)])
    message.raw_output_contents.extend([np.array(items, "<i8").tobytes(), scores.tobytes()])
    return framed(message.SerializeToString())


def liked(user: int) -> list[int]:
    """What blue recommends to a user."""
    return [user + at for at in range(10)]


def pair(number: int, *, service: str = "recommender", color: str = "green", role: str = "shadow") -> Pair:
    """Green agrees with blue."""
    body = answer(liked(number))
    return Pair(
        id=PairId(f"splitter-{role}-{color}", number),
        service=service,
        method=METHOD,
        at=BEGIN + number * 1_000_000,
        revision=41,
        role=role,
        primary=Answer("blue", "OK", "", 2_000_000 + number % 7 * 10_000, "127.0.0.1:8011", "v2", "", body),
        shadow=Answer(color, "OK", "", 2_500_000 + number % 11 * 10_000, "127.0.0.1:8012", "v3", "", body),
        bucket=number % 10_000,
        trace_id=f"{number:032x}",
        request=request(number),
        metadata=(("x-user-id", str(number)),),
    )


def agreeing(found: Pair) -> Pair:
    return found


def scaled(found: Pair) -> Pair:
    """Green's scores are a tenth too large."""
    body = answer(liked(found.id.number), scale=1.1)
    return replace(found, shadow=replace(found.shadow, body=body))


def recorded(
    number: int, change: Callable[[Pair], Pair] = agreeing, *, keep: bool = True, **which: str
) -> list[Recorded]:
    """So many pairs, compared."""
    comparator = Comparator(COMPARE)
    made = []
    for at in range(1, number + 1):
        each = change(pair(at, **which))
        compared = comparator.compare(each) if each.outcome is Outcome.COMPARED else None
        made.append(Recorded(each, compared, keep_payload=keep))
    return made
