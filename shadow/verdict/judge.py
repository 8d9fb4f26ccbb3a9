"""Whether a shadow's colour is ready. Pure.

Ready if every criterion is beyond doubt on the good side of its bound, not ready if one is beyond doubt on the bad
side, and not enough data otherwise. Doubt is what confidence sequences leave: whoever looks after every pair, and
stops when he likes what he sees, is told wrong things no more often than who looks once (docs/verdict.md,
docs/decisions/0010).
"""

from mesh.shadowing import Criteria
from shadow.verdict.cautions import cautions_of
from shadow.verdict.criteria import criteria_of
from shadow.verdict.criterion import Forecast
from shadow.verdict.evidence import Evidence
from shadow.verdict.faults import faults_of
from shadow.verdict.findings import finding_of, pairs_finding
from shadow.verdict.verdict import Finding, State, Verdict


def judge(evidence: Evidence, noise: Evidence | None, criteria: Criteria) -> Verdict:
    """`noise` is the evidence of the primary's own colour against itself, if it was mirrored."""
    judged = criteria_of(evidence, noise, criteria)
    forecasts = [each.forecast() for each in judged]
    findings = (
        pairs_finding(evidence.pairs, criteria.pairs),
        *(finding_of(each, forecast) for each, forecast in zip(judged, forecasts, strict=True)),
    )
    return Verdict(
        state=overall(findings),
        findings=findings,
        faults=faults_of(evidence, noise, criteria),
        warnings=cautions_of(evidence, noise, criteria),
        pairs=evidence.pairs,
        more_pairs=_more(findings, forecasts),
        confidence=criteria.confidence,
    )


def overall(findings: tuple[Finding, ...]) -> State:
    states = {each.state for each in findings}
    if State.NOT_READY in states:
        return State.NOT_READY
    return State.NOT_ENOUGH_DATA if State.NOT_ENOUGH_DATA in states else State.READY


def _more(findings: tuple[Finding, ...], forecasts: list[Forecast]) -> int | None:
    """The first criterion that fails decides; if none will, the last that passes."""
    failing = [each.more for each in forecasts if each.state == State.NOT_READY and each.more is not None]
    if failing:
        return min(failing)
    passing = [each.more_pairs for each in findings]
    return None if None in passing else max(each for each in passing if each is not None)
