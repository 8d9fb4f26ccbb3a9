"""How it went over time: pairs by outcome, and the agreement of all so far with its confidence sequence. Pure."""

from collections.abc import Sequence

import numpy as np

from mesh.shadowing import Criteria
from shadow.pair import Outcome
from shadow.report.report import Slice
from shadow.store.values import Slice as Stored
from shadow.verdict.criteria import agreeing, answered, criteria_of
from shadow.verdict.evidence import Evidence
from shadow.verdict.tally import Tally


def course(slices: Sequence[Stored], evidence: Evidence, criteria: Criteria) -> tuple[Slice, ...]:
    """The slices in order of time. What agrees, and how sure that is, is what the criterion `agreement` counts."""
    counts, agrees = answered(evidence), agreeing(evidence, criteria)
    risk = criteria_of(evidence, None, criteria)[0].risk
    made, position, pairs, hits = [], 0, 0, 0
    for each in slices:
        here = slice(position, position + each.outcomes.get(Outcome.COMPARED, 0))
        compared = int(np.count_nonzero(counts[here]))
        agreed = int(np.count_nonzero(counts[here] & agrees[here]))
        position, pairs, hits = here.stop, pairs + compared, hits + agreed
        so_far = Tally.of_share(hits, pairs)
        made.append(
            Slice(
                begin=each.begin,
                end=each.end,
                outcomes={str(outcome): count for outcome, count in each.outcomes.items()},
                agreeing=agreed,
                compared=compared,
                interval=(so_far.low(risk.ready), so_far.high(risk.not_ready)) if pairs else None,
                agreement=so_far.mean,
            )
        )
    return tuple(made)
