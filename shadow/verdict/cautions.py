"""What is wrong with the evidence: warnings beside a verdict, which change nothing of it. Pure."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from mesh.shadowing import Criteria
from shadow.pair import NO_BUCKET
from shadow.verdict import words
from shadow.verdict.criteria import agreement, answered, scores
from shadow.verdict.evidence import Evidence

_NOT_SAMPLED: Final = "not_sampled"
"""Left out by chance: those that are left are like them."""
_MANY_DROPPED: Final = 0.1
_MANY_FAILING: Final = 0.05
_FEW_KEYS: Final = 20


def cautions_of(evidence: Evidence, noise: Evidence | None, criteria: Criteria) -> tuple[str, ...]:
    return (*_dropped(evidence), *_primary(evidence), *_keys(evidence), *_outputs(evidence, criteria)) + (
        () if noise is None else tuple(_noise(noise, criteria))
    )


def _dropped(evidence: Evidence) -> Iterator[str]:
    lost = {
        reason: number for reason, number in evidence.dropped.items() if number and reason != _NOT_SAMPLED
    }
    dropped = sum(lost.values())
    share = dropped / max(1, dropped + evidence.pairs)
    if share > _MANY_DROPPED:
        reasons = ", ".join(f"{reason} {words.count(number)}" for reason, number in sorted(lost.items()))
        yield f"{words.percent(share)} of the shadows were dropped ({reasons}): the others may not be like them"


def _primary(evidence: Evidence) -> Iterator[str]:
    share = float(evidence.primary_failed.mean()) if evidence.pairs else 0.0
    if share > _MANY_FAILING:
        yield f"the primary itself fails in {words.percent(share)} of pairs, which are not compared"


def _keys(evidence: Evidence) -> Iterator[str]:
    buckets = evidence.bucket[evidence.bucket != NO_BUCKET]
    if buckets.size < 100:
        return
    times = np.bincount(buckets).astype(np.float64)
    effective = times.sum() ** 2 / (times**2).sum()
    if effective < _FEW_KEYS:
        yield (
            f"the pairs come from few keys (as good as {effective:.0f} equally frequent ones): "
            "others may meet what these do not"
        )


def _outputs(evidence: Evidence, criteria: Criteria) -> Iterator[str]:
    if answered(evidence).any():
        for name, _ in criteria.scores:
            if evidence.output(name) is None:
                yield f"no answer has an output {name}, for which criteria.scores has a bound"


def _noise(noise: Evidence, criteria: Criteria) -> Iterator[str]:
    pairs = int(np.count_nonzero(answered(noise)))
    if pairs < criteria.pairs:
        yield f"the noise floor rests on {words.plural(pairs, 'pair')}"
        return
    itself = agreement(noise, None, criteria).observed
    if itself is not None and itself < criteria.agreement:
        yield f"the primary agrees with itself in {words.percent(itself)} of pairs only"
    for name, least in criteria.scores:
        score = scores(noise, name).observed
        if score is not None and score < least:
            yield f"output {name}: the primary itself has a mean score of {words.percent(score)} only"
