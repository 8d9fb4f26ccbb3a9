"""Evidence as a test wants it: healthy unless said otherwise, and the same for the same seed."""

from dataclasses import replace

import numpy as np

from shadow.pair import NO_BUCKET
from shadow.verdict.evidence import Evidence, Flags, Integers, Numbers, OutputEvidence

STATUSES = ("OK", "INTERNAL", "UNAVAILABLE", "timed_out")
MILLISECOND = 1e6


def evidence(
    pairs: int,
    *,
    seed: int = 0,
    differing: float = 0.0,
    failing: float = 0.0,
    primary_failing: float = 0.0,
    slower: float = 1.0,
    outputs: tuple[OutputEvidence, ...] = (),
) -> Evidence:
    """Latencies are log-normal and belong together, as those of one request do; keys come equally often."""
    chance = np.random.default_rng(seed)
    size = chance.normal(0, 0.4, pairs)
    primary = 10 * MILLISECOND * np.exp(size + chance.normal(0, 0.3, pairs))
    shadow = slower * 10 * MILLISECOND * np.exp(size + chance.normal(0, 0.3, pairs))
    agrees = chance.random(pairs) >= differing
    made = Evidence(
        primary_failed=np.zeros(pairs, np.bool_),
        shadow_failed=np.zeros(pairs, np.bool_),
        primary_status=np.zeros(pairs, np.int64),
        shadow_status=np.zeros(pairs, np.int64),
        statuses=STATUSES,
        primary_latency=primary,
        shadow_latency=shadow,
        bucket=np.full(pairs, NO_BUCKET, np.int64),
        compared=np.arange(pairs),
        agrees=agrees & np.all([each.agrees for each in outputs], axis=0) if outputs else agrees,
        scores=agrees.astype(np.float64),
        outputs=outputs,
    )
    made = fail(made, chance.random(pairs) < failing)
    return fail_primary(made, chance.random(pairs) < primary_failing)


def fail(made: Evidence, which: Flags, status: str = "INTERNAL") -> Evidence:
    """The shadow fails in these pairs."""
    return replace(
        made,
        shadow_failed=made.shadow_failed | which,
        shadow_status=np.where(which, STATUSES.index(status), made.shadow_status),
        shadow_latency=np.where(which, np.nan, made.shadow_latency),
    )


def fail_primary(made: Evidence, which: Flags) -> Evidence:
    return replace(
        made,
        primary_failed=made.primary_failed | which,
        primary_status=np.where(which, STATUSES.index("INTERNAL"), made.primary_status),
        primary_latency=np.where(which, np.nan, made.primary_latency),
    )


def output(
    name: str, scores: Numbers, *, measure: str = "values", agrees: Flags | None = None, **figures: Numbers
) -> OutputEvidence:
    return OutputEvidence(name, measure, scores >= 1 if agrees is None else agrees, scores, figures)


def users(pairs: int, *, seed: int, number: int = 1_000, zipf: bool = False) -> Integers:
    """Who calls: all equally often, or the k-th most frequent 1 / k times as often as the first; in no order."""
    chance = np.random.default_rng([seed, 1])
    weight = 1 / np.arange(1, number + 1) if zipf else np.ones(number)
    return chance.permutation(number)[chance.choice(number, pairs, p=weight / weight.sum())]


def keyed(made: Evidence, who: Integers) -> Evidence:
    return replace(made, bucket=who * 7919 % 10_000)


def first(made: Evidence, pairs: int) -> Evidence:
    """What there was after so many pairs; only of evidence in which all were compared."""
    return replace(
        made,
        **{
            name: getattr(made, name)[:pairs]
            for name in (
                "primary_failed",
                "shadow_failed",
                "primary_status",
                "shadow_status",
                "primary_latency",
                "shadow_latency",
                "bucket",
                "compared",
                "agrees",
                "scores",
            )
        },
        outputs=tuple(
            replace(
                each,
                agrees=each.agrees[:pairs],
                scores=each.scores[:pairs],
                figures={name: column[:pairs] for name, column in each.figures.items()},
            )
            for each in made.outputs
        ),
    )
