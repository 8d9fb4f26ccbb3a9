"""The document's criteria over the evidence: which gauges there are, and how the error is shared. Pure.

`confidence` is kept for each of two errors, over the whole life of a shadow and however often one looks:

- *ready, though it is not*: it must pass every criterion, and so the one that it does not meet. The chance of that
  is the chance of that one's error, so each may have all of it (an intersection–union test: Berger 1982,
  "Multiparameter hypothesis testing and acceptance sampling"). Nothing is shared.
- *not ready, though it meets every criterion*: one error of any criterion is enough. They share it
  (Bonferroni): half for `errors`, because what is rare needs the most pairs, the other half in equal parts.
"""

import numpy as np

from mesh.shadowing import Criteria
from shadow.verdict.criterion import Criterion, Risk
from shadow.verdict.evidence import Evidence, Flags
from shadow.verdict.gauges import Excess, Gauge, Latency, Mean
from shadow.verdict.noise import AboveNoise
from shadow.verdict.quantiles import Sample
from shadow.verdict.tally import Tally


def criteria_of(evidence: Evidence, noise: Evidence | None, criteria: Criteria) -> tuple[Criterion, ...]:
    """In the order of the verdict; the number of pairs is not among them."""
    found: list[tuple[str, Gauge, float, bool]] = [
        ("agreement", agreement(evidence, noise, criteria), criteria.agreement, True)
    ]
    for name, least in criteria.scores:
        found.append((f"scores {name}", scores(evidence, name), least, True))
    found.append(("errors", errors(evidence), criteria.errors, False))
    latencies = [
        each for each in (("p50", 0.5, criteria.p50), ("p99", 0.99, criteria.p99)) if each[2] is not None
    ]
    if latencies:
        primary, shadow = samples(evidence)
        for name, share, most in latencies:
            assert most is not None
            found.append((name, Latency(share, primary, shadow), most, False))
    error = 1.0 - criteria.confidence
    others = error / 2 / (len(found) - 1)
    return tuple(
        Criterion(name, gauge, bound, at_least, Risk(error, error / 2 if name == "errors" else others))
        for name, gauge, bound, at_least in found
    )


def answered(evidence: Evidence) -> Flags:
    """[m]: the compared pairs in which neither leg failed. Failures are judged by `errors`, and once is enough."""
    return ~(evidence.primary_failed | evidence.shadow_failed)[evidence.compared]


def agreeing(evidence: Evidence, criteria: Criteria) -> Flags:
    """[m]: whether the pairs agree in all but the outputs that have a score of their own."""
    scored = {name for name, _ in criteria.scores}
    if not scored:
        return evidence.agrees
    everything = np.ones(evidence.agrees.size, np.bool_)
    judged = everything.copy()
    for output in evidence.outputs:
        everything &= output.agrees
        if output.name not in scored:
            judged &= output.agrees
    # what disagrees in no output at all (a comparator's error) goes on disagreeing
    return judged & (evidence.agrees | ~everything)


def agreement(evidence: Evidence, noise: Evidence | None, criteria: Criteria) -> Gauge:
    """Above the noise floor where one was measured."""
    agrees = agreeing(evidence, criteria)[answered(evidence)]
    if noise is None or not answered(noise).any():
        return Mean(Tally.of_flags(agrees))
    return AboveNoise.of(~agrees, ~agreeing(noise, criteria)[answered(noise)])


def scores(evidence: Evidence, name: str) -> Gauge:
    """The mean score of one output."""
    output = evidence.output(name)
    return Mean(Tally.of(output.scores[answered(evidence)] if output else np.empty(0)))


def errors(evidence: Evidence) -> Gauge:
    """Share of pairs in which only the shadow failed, less that in which only the primary did.

    One mean of -1, 0 and 1, not two shares: pairs in which both fail, or neither, cost nothing.
    """
    only_shadow = int(np.count_nonzero(evidence.shadow_failed & ~evidence.primary_failed))
    only_primary = int(np.count_nonzero(evidence.primary_failed & ~evidence.shadow_failed))
    others = evidence.pairs - only_shadow - only_primary
    return Excess(Tally(np.array([0.0, 0.5, 1.0]), np.array([only_primary, others, only_shadow], np.float64)))


def samples(evidence: Evidence) -> tuple[Sample, Sample]:
    """Latencies of the primary and of the shadow, in the pairs where both are known."""
    known = ~(np.isnan(evidence.primary_latency) | np.isnan(evidence.shadow_latency))
    return Sample.of(np.maximum(evidence.primary_latency[known], 1.0)), Sample.of(
        evidence.shadow_latency[known]
    )
