"""Frames that are legal one by one and carry nothing of a call."""

import itertools
import struct
from collections.abc import Iterable
from typing import ClassVar, Final

from tests.e2e.attacks.hostile import Repeated, headers
from tests.e2e.backends import wire
from tests.e2e.backends.wire import frame

BATCH: Final = 200
ENHANCE_YOUR_CALM: Final = 11
SETTING: Final = struct.pack(">HI", wire.INITIAL_WINDOW_SIZE, 65_535)
UNKNOWN_TYPE: Final = 0xBB


class Flood(Repeated):
    """One stream that stays open, and one frame for ever."""

    reasons: ClassVar = frozenset({"useless_frames", "unread"})
    codes: ClassVar = frozenset({ENHANCE_YOUR_CALM})

    def __init__(self, name: str, flooding: bytes) -> None:
        self.name = f"{name} flood"
        self._flooding = flooding

    def batches(self) -> Iterable[bytes]:
        return itertools.chain([headers(1)], itertools.repeat(self._flooding * BATCH))


ATTACKS: Final = (
    Flood("SETTINGS", frame(wire.SETTINGS, 0, 0, SETTING)),
    Flood("empty SETTINGS", frame(wire.SETTINGS, 0, 0)),
    Flood("PING", frame(wire.PING, 0, 0, bytes(8))),
    Flood("PRIORITY", frame(wire.PRIORITY, 0, 1, struct.pack(">IB", 0, 16))),
    Flood("WINDOW_UPDATE", frame(wire.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1))),
    Flood("WINDOW_UPDATE of a stream", frame(wire.WINDOW_UPDATE, 0, 1, struct.pack(">I", 1))),
    Flood("empty DATA", frame(wire.DATA, 0, 1)),
    Flood("padding", frame(wire.DATA, wire.PADDED, 1, bytes([63]) + bytes(63))),
    Flood("unknown frames", frame(UNKNOWN_TYPE, 0, 1, b"?")),
)
