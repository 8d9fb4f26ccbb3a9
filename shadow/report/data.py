"""The report as JSON: names that scripts may rely on (`docs/report.md`), times and latencies in seconds, shares 0 to 1.

Names are only ever added. What is not known, not a number or endless is null.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mesh.shadowing import Criteria
from shadow.report.report import (
    Accounting,
    Difference,
    Disagreement,
    Environment,
    Leg,
    Output,
    Report,
    Slice,
    Subject,
    Told,
    Variant,
    overall,
)
from shadow.report.sides import Body
from shadow.verdict.verdict import Finding, State, Verdict


def as_data(service: str, reports: Sequence[Report]) -> dict[str, Any]:
    """All of it; `state` is that of all colours together."""
    return {
        "service": service,
        "state": _state(overall(tuple(reports))),
        "reports": [_report(each) for each in reports],
    }


def _report(report: Report) -> dict[str, Any]:
    return {
        **_subject(report.subject),
        "state": _state(report.state),
        "verdict": _verdict(report.verdict),
        "criteria": _criteria(report.criteria),
        "criteria_from": report.criteria_from,
        "accounting": _accounting(report.accounting),
        "outputs": [_output(each) for each in report.outputs],
        "latency": {
            "primary": _leg(report.primary),
            "shadow": _leg(report.shadow),
            "ratio": _numbers(report.ratios),
            "edges": list(report.edges),
        },
        "errors": {"primary": _errors(report.primary), "shadow": _errors(report.shadow)},
        "noise": report.noise and {"pairs": report.noise.pairs, "agreement": report.noise.agreement},
        "series": [_slice(each) for each in report.series],
        "environment": _environment(report.environment),
        "worst": [_disagreement(each) for each in report.worst],
    }


def _state(state: State) -> str:
    return state.replace(" ", "_")


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _numbers(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in values.items()}


def _seconds(at: int | None) -> float | None:
    return None if at is None else at / 1e9


def _subject(subject: Subject) -> dict[str, Any]:
    return {
        "service": subject.service,
        "color": subject.color,
        "primary": list(subject.primary),
        "role": subject.role,
        "run": subject.run or None,
        "store": subject.store,
        "made": _seconds(subject.made),
        "period": {
            "since": _seconds(subject.since),
            "until": _seconds(subject.until),
            "first": _seconds(subject.first),
            "last": _seconds(subject.last),
        },
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "state": _state(verdict.state),
        "pairs": verdict.pairs,
        "more_pairs": verdict.more_pairs,
        "confidence": verdict.confidence,
        "findings": [_finding(each) for each in verdict.findings],
        "faults": list(verdict.faults),
        "warnings": list(verdict.warnings),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "criterion": finding.criterion,
        "state": _state(finding.state),
        "observed": _number(finding.observed),
        "low": _number(finding.interval[0]),
        "high": _number(finding.interval[1]),
        "bound": _number(finding.bound),
        "pairs": finding.pairs,
        "more_pairs": finding.more_pairs,
        "words": finding.words,
    }


def _criteria(criteria: Criteria) -> dict[str, Any]:
    return {
        "agreement": criteria.agreement,
        "scores": dict(criteria.scores),
        "errors": criteria.errors,
        "p50": criteria.p50,
        "p99": criteria.p99,
        "pairs": criteria.pairs,
        "confidence": criteria.confidence,
    }


def _accounting(accounting: Accounting) -> dict[str, Any]:
    reasons: dict[str, dict[str, int]] = {}
    for outcome, reason, count in accounting.reasons:
        reasons.setdefault(outcome, {})[reason] = count
    return {
        "mirrored": accounting.mirrored,
        "compared": accounting.compared,
        "failed": accounting.failed,
        "timed_out": accounting.timed_out,
        "dropped": accounting.dropped,
        "reasons": reasons,
    }


def _output(output: Output) -> dict[str, Any]:
    return {
        "name": output.name,
        "measure": output.measure,
        "pairs": output.pairs,
        "agreeing": output.agreeing,
        "agreement": output.agreement,
        "score": output.score,
        "worst": output.worst,
        "histogram": list(output.histogram),
        "figures": {
            each.name: {
                "pairs": each.pairs,
                "median": _number(each.median),
                "min": _number(each.low),
                "max": _number(each.high),
                "sum": _number(each.total),
            }
            for each in output.figures
        },
    }


def _leg(leg: Leg) -> dict[str, Any]:
    return {**_numbers(leg.latency), "pairs": leg.timed, "histogram": list(leg.histogram)}


def _errors(leg: Leg) -> dict[str, Any]:
    return {"pairs": leg.pairs, "failed": leg.failed, "statuses": dict(leg.statuses)}


def _slice(each: Slice) -> dict[str, Any]:
    low, high = each.interval or (None, None)
    return {
        "begin": _seconds(each.begin),
        "end": _seconds(each.end),
        "outcomes": dict(each.outcomes),
        "compared": each.compared,
        "agreeing": each.agreeing,
        "agreement": _number(each.agreement),
        "low": _number(low),
        "high": _number(high),
    }


def _environment(environment: Environment) -> dict[str, Any]:
    return {
        "primary": [_variant(each) for each in environment.primary],
        "shadow": [_variant(each) for each in environment.shadow],
        "methods": dict(environment.methods),
        "revisions": {str(revision): pairs for revision, pairs in environment.revisions},
        "sources": dict(environment.sources),
    }


def _variant(variant: Variant) -> dict[str, Any]:
    return {
        "color": variant.color,
        "endpoints": dict(variant.endpoints),
        "versions": dict(variant.versions),
    }


def _disagreement(pair: Disagreement) -> dict[str, Any]:
    return {
        "source": pair.source,
        "number": pair.number,
        "at": _seconds(pair.at),
        "method": pair.method,
        "score": _number(pair.score),
        "error": pair.error or None,
        "bucket": pair.bucket,
        "revision": pair.revision,
        "trace_id": pair.trace_id or None,
        "metadata": [list(each) for each in pair.metadata],
        "request": _body(pair.request),
        "primary": _told(pair.primary),
        "shadow": _told(pair.shadow),
        "answers": pair.other and {"primary": _body(pair.other[0]), "shadow": _body(pair.other[1])},
        "differences": [_difference(each) for each in pair.differences],
    }


def _body(body: Body) -> dict[str, Any]:
    return {
        "bytes": body.size,
        "messages": [
            [{"name": each.name, "form": each.form, "values": each.values} for each in tensors]
            for tensors in body.messages
        ],
        "text": body.text or None,
    }


def _told(told: Told) -> dict[str, Any]:
    return {
        "color": told.color,
        "status": told.status,
        "message": told.message,
        "seconds": told.latency,
        "endpoint": told.endpoint,
        "version": told.version,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "output": difference.output,
        "measure": difference.measure,
        "agrees": difference.agrees,
        "score": _number(difference.score),
        "detail": difference.detail,
        "figures": _numbers(difference.figures),
        "sides": [
            {
                "message": side.message,
                "primary": side.primary,
                "shadow": side.shadow,
                "more": side.more,
                "rows": [
                    {"place": row.place, "primary": row.primary, "shadow": row.shadow, "mark": str(row.mark)}
                    for row in side.rows
                ],
            }
            for side in difference.sides
        ],
    }
