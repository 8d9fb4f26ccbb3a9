"""What is recorded, as rows; and rows as what was recorded. Pure."""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from struct import pack, unpack
from typing import Any, Final, NamedTuple

from shadow.comparison.difference import Comparison, Difference
from shadow.pair import Answer, Outcome, Pair, PairId
from shadow.store.values import Recorded

INCOMPARABLE: Final = "incomparable"
"""The reason of a pair that nobody could compare: it is dropped, not compared."""
MINUTE: Final = 60 * 10**9
LONGEST: Final = 500
"""Characters of an output's name: what is in an index of PostgreSQL's must be shorter than 2.7 kB."""
LARGEST: Final = 2**63 - MINUTE
"""What BIGINT holds, with the minute that a time is in."""
LARGEST_BUCKET: Final = 2**31 - 1
Row = dict[str, Any]


def legible(text: str) -> str:
    """Without what a database cannot hold: NUL (PostgreSQL) and halves of surrogate pairs."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def bounded(recorded: Recorded) -> Recorded:
    """With the next number that a column holds in place of one that it does not: a redactor may say anything."""
    pair = recorded.pair
    numbers = (pair.at, pair.revision, pair.primary.latency, pair.shadow.latency)
    if all(-LARGEST <= each <= LARGEST for each in numbers) and abs(pair.bucket) <= LARGEST_BUCKET:
        return recorded
    primary, shadow = (replace(each, latency=_within(each.latency)) for each in (pair.primary, pair.shadow))
    at, revision, bucket = _within(pair.at), _within(pair.revision), _within(pair.bucket, LARGEST_BUCKET)
    changed = replace(pair, at=at, revision=revision, bucket=bucket, primary=primary, shadow=shadow)
    return replace(recorded, pair=changed)


def _within(number: int, largest: int = LARGEST) -> int:
    return max(-largest, min(number, largest))


def outcome(recorded: Recorded) -> tuple[Outcome, str]:
    """What the pair is counted as, and why."""
    pair = recorded.pair
    if pair.outcome is Outcome.COMPARED and (recorded.comparison is None or recorded.comparison.error):
        return Outcome.DROPPED, INCOMPARABLE
    return pair.outcome, pair.reason


class Common(NamedTuple):
    """What a pair has in common with others: a row of `contexts`."""

    source_id: int
    service: str
    color: str
    role: str
    method: str
    revision: int
    outcome: str
    reason: str
    canceled: bool
    request_encoding: str
    primary_color: str
    primary_status: str
    primary_endpoint: str
    primary_version: str
    primary_encoding: str
    shadow_status: str
    shadow_endpoint: str
    shadow_version: str
    shadow_encoding: str

    def row(self) -> Row:
        return _digested(self._asdict())


def common(recorded: Recorded, source_id: int) -> Common:
    pair, primary, shadow = recorded.pair, recorded.pair.primary, recorded.pair.shadow
    became, reason = outcome(recorded)
    return Common(
        *(source_id, pair.service, shadow.color, pair.role, pair.method, pair.revision),
        *(became.value, reason, pair.canceled, pair.encoding, primary.color),
        *(primary.status, primary.endpoint, primary.version, primary.encoding),
        *(shadow.status, shadow.endpoint, shadow.version, shadow.encoding),
    )


class Kind(NamedTuple):
    """What a difference has in common with those of other pairs: a row of `outputs`."""

    service: str
    color: str
    role: str
    name: str
    measure: str
    figures: tuple[str, ...]

    def row(self) -> Row:
        return _digested(self._asdict() | {"figures": json.dumps(self.figures)})


def kind(pair: Pair, difference: Difference) -> Kind:
    return Kind(
        *(pair.service, pair.shadow.color, pair.role),
        *(difference.output[:LONGEST], difference.measure, tuple(figures(difference))),
    )


def figures(difference: Difference) -> dict[str, float]:
    """Those that are numbers; a report can say nothing of others."""
    found: dict[str, float] = {}
    for name, figure in difference.figures.items():
        with suppress(OverflowError):  # an int beyond any float
            if math.isfinite(figure):
                found[name] = float(figure)
    return found


def _digested(values: Row) -> Row:
    clean = {name: legible(value) if isinstance(value, str) else value for name, value in values.items()}
    return clean | {"digest": blake2b(json.dumps(list(clean.values())).encode(), digest_size=16).digest()}


def row(recorded: Recorded, pair_id: int, context_id: int) -> Row:
    """Of `pairs`."""
    pair, comparison = recorded.pair, recorded.comparison
    compared = comparison if comparison and outcome(recorded)[0] is Outcome.COMPARED else None
    return {
        "id": pair_id,
        "context_id": context_id,
        "at": pair.at,
        "primary_latency": pair.primary.latency,
        "shadow_latency": pair.shadow.latency,
        "bucket": pair.bucket,
        "agrees": compared.agrees if compared else None,
        "score": _share(compared.score) if compared else None,
        "trace_id": legible(pair.trace_id) or None,
        "primary_message": legible(pair.primary.message) or None,
        "shadow_message": legible(pair.shadow.message) or None,
        "error": (legible(comparison.error) if comparison else None) or None,
    }


def difference_row(difference: Difference, *, pair_id: int, place: int, output_id: int) -> Row:
    values = list(figures(difference).values())
    return {
        "pair_id": pair_id,
        "place": place,
        "output_id": output_id,
        "agrees": difference.agrees,
        "score": _share(difference.score),
        "figures": pack(f"<{len(values)}d", *values),
        "detail": legible(difference.detail) or None,
    }


@lru_cache(1024)
def figure_names(names: str) -> tuple[str, ...]:
    """Of `outputs.figures`: the same for a million differences."""
    return tuple(json.loads(names))


def difference(found: Any) -> Difference:
    """Of a row of `differences` with its output's."""
    names = figure_names(found.names)
    values = dict(zip(names, unpack(f"<{len(names)}d", found.figures), strict=True))
    return Difference(found.name, found.measure, found.agrees, found.score, values, found.detail or "")


def pair(found: Mapping[str, Any]) -> Pair:
    """Of a row of `pairs` with its context's and its source's, without payload."""

    def answer(leg: str, color: str) -> Answer:
        return Answer(
            color=color,
            status=found[f"{leg}_status"],
            message=found[f"{leg}_message"] or "",
            latency=found[f"{leg}_latency"],
            endpoint=found[f"{leg}_endpoint"],
            version=found[f"{leg}_version"],
            encoding=found[f"{leg}_encoding"],
            body=None,
        )

    return Pair(
        id=PairId(found["source"], found["number"]),
        service=found["service"],
        method=found["method"],
        at=found["at"],
        revision=found["revision"],
        role=found["role"],
        primary=answer("primary", found["primary_color"]),
        shadow=answer("shadow", found["color"]),
        outcome=Outcome(found["outcome"]),
        reason=found["reason"],
        bucket=found["bucket"],
        trace_id=found["trace_id"] or "",
        canceled=found["canceled"],
        request=None,
        encoding=found["request_encoding"],
    )


def comparison(found: Mapping[str, Any], differences: Sequence[Difference]) -> Comparison | None:
    """None where there was nothing to compare."""
    if found["agrees"] is None and not found["error"]:
        return None
    return Comparison(tuple(differences), found["error"] or "")


def _share(score: float) -> float:
    """A comparator of the user's may say anything; neither database may lose a batch for it."""
    return min(1.0, score) if score >= 0 else 0.0
