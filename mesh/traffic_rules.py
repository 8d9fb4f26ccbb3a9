"""The rules of single values in a traffic document: percentages, times, colours, metadata, methods, text.

Each function returns the value in its normal form or raises `ValueError` with the rule in plain words.
Binary metadata (`-bin`) is refused for keys and overrides: on the wire it is base64 with or without padding,
so one value has several spellings, and one user would have several buckets.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from difflib import get_close_matches
from typing import Final

from mesh import contract

GRAIN: Final = 10_000
"""Hundredths of a percent in the whole."""

DEFAULT_TIMEOUT: Final = 10.0
"""Seconds a shadow may take: its own deadline, longer than most calls and never the client's remainder."""

LONGEST_TIMEOUT_MS: Final = 600_000
LONGEST_NOTE: Final = 500
LONGEST_SALT: Final = 128
LONGEST_NAME: Final = 256
"""Of an output of a model, or of a comparator."""

_METADATA: Final = re.compile(r"[0-9a-z_.-]+")
_METHOD: Final = re.compile(r"/[A-Za-z0-9_.-]+/(\*|[A-Za-z0-9_.-]+)")
_TIMEOUT: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m)")
_UNIT_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000}


def weight(value: object) -> int:
    """A percentage as hundredths of a percent, 0 to `GRAIN`, exactly."""
    if not isinstance(value, Decimal) or not value.is_finite() or not 0 <= value <= 100:
        raise ValueError("must be a number from 0 to 100 (not a string, not true or false)")
    hundredths = int((value * 100).to_integral_value())
    if Decimal(hundredths).scaleb(-2) != value:  # exact, whatever the digits
        raise ValueError("has a finer grain than 0.01: percentages go in steps of 0.01")
    return hundredths


def timeout(value: object) -> float:
    """`2s`, `500ms`, `1m` as seconds."""
    matched = _TIMEOUT.fullmatch(value) if isinstance(value, str) else None
    if not matched:
        raise ValueError('must be a time with its unit, such as "2s", "500ms" or "1m"')
    milliseconds = Decimal(matched[1]) * _UNIT_MS[matched[2]]
    if milliseconds != int(milliseconds) or not 1 <= milliseconds <= LONGEST_TIMEOUT_MS:
        raise ValueError("must be from 1ms to 10m, in whole milliseconds")
    return int(milliseconds) / 1000


def color(text: str) -> str:
    if not contract.COLOR.fullmatch(text):
        raise ValueError("is no colour: a lower-case letter, then at most 31 lower-case letters, digits or -")
    if text == contract.TAG:
        raise ValueError(f"is no colour: every server of the mesh carries the tag {contract.TAG}")
    return text


def metadata_name(text: str) -> str:
    if text.startswith(":"):
        raise ValueError("is a pseudo header of HTTP/2, not metadata")
    if not _METADATA.fullmatch(text):
        raise ValueError("is no metadata name: lower-case letters, digits, - _ and . only")
    if text.startswith("grpc-") or text in ("content-type", "te"):
        raise ValueError("is reserved by gRPC: no client can send it as metadata")
    if text.endswith("-bin"):
        raise ValueError(
            "is binary metadata, whose values have several spellings on the wire: use a text name"
        )
    return text


def metadata_value(text: str) -> str:
    if not text or text != text.strip(" ") or not all(" " <= each <= "~" for each in text):
        raise ValueError("is no metadata value: printable ASCII, not empty, no space at either end")
    return text


def method(text: str) -> str:
    if not _METHOD.fullmatch(text):
        raise ValueError(
            'must be "/package.Service/Method", or "/package.Service/*" for all methods of a service'
        )
    return text


def salt(text: str) -> str:
    return limited(text, LONGEST_SALT)


def note(text: str) -> str:
    return limited(text, LONGEST_NOTE)


def limited(text: str, longest: int) -> str:
    """Text of at most so many characters, none of which a terminal would obey."""
    if len(text) > longest:
        raise ValueError(f"has {len(text)} characters; at most {longest} are allowed")
    if not text.replace("\n", "").replace("\t", "").isprintable():
        raise ValueError("holds control characters")
    return text


def one_of(*names: str) -> Callable[[str], str]:
    """The rule of a value that is one of these words."""

    def rule(text: str) -> str:
        if text not in names:
            near = get_close_matches(text.lower(), names, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"must be one of {', '.join(names)}{meant}")
        return text

    return rule


def some(split: dict[str, int]) -> dict[str, int]:
    if not split:
        raise ValueError("must name at least one colour")
    return split


def some_metadata(metadata: dict[str, str]) -> dict[str, str]:
    if not metadata:
        raise ValueError(
            "must name at least one metadata value: an override without one would match every call"
        )
    return metadata
