"""Messages whose meaning nobody told us: compared as JSON where both are JSON, else byte for byte."""

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mesh.shadowing import OutputRule
from shadow.comparison.part import Part
from shadow.comparison.tree import trees

ANSWER: Final = "answer"
"""The output that a message as a whole is; a rule of this name sets the tolerance of numbers in JSON."""
JSON: Final = "json"
BYTES: Final = "bytes"

MOST_JSON: Final = 4 << 20
"""Bytes of both sides that are read as JSON: as Python's objects they take 50 times as much, and two seconds."""


def plain(primary: Sequence[bytes], shadow: Sequence[bytes], rule: OutputRule) -> tuple[str, list[Part]]:
    """The measure, and a part for each message that both have."""
    common = list(zip(primary, shadow, strict=False))
    small = sum(len(before) + len(after) for before, after in common) <= MOST_JSON
    parsed = [(_json(before), _json(after)) for before, after in common] if small else [(None, None)]
    if all(before is not None and after is not None for before, after in parsed):
        return JSON, [trees(before, after, rule) for before, after in parsed]
    return BYTES, [_octets(before, after) for before, after in common]


def _octets(before: bytes, after: bytes) -> Part:
    if before == after:
        return Part(True, 1, 1)
    length = min(len(before), len(after))
    other = np.frombuffer(before, np.uint8, length) != np.frombuffer(after, np.uint8, length)
    at = int(np.argmax(other)) if other.any() else length
    detail = f"{len(after)} bytes instead of {len(before)}, the first other one at {at}"
    return Part(False, 0, 1, {"first": at}, f"{detail} (no schema is known: compared byte for byte)")


def _json(message: bytes) -> Any:
    """An object or a list; None where it is none. No message of protobuf begins like one."""
    if message[:1] not in (b"{", b"[") and message.lstrip(b" \t\r\n")[:1] not in (b"{", b"["):
        return None
    try:
        return json.loads(message, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
