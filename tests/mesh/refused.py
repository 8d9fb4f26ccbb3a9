"""A document that must be refused, and what has to be said of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refused:
    """A value of the key, why it is bad (`name`), and one expected problem."""

    name: str
    raw: bytes
    path: str
    rule: str


def document(name: str, text: str, path: str, rule: str) -> Refused:
    return Refused(name, text.encode(), path, rule)


def split(name: str, split: str, path: str, rule: str) -> Refused:
    return document(name, f'{{"split": {split}}}', path, rule)


def besides(name: str, field: str, path: str, rule: str) -> Refused:
    """A field besides a good split."""
    return document(name, f'{{"split": {{"blue": 100}}, {field}}}', path, rule)
