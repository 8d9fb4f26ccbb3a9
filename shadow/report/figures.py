"""Figures of the report from columns of pairs: outputs, latencies, statuses. Pure."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from shadow.report.report import Figure, Leg, Output
from shadow.verdict.evidence import Evidence, Flags, Integers, Numbers, OutputEvidence

QUANTILES: Final[Mapping[str, float]] = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
_BINS: Final = 20
"""Of scores below 1; 1 itself has one more."""
_STEPS: Final = 60
"""Of a latency histogram, at most."""
_SECOND: Final = 1e9


def outputs(evidence: Evidence) -> tuple[Output, ...]:
    """Each output and fact that any pair has, tensors before facts."""
    made = [_output(each) for each in evidence.outputs if np.any(~np.isnan(each.scores))]
    return tuple(sorted(made, key=lambda each: each.name == each.measure))  # `status` is compared as status


def _output(evidence: OutputEvidence) -> Output:
    here = ~np.isnan(evidence.scores)
    scores = evidence.scores[here]
    return Output(
        name=evidence.name,
        measure=evidence.measure,
        pairs=int(scores.size),
        agreeing=int(np.count_nonzero(evidence.agrees[here])),
        score=float(np.mean(scores)),
        worst=float(np.min(scores)),
        figures=tuple(
            _figure(name, column) for name, column in evidence.figures.items() if np.any(~np.isnan(column))
        ),
        histogram=_histogram(scores),
    )


def _figure(name: str, column: Numbers) -> Figure:
    found = column[~np.isnan(column)]
    low, median, high = (float(each) for each in (np.min(found), np.median(found), np.max(found)))
    return Figure(name, median, low, high, float(np.sum(found)), int(found.size))


def _histogram(scores: Numbers) -> tuple[int, ...]:
    below = np.clip(scores, 0.0, 1.0)
    counts, _ = np.histogram(below[below < 1.0], _BINS, (0.0, 1.0))
    return (*map(int, counts), int(np.count_nonzero(below >= 1.0)))


def edges(primary: Numbers, shadow: Numbers) -> tuple[float, ...]:
    """Seconds: even steps of the logarithm over both, with room at the ends; nothing where no latency is known."""
    found = np.concatenate((primary, shadow))
    found = found[np.isfinite(found) & (found > 0)] / _SECOND
    if not found.size:
        return ()
    low, high = np.log10(np.min(found)), np.log10(np.max(found))
    room = max(0.02, (high - low) * 0.03)
    steps = int(np.clip(np.sqrt(found.size), 10, _STEPS))
    return tuple(float(each) for each in np.logspace(low - room, high + room, steps + 1))


def primary(evidence: Evidence, bins: tuple[float, ...]) -> Leg:
    return _leg(evidence.primary_latency, evidence.primary_status, evidence.primary_failed, evidence, bins)


def shadow(evidence: Evidence, bins: tuple[float, ...]) -> Leg:
    return _leg(evidence.shadow_latency, evidence.shadow_status, evidence.shadow_failed, evidence, bins)


def _leg(
    latency: Numbers, status: Integers, failed: Flags, evidence: Evidence, bins: tuple[float, ...]
) -> Leg:
    known = np.sort(latency[~np.isnan(latency)]) / _SECOND
    counts = np.bincount(status, minlength=len(evidence.statuses)) if status.size else ()
    statuses = sorted(
        ((name, int(count)) for name, count in zip(evidence.statuses, counts, strict=False) if count),
        key=lambda each: -each[1],
    )
    return Leg(
        pairs=evidence.pairs,
        latency={name: _quantile(known, share) for name, share in QUANTILES.items()},
        timed=int(known.size),
        statuses=tuple(statuses),
        failed=int(np.count_nonzero(failed)),
        histogram=tuple(map(int, np.histogram(known[np.isfinite(known)], bins)[0])) if bins else (),
    )


def _quantile(known: Numbers, share: float) -> float | None:
    """The smallest value which at least this share does not exceed; None if that is beyond the timeout."""
    if not known.size:
        return None
    found = float(known[max(1, int(np.ceil(share * known.size))) - 1])
    return found if np.isfinite(found) else None


def ratios(one: Leg, two: Leg) -> dict[str, float | None]:
    """By quantile: the shadow's latency / the primary's."""
    pairs = {name: (one.latency.get(name), two.latency.get(name)) for name in QUANTILES}
    return {
        name: below / above if above and below is not None else None for name, (above, below) in pairs.items()
    }
