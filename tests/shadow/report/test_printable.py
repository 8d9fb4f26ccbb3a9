"""Nothing in a report is a command to a terminal."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

from shadow.report.printable import printable
from tests.shadow.report import example

ESCAPE = "\x1b[2J\x9b1m\u202e"


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in texts(each)]
    if isinstance(value, tuple):
        return [text for each in value for text in texts(each)]
    if is_dataclass(value):
        return [text for field in fields(value) for text in texts(getattr(value, field.name))]
    return []


def test_escapes_are_spelled_wherever_they_stand() -> None:
    made = example.report()
    worst = replace(made.worst[0], method=ESCAPE, metadata=((ESCAPE, ESCAPE),))
    output = replace(made.outputs[0], name=ESCAPE)
    verdict = replace(made.verdict, faults=(ESCAPE,))
    primary = replace(made.primary, statuses=((ESCAPE, 1),), latency={ESCAPE: 1.0})
    bad = replace(made, worst=(worst,), outputs=(output,), verdict=verdict, primary=primary)
    good = printable(bad)
    assert good.verdict.faults == ("\\u001b[2J\\u009b1m\\u202e",)
    assert all(text.replace("\n", "").isprintable() for text in texts(good))


def test_what_is_printable_stays_as_it_is() -> None:
    made = example.report()
    assert printable(made) == made
