"""A shadow that is looked at again and again: what each criterion says, without judging anew at each look.

The shares of error, the bounds and the ranks are those of the package; only the counting is done here for all looks at
once. `test_looks` holds it against `Criterion.state`.
"""

from bisect import insort
from collections.abc import Sequence
from functools import lru_cache
from math import inf
from typing import Final

import numpy as np

from mesh.shadowing import Criteria
from shadow.verdict.criteria import agreeing, criteria_of
from shadow.verdict.criterion import Criterion
from shadow.verdict.evidence import Evidence, Flags, Integers, Numbers
from shadow.verdict.noise import AboveNoise
from shadow.verdict.wealth import enough, log_wealth

_MOST: Final = 5_000


def says(
    made: Evidence, criteria: Criteria, looks: Sequence[int], noise: Evidence | None = None
) -> dict[str, Flags]:
    """By criterion: [2, looks], whether it says ready, and whether it says not ready. All pairs must be answered or
    failed, never without a latency for another reason."""
    found: dict[str, Flags] = {}
    for each in criteria_of(made, noise, criteria):
        if each.name == "agreement":
            agrees = agreeing(made, criteria)[:, np.newaxis]
            whole = np.where(made.primary_failed | made.shadow_failed, 0.0, 1.0)[:, np.newaxis]
            if isinstance(each.gauge, AboveNoise):
                found[each.name] = _above_noise(each, made, noise, criteria, looks)
                continue
            found[each.name] = _mean(each, np.array([0.0, 1.0]), whole * np.hstack([~agrees, agrees]), looks)
        elif each.name == "errors":
            difference = made.shadow_failed.astype(int) - made.primary_failed
            found[each.name] = _mean(
                each, np.array([0.0, 0.5, 1.0]), difference[:, np.newaxis] == [-1, 0, 1], looks
            )
        elif each.name.startswith("scores"):
            output = made.output(each.name.split()[1])
            assert output is not None
            values = np.unique(output.scores)
            found[each.name] = _mean(each, values, output.scores[:, np.newaxis] == values, looks)
        else:
            found[each.name] = _latency(each, made, looks)
    return found


def _mean(criterion: Criterion, values: Numbers, came: Numbers | Flags, looks: Sequence[int]) -> Flags:
    counts = came.cumsum(0, dtype=float)[np.asarray(looks) - 1]
    least = criterion.gauge.least
    bound = (criterion.bound - least) / (1 - least)
    above = log_wealth(values, counts, bound)
    below = log_wealth(1 - values, counts, 1 - bound)
    good, bad = (above, below) if criterion.at_least else (below, above)
    return np.stack([good >= enough(criterion.risk.ready), bad >= enough(criterion.risk.not_ready)])


def _above_noise(
    criterion: Criterion, made: Evidence, noise: Evidence | None, criteria: Criteria, looks: Sequence[int]
) -> Flags:
    assert noise is not None
    differ, differ_noise = (~agreeing(each, criteria) for each in (made, noise))
    said = []
    for look in looks:
        gauge = AboveNoise.of(differ[:look], differ_noise[:look])
        said.append(
            (
                gauge.above(criterion.bound, criterion.risk.ready, look),
                gauge.below(criterion.bound, criterion.risk.not_ready, look),
            )
        )
    return np.array(said).T


def _latency(criterion: Criterion, made: Evidence, looks: Sequence[int]) -> Flags:
    share = 0.5 if criterion.name == "p50" else 0.99
    primary: list[float] = []
    shadow: list[float] = []
    said, seen = [], 0
    for look in looks:
        for mine, its in zip(made.primary_latency[seen:look], made.shadow_latency[seen:look], strict=True):
            if mine == mine and its == its:
                insort(primary, mine)
                insort(shadow, its)
        seen = look
        ready, not_ready = criterion.risk.ready / 2, criterion.risk.not_ready / 2
        said.append(
            (
                _high(shadow, share, ready) < criterion.bound * _low(primary, share, ready),
                _low(shadow, share, not_ready) > criterion.bound * _high(primary, share, not_ready),
            )
        )
    return np.array(said).T


@lru_cache
def _ranks(share: float, error: float) -> tuple[Integers, Integers]:
    """`rank_below` and `rank_above` of each total up to `_MOST`."""
    totals = np.arange(_MOST + 1)
    zeros_and_ones = np.array([0.0, 1.0])

    def refuted(ones: Integers, mean: float) -> Flags:
        counts = np.stack([totals - ones, ones], -1)
        won: Flags = (
            (log_wealth(zeros_and_ones, counts, mean) >= enough(error)) & (ones >= 0) & (ones <= totals)
        )
        return won

    sure, unsure = np.full(_MOST + 1, -1), totals + 1
    below, above = np.full(_MOST + 1, 0), totals + 1
    for _ in range(_MOST.bit_length() + 1):
        middle = (sure + unsure) // 2
        won = refuted(totals - middle, 1 - share)
        sure, unsure = np.where(won, middle, sure), np.where(won, unsure, middle)
        middle = (below + above) // 2
        won = refuted(middle, share)
        above, below = np.where(won, middle, above), np.where(won, below, middle)
    return sure, above


def _low(ordered: list[float], share: float, error: float) -> float:
    rank = int(_ranks(share, error)[0][len(ordered)])
    return ordered[min(rank, len(ordered) - 1)] if rank >= 0 else 0.0


def _high(ordered: list[float], share: float, error: float) -> float:
    rank = int(_ranks(share, error)[1][len(ordered)])
    return ordered[rank - 1] if rank <= len(ordered) else inf


def ever(said: dict[str, Flags]) -> tuple[bool, bool]:
    """Whether at any look all said ready, and whether at any look one said not ready."""
    everything = np.stack(list(said.values()))
    not_ready = everything[:, 1].any(0)
    return bool((everything[:, 0].all(0) & ~not_ready).any()), bool(not_ready.any())
