"""Reads one shadow's pairs from the store and puts together its report.

All questions are asked of the store, all decisions are made elsewhere: the verdict by `shadow.verdict`, the figures by
`figures`, what a pair looks like by `disagreements`.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mesh import contract
from mesh.shadowing import Criteria
from shadow.pair import REPLAY, Outcome
from shadow.report import figures
from shadow.report.course import course
from shadow.report.disagreements import worst
from shadow.report.printable import printable
from shadow.report.report import Accounting, Environment, Noise, Report, Subject, Variant
from shadow.store.store import Store
from shadow.store.values import Account, Instance, Scope
from shadow.store.values import Environment as Found
from shadow.verdict.evidence import Evidence
from shadow.verdict.judge import judge

SLICES: Final = 60
"""Of the period, in the plots over time."""
_READ: Final = 50
"""Disagreements that are read at least, more than are shown: the same request comes again, and many are equally bad."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is wanted of. Times are nanoseconds of Unix time."""

    service: str
    color: str
    role: str = contract.ROLE_SHADOW
    run: str = ""
    """The source of a replay."""
    since: int | None = None
    until: int | None = None
    worst: int = 10
    """So many disagreements at most."""


def gather(store: Store, asked: Question, criteria: Criteria, *, criteria_from: str, now: int) -> Report:
    """The report; StoreError if the store cannot be read."""
    scope = Scope(
        asked.service, asked.color, asked.role, asked.since, asked.until, asked.run if asked.run else None
    )
    evidence = store.evidence(scope)
    found = store.environment(scope)
    colors = tuple(dict.fromkeys(each.color for each in found.primary))
    noise = _noise(store, scope, colors)
    edges = figures.edges(evidence.primary_latency, evidence.shadow_latency)
    primary, shadow = figures.primary(evidence, edges), figures.shadow(evidence, edges)
    made = Report(
        subject=Subject(
            service=asked.service,
            color=asked.color,
            primary=colors,
            role=asked.role,
            run=asked.run,
            since=asked.since,
            until=asked.until,
            first=found.first,
            last=found.last,
            store=store.name,
            made=now,
        ),
        verdict=judge(_judged(evidence, asked.role), noise, criteria),
        criteria=criteria,
        criteria_from=criteria_from,
        accounting=_accounting(store.accounts(scope)),
        outputs=figures.outputs(evidence),
        primary=primary,
        shadow=shadow,
        edges=edges,
        ratios=figures.ratios(primary, shadow),
        series=course(store.series(scope, SLICES), evidence, criteria),
        environment=_environment(found),
        worst=worst(store.worst(scope, max(_READ, 5 * asked.worst)), asked.worst),
        noise=_noise_told(noise),
    )
    return printable(made)


def _judged(evidence: Evidence, role: str) -> Evidence:
    """Of a replay without latencies: the shadow's are those of another client at another load, and would be a fault."""
    if role != REPLAY:
        return evidence
    unknown = np.full(evidence.pairs, np.nan)
    return replace(evidence, primary_latency=unknown, shadow_latency=unknown)


def _noise(store: Store, scope: Scope, colors: tuple[str, ...]) -> Evidence | None:
    """What the primary's colour says of itself, in the same period; of a replay there is none of its own."""
    for color in colors:
        wanted = replace(scope, color=color, role=contract.ROLE_NOISE, source=None)
        if scope.role == REPLAY:
            wanted = replace(wanted, since_ns=None, until_ns=None)
        found = store.evidence(wanted)
        if found.pairs:
            return found
    return None


def _noise_told(noise: Evidence | None) -> Noise | None:
    if noise is None or not noise.agrees.size:
        return None
    return Noise(int(noise.agrees.size), float(np.mean(noise.agrees)))


def _accounting(accounts: tuple[Account, ...]) -> Accounting:
    totals = dict.fromkeys(Outcome, 0)
    reasons: dict[tuple[str, str], int] = {}
    for each in accounts:
        totals[each.outcome] += each.number
        if each.reason:
            key = (str(each.outcome), each.reason)
            reasons[key] = reasons.get(key, 0) + each.number
    return Accounting(
        compared=totals[Outcome.COMPARED],
        failed=totals[Outcome.FAILED],
        timed_out=totals[Outcome.TIMED_OUT],
        dropped=totals[Outcome.DROPPED],
        reasons=tuple(
            (outcome, reason, count)
            for (outcome, reason), count in sorted(reasons.items(), key=lambda each: (each[0][0], -each[1]))
        ),
    )


def _environment(found: Found) -> Environment:
    return Environment(
        primary=_variants(found.primary),
        shadow=_variants(found.shadow),
        methods=found.methods,
        revisions=found.revisions,
        sources=found.sources,
    )


def _variants(instances: tuple[Instance, ...]) -> tuple[Variant, ...]:
    """One per colour: its endpoints and its versions, each with how many pairs it answered."""
    made = []
    for color in dict.fromkeys(each.color for each in instances):
        endpoints: dict[str, int] = {}
        versions: dict[str, int] = {}
        for each in instances:
            if each.color == color:
                endpoint, version = each.endpoint or "(none reached)", each.version or "(not told)"
                endpoints[endpoint] = endpoints.get(endpoint, 0) + each.pairs
                versions[version] = versions.get(version, 0) + each.pairs
        made.append(Variant(color, _frequent(endpoints), _frequent(versions)))
    return tuple(made)


def _frequent(counts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda each: -each[1]))
