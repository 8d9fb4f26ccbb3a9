"""JSON read strictly: bytes into a tree, with what `json` would let pass silently reported as problems.

Numbers come as `Decimal`, exactly as spelled: 33.33 stays 33.33. `NaN` and `Infinity`, which Python takes for
JSON, come as Decimals that are not finite, for the reader of the field to refuse. A UTF-8 byte-order mark and
white space around the document are passed over: editors and `consul kv put @file` leave them there.
"""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from mesh.problem import WHOLE, Invalid, Problem, legible, place, shown

LARGEST: Final = 64 * 1024
"""Bytes. Consul refuses values above 512 KiB; history and status keep copies, and a person has to read it."""

DEEPEST: Final = 32
"""Levels of nesting; the deepest legal place of a traffic document is the fourth."""

Location = tuple[str | int, ...]


class Object(dict[str, Any]):
    """A JSON object that remembers which of its names were written more than once."""

    repeated: tuple[str, ...] = ()


def decode(raw: bytes) -> tuple[Object, list[Problem]]:
    """The object in `raw` and what is wrong with its spelling; `Invalid` if there is no object in it."""
    if len(raw) > LARGEST:
        raise _refusal(f"{len(raw)} bytes", f"is larger than {LARGEST} bytes")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refusal("UTF-16", "is not UTF-8: save the file as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = raw[error.start : error.start + 4].hex(" ")
        raise _refusal(found, f"is not UTF-8 at byte {error.start}: save the file as UTF-8") from None
    if not text.strip():
        raise _refusal(shown(text), 'is empty: write at least {"split": {"blue": 100}}, or delete the key')
    try:
        tree = json.loads(
            text, parse_float=_number, parse_int=_number, parse_constant=Decimal, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        raise _refusal(
            _excerpt(error), f"is not JSON at line {error.lineno} column {error.colno}: {error.msg}"
        ) from None
    except RecursionError:
        raise _refusal(shown(text[:20]), f"is nested deeper than {DEEPEST} levels") from None
    if not isinstance(tree, Object):
        raise _refusal(shown(tree), 'must be a JSON object, such as {"split": {"blue": 100}}')
    return tree, list(_misspelled(tree))


def _refusal(value: str, rule: str) -> Invalid:
    return Invalid([Problem(WHOLE, value, rule)])


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond 10^18
        return Decimal("Infinity")


def _object(pairs: list[tuple[str, Any]]) -> Object:
    made = Object(pairs)
    if len(made) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        made.repeated = tuple(name for name in made if counts[name] > 1)
    return made


def _excerpt(error: json.JSONDecodeError) -> str:
    line = error.doc.split("\n")[error.lineno - 1]
    begin, end = max(0, error.colno - 30), error.colno + 30
    around = ("…" if begin else "") + line[begin:end].strip() + ("…" if line[end:] else "")
    return legible(around) or "nothing more"


def _misspelled(tree: Object) -> Iterator[Problem]:
    """Repeated names, broken characters and too deep nesting, wherever they stand."""
    places: list[tuple[Location, Any]] = [((), tree)]
    while places:
        location, value = places.pop()
        if len(location) > DEEPEST:
            raise _refusal(shown(location[0]), f"is nested deeper than {DEEPEST} levels")
        if isinstance(value, Object):
            for name in value.repeated:
                rule = "stands more than once, and JSON would silently keep only the last: keep one"
                yield Problem(place((*location, name)), shown(value[name]), rule)
            for name in value:
                if _broken(name):
                    yield Problem(
                        place((*location, name)), shown(name), "holds half a character (a lone surrogate)"
                    )
            places.extend(((*location, name), each) for name, each in reversed(value.items()))
        elif isinstance(value, list):
            places.extend(((*location, number), each) for number, each in reversed(list(enumerate(value))))
        elif isinstance(value, str) and _broken(value):
            yield Problem(place(location), shown(value), "holds half a character (a lone surrogate)")


def _broken(text: str) -> bool:
    return any("\ud800" <= each <= "\udfff" for each in text)
