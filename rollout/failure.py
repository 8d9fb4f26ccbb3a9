"""How the command ends: its exit codes, and the one exception that carries one to the terminal."""

from enum import IntEnum


class Exit(IntEnum):
    """The documented exit codes."""

    OK = 0
    FAILED = 1
    """Something went wrong: a process did not start, a file is not there, a promise of the demo broke."""
    USAGE = 2
    """The command line makes no sense, or asks for what the rules forbid."""
    CONFLICT = 3
    """Somebody else changed the document meanwhile; nothing was written."""
    UNREACHABLE = 4
    """Consul does not answer, or does not allow it. The message says if that was after a write."""
    INVALID = 5
    """The document that stands in Consul is invalid; nothing was written."""
    NOT_OBEYED = 6
    """Written, but a live sidecar refused it or did not apply it in time."""


MEANING = "; ".join(
    (
        "0 done",
        "1 failed",
        "2 usage",
        "3 conflict: somebody else changed the document, nothing was written",
        "4 Consul unreachable or access denied",
        "5 the document in Consul is invalid, nothing was written",
        "6 written, but not obeyed by every live sidecar in time",
    )
)


class Failure(Exception):
    """Ends the command with `code`; `hint` says what to do about it, `details` are lines below."""

    def __init__(self, code: Exit, message: str, *, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details
