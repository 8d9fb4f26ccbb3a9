"""What a verdict is reached on, from the store: `Evidence`, filled as it promises."""

from collections.abc import Mapping
from itertools import compress

import numpy as np
from sqlalchemy import Connection, select

from shadow.pair import Outcome
from shadow.store import columns, selection
from shadow.store.columns import Array, Columns, Facts
from shadow.store.rows import figure_names
from shadow.store.schema import OUTPUTS
from shadow.store.summary import accounts
from shadow.store.values import Scope
from shadow.verdict.evidence import FAILURES, Evidence, OutputEvidence

_BROKEN = (Outcome.FAILED, Outcome.TIMED_OUT)
_CANCELED = "canceled"


def evidence(connection: Connection, scope: Scope) -> Evidence:
    """Of every pair of the scope that was compared, failed or timed out."""
    found = columns.read(connection, scope)
    judged = found.by_context([facts.outcome is not Outcome.DROPPED for facts in found.facts])
    compared = np.flatnonzero(found.agrees[judged] >= 0)
    primary, shadow = ([words(facts)[leg] for facts in found.facts] for leg in (0, 1))
    statuses = tuple(sorted({*primary, *shadow}))
    primary_latency, shadow_latency = latencies(found)
    ids = found.ids[judged][compared]
    return Evidence(
        primary_failed=found.by_context([failed(facts)[0] for facts in found.facts])[judged],
        shadow_failed=found.by_context([failed(facts)[1] for facts in found.facts])[judged],
        primary_status=_integers(found, [statuses.index(word) for word in primary])[judged],
        shadow_status=_integers(found, [statuses.index(word) for word in shadow])[judged],
        statuses=statuses,
        primary_latency=primary_latency[judged],
        shadow_latency=shadow_latency[judged],
        bucket=found.bucket[judged],
        compared=compared,
        agrees=found.agrees[judged][compared].astype(np.bool_),
        scores=found.scores[judged][compared],
        outputs=_outputs(connection, scope, ids),
        dropped=_dropped(connection, scope),
    )


def words(facts: Facts) -> tuple[str, str]:
    """The status of both legs, or what stands for one that did not arrive."""
    missing = _CANCELED if facts.canceled else str(Outcome.FAILED)
    shadow = str(facts.outcome) if facts.outcome in _BROKEN else missing
    return facts.primary_status or missing, facts.shadow_status or shadow


def failed(facts: Facts) -> tuple[bool, bool]:
    """Whether each leg failed through no fault of the client's."""
    primary, shadow = words(facts)
    broken = FAILURES | {str(outcome) for outcome in _BROKEN}
    return not facts.canceled and primary in broken, shadow in broken or facts.outcome in _BROKEN


def latencies(found: Columns) -> tuple[Array, Array]:
    """Nanoseconds of both legs; nan where they say nothing, inf where the shadow timed out."""
    gone = found.by_context([facts.canceled for facts in found.facts])
    results = []
    for leg, latency in enumerate((found.primary_latency, found.shadow_latency)):
        broken = found.by_context([failed(facts)[leg] for facts in found.facts])
        results.append(np.where(gone | broken | (latency <= 0), np.nan, latency))
    late = found.by_context([facts.outcome is Outcome.TIMED_OUT for facts in found.facts])
    return results[0], np.where(late, np.inf, results[1])


def _integers(found: Columns, values: list[int]) -> Array:
    return found.by_context(values).astype(np.int64)


def _dropped(connection: Connection, scope: Scope) -> Mapping[str, int]:
    numbers: dict[str, int] = {}
    for account in accounts(connection, scope):
        if account.outcome is Outcome.DROPPED:
            numbers[account.reason] = numbers.get(account.reason, 0) + account.number
    return numbers


class _Output:
    """One output, while its rows come in any order."""

    def __init__(self, rows: int) -> None:
        self.agrees = np.ones(rows, np.bool_)
        self.scores = np.full(rows, np.nan)
        self.figures: dict[str, Array] = {}
        self.measure = ""
        self.last = -1
        """The last pair that has it."""

    def fill(self, positions: Array, agrees: Array, scores: Array, figures: Mapping[str, Array]) -> None:
        self.agrees[positions] = agrees
        self.scores[positions] = scores
        for name, values in figures.items():
            if name not in self.figures:
                self.figures[name] = np.full(self.scores.size, np.nan)
            self.figures[name][positions] = values


def _outputs(connection: Connection, scope: Scope, ids: Array) -> tuple[OutputEvidence, ...]:
    """`ids`: of the compared pairs, in the order of time."""
    query = select(OUTPUTS.c.id, OUTPUTS.c.name, OUTPUTS.c.measure, OUTPUTS.c.figures)
    kinds = {
        number: (name, measure, figure_names(figures))
        for number, name, measure, figures in connection.execute(query)
    }
    found: dict[str, _Output] = {}
    by_id = np.argsort(ids)
    ascending = ids[by_id]
    for rows in columns.batches(connection, selection.differences(scope)):
        pair_ids, output_ids, agrees, scores, blobs = zip(*rows, strict=True)
        pairs = np.array(pair_ids, np.int64)
        positions = by_id[np.minimum(np.searchsorted(ascending, pairs), ids.size - 1)]
        outputs, agree, score = np.array(output_ids), np.array(agrees, np.bool_), np.array(scores, np.float64)
        for number in np.unique(outputs).tolist():
            name, measure, names = kinds[number]
            here = outputs == number
            table = np.frombuffer(b"".join(compress(blobs, here)), "<f8").reshape(int(here.sum()), len(names))
            output = found.setdefault(name, _Output(ids.size))
            output.fill(positions[here], agree[here], score[here], dict(zip(names, table.T, strict=True)))
            if (last := int(positions[here].max())) > output.last:
                output.last, output.measure = last, measure
    return tuple(
        OutputEvidence(name, output.measure, output.agrees, output.scores, output.figures)
        for name, output in sorted(found.items())
    )
