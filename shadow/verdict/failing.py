"""A shadow that fails where the primary answers, by name. Pure."""

import numpy as np

from shadow.verdict import words
from shadow.verdict.criteria import errors
from shadow.verdict.evidence import Evidence
from shadow.verdict.recurrence import recurrence


def failing(evidence: Evidence, error: float) -> tuple[str, ...]:
    """Named once the shadow surely fails more often than the primary.

    Only pairs count in which one of them fails: if both are alike, it is either as often. `error` bounds, at any
    time, the chance of naming it then.
    """
    gauge = errors(evidence)
    if not gauge.above(0.0, error, gauge.pairs):
        return ()
    fails = evidence.shadow_failed & ~evidence.primary_failed
    number = int(np.count_nonzero(fails))
    by_status = np.bincount(evidence.shadow_status[fails], minlength=len(evidence.statuses))
    named = [
        (int(by_status[each]), evidence.statuses[each]) for each in np.argsort(-by_status, kind="stable")
    ]
    named = [(times, status) for times, status in named if times]
    how = f" with {named[0][1]}" if len(named) == 1 else ""
    listed = "" if how else ": " + ", ".join(f"{words.count(times)} {status}" for times, status in named)
    told = f"{words.percent(number / evidence.pairs)} of {words.plural(evidence.pairs, 'pair')}"
    where = recurrence(fails, evidence.bucket)
    return (f"{told} fail{how} where the primary answers{listed}" + (f"; {where}" if where else ""),)
