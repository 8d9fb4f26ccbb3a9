"""A stored pair as a person looks at it: decoded, both answers beside each other, all text short. Pure."""

from collections.abc import Iterable
from typing import Final

from shadow.pair import NO_BUCKET, Answer
from shadow.report import bodies
from shadow.report.report import Difference, Disagreement, Told
from shadow.store.values import Stored

_FACTS: Final = ("status", "messages")
_METADATA: Final = 40
"""Entries that are shown."""
_TEXT: Final = 240
"""Characters of one text."""


def worst(found: Iterable[Stored], limit: int) -> tuple[Disagreement, ...]:
    """The worst of those found, each request once: of pairs with the same score those whose outputs have less in common
    come first, and what was asked again would only be said again."""
    ordered = sorted(found, key=_badness)
    seen: set[bytes] = set()
    kept = []
    for each in ordered:
        request = each.pair.request
        if request in seen:
            continue
        if request:
            seen.add(request)
        kept.append(each)
    return tuple(map(shown, kept[:limit]))


def _badness(stored: Stored) -> tuple[float, float, int]:
    comparison = stored.comparison
    if comparison is None or not comparison.differences:
        return 0.0, 0.0, stored.pair.at
    scores = [each.score for each in comparison.differences]
    return comparison.score, sum(scores) / len(scores), stored.pair.at


def shown(stored: Stored) -> Disagreement:
    """The pair; without tensors where its payload was not kept."""
    pair, comparison = stored.pair, stored.comparison
    primary, shadow = bodies.outputs(pair, pair.primary), bodies.outputs(pair, pair.shadow)
    differences = tuple(
        Difference(
            output=_short(each.output),
            measure=_short(each.measure),
            agrees=each.agrees,
            score=each.score,
            detail=_short(each.detail),
            figures=dict(each.figures),
            sides=() if each.output in _FACTS else bodies.sides(each.output, each.measure, primary, shadow),
        )
        for each in (comparison.differences if comparison else ())
    )
    differing = any(not each.agrees and each.sides for each in differences)
    return Disagreement(
        source=_short(pair.id.source),
        number=pair.id.number,
        at=pair.at,
        method=_short(pair.method),
        score=comparison.score if comparison else 0.0,
        primary=_told(pair.primary),
        shadow=_told(pair.shadow),
        differences=differences,
        request=bodies.request(pair),
        other=None if differing else (bodies.answer(pair, pair.primary), bodies.answer(pair, pair.shadow)),
        metadata=tuple((_short(name), _short(value)) for name, value in pair.metadata[:_METADATA]),
        bucket=None if pair.bucket == NO_BUCKET else pair.bucket,
        revision=pair.revision,
        trace_id=_short(pair.trace_id),
        error=_short(comparison.error) if comparison else "",
    )


def _told(answer: Answer) -> Told:
    return Told(
        color=answer.color,
        status=_short(answer.status),
        message=_short(answer.message),
        latency=answer.latency / 1e9,
        endpoint=_short(answer.endpoint),
        version=_short(answer.version),
    )


def _short(text: str) -> str:
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
