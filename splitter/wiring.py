"""What every connection of a data path is made with, towards clients and towards endpoints."""

from dataclasses import dataclass
from typing import Final

from mesh.http2.caretaker import UNWATCHED, Caretaker
from mesh.http2.limits import DEFAULT, Limits


@dataclass(frozen=True, slots=True)
class Wiring:
    """`token` is the same in all processes of one sidecar, and in no other; 0: none."""

    limits: Limits = DEFAULT
    token: int = 0
    caretaker: Caretaker = UNWATCHED


PLAIN: Final = Wiring()
"""The usual limits, and nobody looks after silent peers."""
