"""The forms of what a traffic document says of its shadows, and the rules between them.

Each form gives its value: the defaults stand there, in `mesh.shadowing`, and nowhere else.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainValidator

from mesh import shadowing_rules as rules
from mesh.problem import Problem, place, shown
from mesh.shadowing import (
    CLASS,
    IGNORED,
    MEASURES,
    PAYLOADS,
    RANKING,
    SET,
    VALUES,
    Compare,
    Criteria,
    OutputRule,
    Record,
)
from mesh.strict_form import Form
from mesh.traffic_rules import one_of, weight

Share = Annotated[float, PlainValidator(rules.share)]
Tolerance = Annotated[float, PlainValidator(rules.tolerance)]
Ratio = Annotated[float | None, PlainValidator(rules.ratio)]
OutputName = Annotated[str, AfterValidator(rules.output)]

_RECORD: Final = Record()
_RULE: Final = OutputRule()
_CRITERIA: Final = Criteria()


class RecordForm(Form):
    percent: Annotated[int, PlainValidator(weight)] = _RECORD.weight
    payloads: Annotated[str, AfterValidator(one_of(*PAYLOADS))] = _RECORD.payloads
    largest: Annotated[int, PlainValidator(rules.size)] = _RECORD.largest

    def value(self) -> Record:
        return Record(self.percent, self.payloads, self.largest)


class OutputForm(Form):
    measure: Annotated[str, AfterValidator(one_of(*MEASURES)), Field(alias="as")] = _RULE.measure
    rtol: Tolerance = _RULE.rtol
    atol: Tolerance = _RULE.atol
    top: Annotated[int, PlainValidator(rules.top)] = _RULE.top
    overlap: Share = _RULE.overlap

    def value(self) -> OutputRule:
        return OutputRule(self.measure, self.rtol, self.atol, self.top, self.overlap)


class CompareForm(Form):
    outputs: dict[OutputName, OutputForm] = Field(default_factory=dict)
    comparator: Annotated[str, AfterValidator(rules.comparator)] = ""

    def value(self) -> Compare:
        return Compare(tuple((name, each.value()) for name, each in self.outputs.items()), self.comparator)


class CriteriaForm(Form):
    agreement: Share = _CRITERIA.agreement
    scores: dict[OutputName, Share] = Field(default_factory=dict)
    errors: Share = _CRITERIA.errors
    p50: Ratio = _CRITERIA.p50
    p99: Ratio = _CRITERIA.p99
    pairs: Annotated[int, PlainValidator(rules.pairs)] = _CRITERIA.pairs
    confidence: Annotated[float, PlainValidator(rules.confidence)] = _CRITERIA.confidence

    def value(self) -> Criteria:
        return Criteria(
            agreement=self.agreement,
            scores=tuple(self.scores.items()),
            errors=self.errors,
            p50=self.p50,
            p99=self.p99,
            pairs=self.pairs,
            confidence=self.confidence,
        )


_MEANT_FOR: Final = {
    "rtol": (VALUES, CLASS, RANKING),
    "atol": (VALUES, CLASS, RANKING),
    "top": (RANKING,),
    "overlap": (RANKING, SET),
}
"""The measures that each setting of an output belongs to: besides any other it would be silently without effect."""


def between(tree: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong between the fields of a document, whose single fields may be wrong too."""
    outputs = _objects(_object(tree.get("compare")).get("outputs"))
    for name, output in outputs.items():
        measure = output.get("as")
        for setting, measures in _MEANT_FOR.items():
            if setting in output and measure in MEASURES and measure not in measures:
                rule = (
                    f"means nothing where an output is compared as {measure}: it is for {_either(measures)}"
                )
                yield Problem(place(("compare", "outputs", name, setting)), shown(output[setting]), rule)
    for name, least in _object(_object(tree.get("criteria")).get("scores")).items():
        if name in outputs and outputs[name].get("as") == IGNORED:
            rule = f"can never hold: {place(('compare', 'outputs', name, 'as'))} says that it is ignored"
            yield Problem(place(("criteria", "scores", name)), shown(least), rule)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in _object(value).items() if isinstance(each, dict)}


def _either(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
