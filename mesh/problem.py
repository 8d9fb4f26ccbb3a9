"""What is wrong with a document an operator wrote: where, what stands there, and the rule.

Every refusal is a tuple of `Problem`s, so that the log, the status key, the history and the command show the
same words. Nothing here knows what the document is about.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WHOLE: Final = "document"
"""The path of a problem that concerns the document as a whole."""

MISSING: Final = "(missing)"
"""The value of a problem whose field is not there."""

MOST: Final = 100
"""Problems listed before the rest is only counted: the list has to fit into a key beside the edit."""

WIDTH: Final = 80
"""Characters of a value, or of a name in a path, that are shown."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken rule: `path` as in `mirror[0].percent`, `value` as it stands there, `rule` in plain words."""

    path: str
    value: str
    rule: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule} (found {self.value})"


class Invalid(Exception):
    """The document is refused for all of `problems`: at most `MOST`, then a count of the rest."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = tuple(problems)
        if len(found) > MOST:
            more = Problem(
                WHOLE, f"{len(found)} problems", f"has {len(found) - MOST} more problems than are listed"
            )
            found = (*found[:MOST], more)
        self.problems = found
        super().__init__("\n".join(map(str, found)))


def place(location: Sequence[str | int]) -> str:
    """A location as a path: `("overrides", 1, "metadata", "a")` is `overrides[1].metadata.a`."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step and step.replace("-", "").replace("_", "").isalnum() and len(step) <= WIDTH:
            path += f".{step}" if path else step
        else:
            path += f"[{shown(step)}]"
    return path or WHOLE


def shown(value: object) -> str:
    """The value in JSON, legibly, numbers as the document spelled them."""
    return legible("".join(_pieces(value, WIDTH + 1, 0)))


def legible(text: str) -> str:
    """The text on one line, cut at `WIDTH`, with nothing in it that a terminal would obey."""
    text = "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text[: WIDTH + 1])
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def _pieces(value: object, room: int, depth: int) -> Iterator[str]:
    """The value's JSON text piece by piece; numbers as the document spelled them (they are `Decimal`s)."""
    if depth > room:
        yield "…"
    elif isinstance(value, Mapping):
        yield "{"
        for number, (name, each) in enumerate(value.items()):
            yield ", " if number else ""
            yield f"{_quoted(name, room)}: "
            yield from _pieces(each, room, depth + 1)
            if number > room:
                break
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for number, each in enumerate(value):
            yield ", " if number else ""
            yield from _pieces(each, room, depth + 1)
            if number > room:
                break
        yield "]"
    elif isinstance(value, str):
        yield _quoted(value, room)
    elif isinstance(value, bool) or value is None:
        yield json.dumps(value)
    else:
        yield str(value)


def _quoted(text: str, room: int) -> str:
    return json.dumps(text[:room], ensure_ascii=False)
