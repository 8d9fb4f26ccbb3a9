"""What users add in Python: comparators and redactors, found by the names of their entry points.

They run in the recorder. One that raises costs the pair its comparison, or its payload, and nothing else.
"""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import Any, Final

from shadow.comparison.admitted import Refused, admitted
from shadow.comparison.difference import Comparison, Difference
from shadow.comparison.part import short
from shadow.comparison.view import View
from shadow.pair import Answer, Pair

COMPARATORS: Final = "verdigris.comparators"
"""Entry points: callables that take a `View` and give `Difference`s."""
REDACTORS: Final = "verdigris.redactors"
"""Entry points: callables that take a `Pair` and give the `Pair` to be stored."""


class NotInstalled(ValueError):
    """A comparator or redactor that is asked for by name and cannot be had: whoever asked is to be told."""


class Custom:
    """A user's comparator."""

    __slots__ = ("_name", "_user")

    def __init__(self, name: str) -> None:
        self._name = name
        self._user: Callable[[View], Iterable[Difference]] = _load(COMPARATORS, "comparator", name)

    def compare(self, pair: Pair, facts: tuple[Difference, ...]) -> Comparison:
        """`facts` and what the comparator finds; never raises, not even where that ends the process."""
        try:
            found = self._user(View(pair))
            return Comparison((*facts, *admitted(found, {each.output for each in facts})))
        except Refused as error:
            return Comparison(facts, short(f"comparator {self._name!r} gave {error}"))
        except (Exception, SystemExit) as error:
            return Comparison(facts, short(f"comparator {self._name!r} raised {told(error)}"))


@dataclass(frozen=True, slots=True)
class Redacted:
    """A pair that may be stored."""

    pair: Pair
    error: str = ""
    """Why nothing of the payload is left; empty: the redactor did its work."""


class Redactor:
    """A user's redactor."""

    __slots__ = ("_name", "_user")

    def __init__(self, name: str) -> None:
        """NotInstalled if there is none of this name."""
        self._name = name
        self._user: Callable[[Pair], Pair] = _load(REDACTORS, "redactor", name)

    def redact(self, pair: Pair) -> Redacted:
        """Never raises. Where the redactor fails, what it might have taken out is gone: bodies, metadata, messages."""
        try:
            pair_after = self._user(pair)
        except (Exception, SystemExit) as error:
            return Redacted(_bare(pair), short(f"redactor {self._name!r} raised {told(error)}"))
        rule = _broken(pair_after, pair)
        if rule:
            return Redacted(_bare(pair), short(f"redactor {self._name!r} gave {rule}"))
        return Redacted(_with(pair, pair_after))


def told(error: BaseException) -> str:
    """An exception in one line, also one whose own text raises."""
    return short(" ".join("".join(traceback.format_exception_only(error)).split()))


def _load(group: str, what: str, name: str) -> Any:
    known = entry_points(group=group)
    found = next(iter(known.select(name=name)), None)
    if found is None:
        there = ", ".join(sorted({each.name for each in known})) or "none"
        raise NotInstalled(
            f"{what} {name!r}: no installed package has an entry point of this name in {group!r} (there are: {there})"
        )
    try:
        user = found.load()
    except Exception as error:
        raise NotInstalled(f"{what} {name!r}: {found.value} could not be loaded: {told(error)}") from error
    if not callable(user):
        raise NotInstalled(f"{what} {name!r}: {found.value} is {_kind(user)}: expected a callable")
    return user


def _kind(value: object) -> str:
    return type(value).__name__


def _broken(found: object, pair: Pair) -> str:
    """What it is, and what it should be; empty if it is the pair, with what a redactor may change of the right kind."""
    if not isinstance(found, Pair) or found.id != pair.id:
        return f"{_kind(found)}: expected the same pair, redacted"
    for leg, answer in (("primary", found.primary), ("shadow", found.shadow)):
        if not isinstance(answer, Answer):
            return f"{_kind(answer)} as {leg}: expected an Answer"
        if not (answer.body is None or isinstance(answer.body, bytes)):
            return f"{_kind(answer.body)} as body of the {leg}: expected bytes or None"
        if not isinstance(answer.message, str):
            return f"{_kind(answer.message)} as message of the {leg}: expected str"
    if not (found.request is None or isinstance(found.request, bytes)):
        return f"{_kind(found.request)} as request: expected bytes or None"
    if not isinstance(found.metadata, tuple) or not all(map(_is_metadata, found.metadata)):
        return "metadata that is no tuple of (str, str)"
    return ""


def _is_metadata(field: object) -> bool:
    return isinstance(field, tuple) and len(field) == 2 and all(isinstance(each, str) for each in field)


def _with(pair: Pair, redacted: Pair) -> Pair:
    """The pair with what a redactor may change: what was said, not what became of it."""
    primary, shadow = (
        replace(before, body=after.body, message=after.message)
        for before, after in ((pair.primary, redacted.primary), (pair.shadow, redacted.shadow))
    )
    return replace(pair, primary=primary, shadow=shadow, request=redacted.request, metadata=redacted.metadata)


def _bare(pair: Pair) -> Pair:
    primary, shadow = (replace(each, body=None, message="") for each in (pair.primary, pair.shadow))
    return replace(pair, primary=primary, shadow=shadow, request=None, metadata=())
