"""Times and sizes as people write them, with their unit: `90s`, `12h`, `7d`; `512KiB`, `2GiB`."""

import re
from decimal import Decimal
from typing import Final

_QUANTITY: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([A-Za-z]+)")
_SECONDS: Final = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3_600),
    "d": Decimal(86_400),
}
_BYTES: Final = {"B": Decimal(1), "KiB": Decimal(1 << 10), "MiB": Decimal(1 << 20), "GiB": Decimal(1 << 30)}
_BYTES_OF_THOUSANDS: Final = {"kB": Decimal(10**3), "MB": Decimal(10**6), "GB": Decimal(10**9)}


def seconds(text: str) -> float:
    """A time; raises `ValueError` with the rule."""
    return float(_read(text, _SECONDS, 'must be a time with its unit, such as "90s", "12h" or "7d"'))


def size(text: str) -> int:
    """Bytes; raises `ValueError` with the rule."""
    rule = 'must be a size with its unit, such as "64KiB", "10MB" or "2GiB"'
    value = _read(text, _BYTES | _BYTES_OF_THOUSANDS, rule)
    if value != int(value):
        raise ValueError("must be whole bytes")
    return int(value)


def _read(text: str, units: dict[str, Decimal], rule: str) -> Decimal:
    matched = _QUANTITY.fullmatch(text)
    unit = units.get(matched[2]) if matched else None
    if matched is None or unit is None:
        raise ValueError(rule)
    return Decimal(matched[1]) * unit
