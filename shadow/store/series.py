"""How it went over time: the pairs of a scope in slices of equal length."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from sqlalchemy import Connection

from shadow.pair import Outcome
from shadow.store import columns
from shadow.store.columns import Array
from shadow.store.evidence import failed, latencies
from shadow.store.values import Scope, Slice

QUANTILES: Final = {"p50": 0.5, "p99": 0.99}


def series(connection: Connection, scope: Scope, slices: int) -> tuple[Slice, ...]:
    """From the scope's bounds, or from its first pair to its last; nothing where there is no pair."""
    found = columns.read(connection, scope)
    if not found.ids.size:
        return ()
    begin = int(found.at[0]) if scope.since_ns is None else scope.since_ns
    end = int(found.at[-1]) + 1 if scope.until_ns is None else scope.until_ns
    edges = [begin + (end - begin) * part // slices for part in range(slices + 1)]
    bounds = np.searchsorted(found.at, edges)
    outcome = found.by_context([facts.outcome for facts in found.facts])
    judged = outcome != Outcome.DROPPED
    broken = [judged & found.by_context([failed(facts)[leg] for facts in found.facts]) for leg in (0, 1)]
    times = [np.where(judged, latency, np.nan) for latency in latencies(found)]
    made = []
    for at, (low, high) in enumerate(pairwise(bounds)):
        part = slice(low, high)
        names, numbers = np.unique(outcome[part], return_counts=True)
        made.append(
            Slice(
                begin=edges[at],
                end=edges[at + 1],
                outcomes={
                    Outcome(str(name)): int(number) for name, number in zip(names, numbers, strict=True)
                },
                agreeing=int((found.agrees[part] == 1).sum()),
                primary_failed=int(broken[0][part].sum()),
                shadow_failed=int(broken[1][part].sum()),
                primary_latency=quantiles(times[0][part]),
                shadow_latency=quantiles(times[1][part]),
            )
        )
    return tuple(made)


def quantiles(latency: Array) -> Mapping[str, float]:
    """Of those that are known. No interpolation: between a latency and inf there is none."""
    known = latency[~np.isnan(latency)]
    if not known.size:
        return dict.fromkeys(QUANTILES, float("nan"))
    return {
        name: float(np.quantile(known, share, method="inverted_cdf")) for name, share in QUANTILES.items()
    }
