"""Pairs for tests: a second apart, of a recommender that shadows green."""

from dataclasses import replace
from typing import Any, Final

from mesh import contract
from shadow.comparison.difference import Comparison, Difference
from shadow.pair import Answer, Outcome, Pair, PairId
from shadow.store.values import Count, Recorded, Scope

SECOND: Final = 10**9
MINUTE: Final = 60 * SECOND
BEGIN: Final = 1_790_000_000 * SECOND - 1_790_000_000 * SECOND % MINUTE
SERVICE: Final = "recommender"
SCOPE: Final = Scope(SERVICE, "green")


def pair(number: int, *, source: str = "host-1", **changes: Any) -> Pair:
    made = Pair(
        id=PairId(source, number),
        service=SERVICE,
        method="/inference.GRPCInferenceService/ModelInfer",
        at=BEGIN + number * SECOND,
        revision=42,
        role=contract.ROLE_SHADOW,
        primary=Answer("blue", "OK", "", 2_000_000, "127.0.0.1:9001", "1", "", b"\0\0\0\0\3one"),
        shadow=Answer("green", "OK", "", 3_000_000, "127.0.0.1:9002", "2", "gzip", b"\0\0\0\0\3two"),
        bucket=number % 10_000,
        trace_id=f"{number:032x}",
        request=b"\0\0\0\0\4what",
        metadata=(("x-user-id", str(number)),),
    )
    return replace(made, **changes)


def agreeing() -> Comparison:
    status = Difference("status", "status", True, 1.0)
    items = Difference("items", "ranking", True, 1.0, {"common": 10.0, "top": 10.0})
    return Comparison((status, items))


def differing(score: float = 0.7) -> Comparison:
    status = Difference("status", "status", True, 1.0)
    items = Difference("items", "ranking", False, score, {"common": score * 10, "top": 10.0}, "others on top")
    return Comparison((status, items))


def recorded(number: int, comparison: Comparison | None = None, **changes: Any) -> Recorded:
    """Compared and agreeing, if nothing else is said."""
    keep = changes.pop("keep_payload", True)
    made = pair(number, **changes)
    found = agreeing() if comparison is None and made.outcome is Outcome.COMPARED else comparison
    return Recorded(made, found, keep)


def count(reason: str, number: int, **changes: Any) -> Count:
    made = Count(
        source="host-1",
        service=SERVICE,
        color="green",
        role=contract.ROLE_SHADOW,
        revision=42,
        outcome=Outcome.DROPPED,
        reason=reason,
        number=number,
        at=BEGIN,
    )
    return replace(made, **changes)


def broken(number: int, outcome: Outcome, **changes: Any) -> Recorded:
    """A shadow that gave no answer."""
    shadow = Answer("green", latency=5_000_000, endpoint="127.0.0.1:9002", version="2")
    return recorded(number, outcome=outcome, shadow=shadow, **changes)
