"""Messages whose meaning nobody told us: compared as JSON where both are JSON, else byte for byte."""

import json
from collections.abc import Sequence
from typing import Any, Final

from mesh.shadowing import OutputRule
from shadow.comparison.part import Part
from shadow.comparison.tree import trees

ANSWER: Final = "answer"
"""The output that a message as a whole is; a rule of this name sets the tolerance of numbers in JSON."""
JSON: Final = "json"
BYTES: Final = "bytes"


def plain(primary: Sequence[bytes], shadow: Sequence[bytes], rule: OutputRule) -> tuple[str, list[Part]]:
    """The measure, and a part for each message that both have."""
    common = list(zip(primary, shadow, strict=False))
    parsed = [(_json(before), _json(after)) for before, after in common]
    if all(before is not None and after is not None for before, after in parsed):
        return JSON, [trees(before, after, rule) for before, after in parsed]
    return BYTES, [_octets(before, after) for before, after in common]


def _octets(before: bytes, after: bytes) -> Part:
    if before == after:
        return Part(True, 1, 1)
    at = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
    at = min(len(before), len(after)) if at is None else at
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
