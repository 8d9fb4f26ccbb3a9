"""What every connection of a data path is made with, towards clients and towards endpoints."""

from dataclasses import dataclass
from typing import Final

from mesh.http2.caretaker import UNWATCHED, Caretaker
from mesh.http2.limits import DEFAULT, Limits
from mesh.http2.offenders import FORGETFUL, Offenders


@dataclass(frozen=True, slots=True)
class Wiring:
    """`token` is the same in all processes of one sidecar, and in no other; 0: none."""

    limits: Limits = DEFAULT
    token: int = 0
    caretaker: Caretaker = UNWATCHED
    offenders: Offenders = FORGETFUL


PLAIN: Final = Wiring()
"""The usual limits; nobody looks after silent peers, or remembers offenders."""
