"""Reports made by hand: what a shadow of a recommender says, and one whose model returns hostile strings."""

import math
from dataclasses import replace

from mesh.shadowing import Criteria
from shadow.report.report import (
    Accounting,
    Difference,
    Disagreement,
    Environment,
    Figure,
    Leg,
    Noise,
    Output,
    Report,
    Slice,
    Subject,
    Told,
    Variant,
)
from shadow.report.sides import Body, Mark, Row, Side, Tensor
from shadow.verdict.verdict import Finding, State, Verdict

BEGIN = 1_790_000_000_000_000_000
SECOND = 1_000_000_000
TRACE = "0af7651916cd43dd8448eb211c80319c"
HOSTILE = "<script>alert('x')</script><img src=http://evil.example/x onerror=alert(1)>&\"'"


def finding(criterion: str, state: State, observed: float, low: float, high: float, bound: float) -> Finding:
    more = 0 if state is not State.NOT_ENOUGH_DATA else 420
    return Finding(
        criterion, state, observed, (low, high), bound, 9_870, more, f"{criterion} is what it says"
    )


def verdict(state: State = State.NOT_READY) -> Verdict:
    findings = (
        finding("pairs", State.READY, 9_870, 9_870, 9_870, 300),
        finding("agreement", State.READY, 0.9973, 0.995, 0.9989, 0.99),
        finding("scores items", state, 0.5423, 0.531, 0.553, 0.6),
        finding("errors", State.READY, 0.0012, -0.0002, 0.0031, 0.005),
        finding("p50", State.READY, 1.04, 1.02, 1.06, 2.0),
        finding("p99", State.NOT_ENOUGH_DATA, 1.83, 1.4, 2.31, 2.0),
    )
    faults = ("output scores: every value is 1.10 × the primary's", "5.1 × slower (median)")
    warned = ("420 of 9,900 shadows were dropped: in_flight",)
    return Verdict(state, findings, faults, warned, 9_870, 420, 0.95)


def sides() -> tuple[Side, ...]:
    first = [Row(str(at), str(318 + at), str(318 + at), Mark.SAME) for at in range(8)]
    rows = (*first, Row("8", "319", "2571", Mark.DIFFERENT), Row("9", "858", "50", Mark.MOVED))
    return (Side(0, "INT64 [10]", "INT64 [10]", rows),)


def scores() -> tuple[Side, ...]:
    rows = tuple(
        Row(str(at), f"{4.5 - at / 10:.6g}", f"{(4.5 - at / 10) * 1.1:.6g}", Mark.DIFFERENT, "+0.45 (+10 %)")
        for at in range(10)
    )
    return (Side(0, "FP32 [10]", "FP32 [10]", rows, 6),)


def disagreement(number: int, score: float) -> Disagreement:
    return Disagreement(
        source="splitter-1:4711:1",
        number=number,
        at=BEGIN + number * SECOND,
        method="/inference.GRPCInferenceService/ModelInfer",
        score=score,
        primary=Told("blue", "OK", "", 0.0021, "127.0.0.1:8011", "v2"),
        shadow=Told("green", "OK", "", 0.0034, "127.0.0.1:8012", "v3"),
        differences=(
            Difference(
                "items", "ranking", False, score, "3 of 10 in both", {"common": 3, "top": 10}, sides()
            ),
            Difference("scores", "values", False, 0.0, "10 of 10 out of tolerance", {"scale": 1.1}, scores()),
            Difference("status", "status", True, 1.0),
        ),
        request=Body(((Tensor("user", "INT64 [1]", "547"),),), size=61),
        metadata=(("x-user-id", "547"), ("user-agent", "grpc-python/1.81")),
        bucket=4712,
        revision=41,
        trace_id=TRACE,
    )


def series(count: int = 40) -> tuple[Slice, ...]:
    made, pairs, agreeing = [], 0, 0
    for at in range(count):
        here = 220 + round(60 * math.sin(at / 6))
        good = round(here * (0.99 if at < 25 else 0.9))
        pairs, agreeing = pairs + here, agreeing + good
        rate = agreeing / pairs
        width = 1.8 * math.sqrt(0.25 / pairs)
        outcomes = {
            "compared": here,
            "failed": 2 * (at == 30),
            "timed_out": at // 20,
            "dropped": 10 * (at == 12),
        }
        made.append(
            Slice(
                BEGIN + at * 90 * SECOND,
                BEGIN + (at + 1) * 90 * SECOND,
                outcomes,
                agreeing=good,
                compared=here,
                interval=(rate - width, min(1.0, rate + width)),
                agreement=rate,
            )
        )
    return tuple(made)


def bell(center: float, edges: tuple[float, ...], count: int = 9_800) -> tuple[int, ...]:
    weights = [math.exp(-((math.log10(edge / center)) ** 2) / 0.02) for edge in edges[:-1]]
    return tuple(round(count * each / sum(weights)) for each in weights)


def report(state: State = State.NOT_READY) -> Report:
    """Everything there is."""
    edges = tuple(10 ** (-3.3 + at / 20) for at in range(49))
    quantiles = {"p50": 0.0021, "p90": 0.0034, "p99": 0.0102, "p99.9": 0.021}
    return Report(
        subject=Subject(
            service="recommender",
            color="green",
            primary=("blue",),
            since=BEGIN,
            first=BEGIN,
            last=BEGIN + 3_600 * SECOND,
            store="sqlite:///.run/up/shadow.db",
            made=BEGIN + 3_700 * SECOND,
        ),
        verdict=verdict(state),
        criteria=Criteria(scores=(("items", 0.6),)),
        criteria_from="the document in Consul, revision 41",
        accounting=Accounting(
            9_800,
            42,
            28,
            30,
            (("dropped", "in_flight", 27), ("dropped", "bytes", 3), ("failed", "reset", 42)),
        ),
        outputs=(
            Output(
                "items",
                "ranking",
                9_800,
                120,
                0.5423,
                0.0,
                (
                    Figure("common", 5, 0, 10, 53_145, 9_800),
                    Figure("top", 10, 10, 10, 98_000, 9_800),
                    Figure("correlation", 0.71, -0.4, 1, 6_900, 9_800),
                ),
                (
                    10,
                    40,
                    90,
                    200,
                    260,
                    410,
                    700,
                    900,
                    1100,
                    1300,
                    1200,
                    1000,
                    900,
                    600,
                    400,
                    250,
                    150,
                    100,
                    60,
                    10,
                    120,
                ),
            ),
            Output(
                "scores",
                "values",
                9_800,
                0,
                0.0,
                0.0,
                (
                    Figure("max_abs", 0.44, 0.2, 0.6, 4_000, 9_800),
                    Figure("max_rel", 0.1, 0.1, 0.1, 980, 9_800),
                    Figure("scale", 1.1, 1.1, 1.1, 10_780, 9_800),
                ),
                (9_800, *(0,) * 20),
            ),
            Output("status", "status", 9_842, 9_830, 0.9988, 0.0, (), (12, *(0,) * 19, 9_830)),
        ),
        primary=Leg(
            9_870, quantiles, 9_868, (("OK", 9_868), ("INVALID_ARGUMENT", 2)), 0, bell(0.0021, edges)
        ),
        shadow=Leg(
            9_870,
            {**{name: value * 1.6 for name, value in quantiles.items()}, "p99.9": None},
            9_800,
            (("OK", 9_798), ("failed", 42), ("timed_out", 28), ("INTERNAL", 2)),
            72,
            bell(0.0034, edges),
        ),
        edges=edges,
        ratios={"p50": 1.6, "p90": 1.6, "p99": 1.6, "p99.9": None},
        series=series(),
        environment=Environment(
            primary=(
                Variant("blue", (("127.0.0.1:8011", 5_000), ("127.0.0.1:8021", 4_870)), (("v2", 9_870),)),
            ),
            shadow=(Variant("green", (("127.0.0.1:8012", 9_870),), (("v3", 9_000), ("v3.1", 870))),),
            methods=(("/inference.GRPCInferenceService/ModelInfer", 9_870),),
            revisions=((41, 9_000), (38, 870)),
            sources=(("splitter-1:4711:1", 9_870),),
        ),
        worst=tuple(disagreement(at + 1, at / 20) for at in range(5)),
        noise=Noise(980, 0.9990),
    )


def empty() -> Report:
    """Of a shadow that has not been sent anything yet."""
    nothing = Verdict(
        State.NOT_ENOUGH_DATA,
        (
            Finding("pairs", State.NOT_ENOUGH_DATA, 0, (0, 0), 300, 0, 300, "0 of 300 pairs"),
            Finding("agreement", State.NOT_ENOUGH_DATA, None, (0, 1), 0.99, 0, None, "no pairs yet"),
        ),
        (),
        (),
        0,
        300,
        0.95,
    )
    return Report(Subject("recommender", "green"), nothing, Criteria(), "the defaults")


def hostile() -> Report:
    """Every text that a model, a client or a document can choose is an attempt to leave its place."""
    made = report()
    one = made.worst[0]
    told = replace(one.primary, message=HOSTILE, endpoint=HOSTILE, version=HOSTILE, status=HOSTILE)
    row = Row("0", HOSTILE, HOSTILE, Mark.DIFFERENT, HOSTILE)
    difference = Difference(
        HOSTILE, HOSTILE, False, 0.0, HOSTILE, {HOSTILE: 1.0}, (Side(0, HOSTILE, HOSTILE, (row,)),)
    )
    worst = replace(
        one,
        method=HOSTILE,
        source=HOSTILE,
        primary=told,
        shadow=told,
        differences=(difference,),
        request=Body(((Tensor(HOSTILE, HOSTILE, HOSTILE),),), HOSTILE),
        other=(Body((), HOSTILE), Body((), HOSTILE)),
        metadata=((HOSTILE, HOSTILE),),
        trace_id=HOSTILE,
        error=HOSTILE,
    )
    return replace(
        made,
        subject=replace(made.subject, service=HOSTILE, color=HOSTILE, primary=(HOSTILE,), store=HOSTILE),
        verdict=replace(
            made.verdict,
            faults=(HOSTILE,),
            warnings=(HOSTILE,),
            findings=tuple(
                replace(each, criterion=f"scores {HOSTILE}", words=HOSTILE) for each in made.verdict.findings
            ),
        ),
        accounting=replace(made.accounting, reasons=(("dropped", HOSTILE, 1),)),
        outputs=tuple(
            replace(each, name=HOSTILE, measure=HOSTILE, figures=(Figure(HOSTILE, 1, 1, 1, 1, 1),))
            for each in made.outputs
        ),
        primary=replace(made.primary, statuses=((HOSTILE, 1),)),
        environment=Environment(
            (Variant(HOSTILE, ((HOSTILE, 1),), ((HOSTILE, 1),)),),
            (Variant(HOSTILE, ((HOSTILE, 1),), ((HOSTILE, 1),)),),
            ((HOSTILE, 1),),
            ((1, 1),),
            ((HOSTILE, 1),),
        ),
        worst=(worst,),
        criteria_from=HOSTILE,
    )
