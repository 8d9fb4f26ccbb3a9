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


class Judged(IntEnum):
    """Of `report` and `replay`, for CI: what they judged, or why they could not. None of the latter can be mistaken
    for a verdict; 64, 69 and 70 are those of sysexits.h, 130 is the shell's for Ctrl-C."""

    READY = 0
    NOT_READY = 1
    NOT_ENOUGH_DATA = 2
    USAGE = 64
    UNAVAILABLE = 69
    """The store, the target or what is needed of them is not there."""
    SOFTWARE = 70
    """Something that nobody foresaw, or nobody reads the answer."""
    INTERRUPTED = 130


Code = Exit | Judged

JUDGED = "; ".join(
    (
        "0 ready",
        "1 not ready",
        "2 not enough data",
        "4 Consul unreachable (replay without --target)",
        "64 usage",
        "69 the store or the target is not there",
        "70 an error of Verdigris",
        "130 interrupted",
    )
)

MEANING = "; ".join(
    (
        "0 done",
        "1 failed",
        "2 usage",
        "3 conflict: somebody else changed the document, nothing was written",
        "4 Consul unreachable or access denied",
        "5 the document in Consul is invalid, nothing was written",
        "6 written, but not obeyed by every live sidecar in time",
        "report and replay have their own",
    )
)


class Failure(Exception):
    """Ends the command with `code`; `hint` says what to do about it, `details` are lines below."""

    def __init__(self, code: Code, message: str, *, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details
