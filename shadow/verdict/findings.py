"""What is said of a criterion. Pure."""

from shadow.verdict import words
from shadow.verdict.criterion import Criterion, Forecast
from shadow.verdict.noise import AboveNoise
from shadow.verdict.verdict import Finding, State


def pairs_finding(seen: int, asked: int) -> Finding:
    """Enough pairs or too few: no shadow is not ready for that."""
    enough = seen >= asked
    told = f"{words.plural(seen, 'pair')}, and at least {words.count(asked)} are asked for"
    return Finding(
        criterion="pairs",
        state=State.READY if enough else State.NOT_ENOUGH_DATA,
        observed=float(seen),
        interval=(float(seen), float(seen)),
        bound=float(asked),
        pairs=seen,
        more_pairs=max(0, asked - seen),
        words=told if enough else f"{told}: {words.count(asked - seen)} more",
    )


def finding_of(criterion: Criterion, forecast: Forecast) -> Finding:
    gauge, (low, high) = criterion.gauge, criterion.interval()
    state = forecast.state if forecast.more == 0 else State.NOT_ENOUGH_DATA
    return Finding(
        criterion=criterion.name,
        state=state,
        observed=gauge.observed,
        interval=(low, high),
        bound=criterion.bound,
        pairs=gauge.pairs,
        more_pairs=forecast.more,
        words=_told(criterion, low, high) + _then(criterion, forecast),
    )


def _told(criterion: Criterion, low: float, high: float) -> str:
    gauge, name, bound = criterion.gauge, criterion.name, criterion.bound
    seen = gauge.observed
    if seen is None:
        return "no pairs that say anything of it"
    pairs = words.plural(gauge.pairs, "pair")
    if name in ("p50", "p99"):
        return (
            f"{name} is {words.ratio(seen)} × the primary's in {pairs} ({words.between_ratios(low, high)}), "
            f"and at most {bound:g} × is asked for"
        )
    doubt = words.between(low, high)
    if name == "errors":
        than = "more" if seen >= 0 else "fewer"
        return (
            f"the shadow fails in {words.percent(abs(seen), high - low)} {than} of {pairs} than the primary ({doubt}), "
            f"and at most {words.asked(bound)} is asked for"
        )
    least = f"and at least {words.asked(bound)} is asked for"
    if name == "agreement":
        floor = " above the noise floor" if isinstance(gauge, AboveNoise) else ""
        return f"{words.percent(seen, high - low)} of {pairs} agree{floor} ({doubt}), {least}"
    return f"a mean score of {words.percent(seen, high - low)} in {pairs} ({doubt}), {least}"


def _then(criterion: Criterion, forecast: Forecast) -> str:
    if forecast.more == 0:
        return ""
    if forecast.more is not None:
        return f": about {words.about(forecast.more)} more would show it {forecast.state}"
    if criterion.at_least and criterion.bound >= criterion.gauge.most:
        return ": no sample can show all of something"
    return "" if criterion.gauge.observed is None else ": too near for any number of pairs"
