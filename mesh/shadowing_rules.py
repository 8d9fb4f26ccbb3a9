"""The rules of single values that concern shadows in a traffic document: shares, sizes, tolerances, bounds, names.

Each function returns the value in its normal form or raises `ValueError` with the rule in plain words.
"""

import re
from decimal import Decimal
from typing import Final

from mesh import quantity
from mesh.traffic_rules import GRAIN, LONGEST_NAME, limited, weight

MOST_TOP: Final = 100_000
MOST_PAIRS: Final = 10_000_000
LARGEST_RATIO: Final = 1_000
LARGEST: Final = 4 << 20
"""Bytes of a message that pairs may be kept with: more than that, and one call would fill the recorder."""

OFF: Final = "off"
"""Instead of a bound: it does not matter."""

_COMPARATOR: Final = re.compile(r"[A-Za-z0-9_.-]+")


def share(value: object) -> float:
    """A percentage, in steps of 0.01, as a share from 0 to 1."""
    return weight(value) / GRAIN


def confidence(value: object) -> float:
    found = share(value)
    if not 0.5 <= found < 1:
        raise ValueError("must be from 50 to 99.99: no number of pairs makes a verdict certain")
    return found


def size(value: object) -> int:
    """`64KiB`, `1MiB`, `500B` as bytes."""
    found = quantity.size(value if isinstance(value, str) else "")
    if not 1 <= found <= LARGEST:
        raise ValueError("must be from 1B to 4MiB")
    return found


def tolerance(value: object) -> float:
    found = float(value) if isinstance(value, Decimal) and value.is_finite() else -1.0
    if not 0 <= found < float("inf"):
        raise ValueError("must be a number, 0 or more (not a string, not true or false)")
    return found or 0.0  # not -0


def ratio(value: object) -> float | None:
    """How many times the primary's; None for `off`."""
    if value == OFF:
        return None
    found = float(value) if isinstance(value, Decimal) and value.is_finite() else 0.0
    if not 0 < found <= LARGEST_RATIO:
        raise ValueError('must be a number above 0 and up to 1000, or "off"')
    return found


def top(value: object) -> int:
    return _whole(value, MOST_TOP)


def pairs(value: object) -> int:
    return _whole(value, MOST_PAIRS)


def output(name: str) -> str:
    if not name:
        raise ValueError("is no output: it has no name")
    return limited(name, LONGEST_NAME)


def comparator(name: str) -> str:
    if not _COMPARATOR.fullmatch(name):
        raise ValueError("is no name of a comparator: letters, digits, - _ and . only")
    return limited(name, LONGEST_NAME)


def _whole(value: object, most: int) -> int:
    whole = isinstance(value, Decimal) and value.is_finite() and 1 <= value <= most and value == int(value)
    if not isinstance(value, Decimal) or not whole:
        raise ValueError(f"must be a whole number from 1 to {most} (not a string, not true or false)")
    return int(value)
