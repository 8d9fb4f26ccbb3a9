"""Which names a model may have: what is safe as a folder's name, in a log line and in a list.

A name reaches us from a client, so this is what keeps a request inside the repository.
"""

from typing import Final

from model_server.errors import BadRequestError

LONGEST: Final = 255
"""Bytes: what a file system allows a folder's name (NAME_MAX)."""
SHOWN: Final = 80
"""Characters of a wrong name that a message repeats."""


def fault(name: str) -> str:
    """The rule that a model's name breaks; empty if it breaks none."""
    if not name:
        return "must not be empty"
    if not name.isprintable() or any(map(str.isspace, name)):
        return "must have no whitespace and no control characters"
    if "/" in name or "\\" in name:
        return "must have no separators of folders"
    if name.startswith(".") or ".." in name:
        return "must not begin with '.' nor have '..' in it"
    if len(name.encode()) > LONGEST:
        return f"must have at most {LONGEST} bytes"
    return ""


def check_name(name: str) -> None:
    """BadRequestError if no model can have this name."""
    rule = fault(name)
    if rule:
        raise BadRequestError(f"model name {name[:SHOWN]!r} {rule}")
