"""Streams that are opened only to be reset: by the client, or by a server that the client makes do it."""

import itertools
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from tests.e2e.attacks.hostile import Repeated, headers
from tests.e2e.backends import wire
from tests.e2e.backends.wire import frame

BATCH: Final = 50
CANCEL: Final = (8).to_bytes(4, "big")
ENHANCE_YOUR_CALM: Final = 11


def batches() -> Iterator[range]:
    """New stream numbers without end."""
    return (range(first, first + 2 * BATCH, 2) for first in itertools.count(1, 2 * BATCH))


class RapidReset(Repeated):
    """CVE-2023-44487: a call and its cancellation, over and over; the backend does the work for each."""

    name = "rapid reset"
    reasons: ClassVar = frozenset({"rapid_reset"})
    codes: ClassVar = frozenset({ENHANCE_YOUR_CALM})

    def batches(self) -> Iterable[bytes]:
        for numbers in batches():
            yield b"".join(headers(number) + frame(wire.RST_STREAM, 0, number, CANCEL) for number in numbers)


class MadeYouReset(Repeated):
    """CVE-2025-8671: a call, and on its stream a fault, so that it is the server who resets."""

    reasons: ClassVar = frozenset({"rapid_reset", "useless_frames"})
    codes: ClassVar = frozenset({ENHANCE_YOUR_CALM})

    def __init__(self, name: str, fault: tuple[int, int, bytes], flags: int = wire.END_HEADERS) -> None:
        self.name = f"made you reset: {name}"
        self._fault, self._flags = fault, flags

    def batches(self) -> Iterable[bytes]:
        kind, flags, payload = self._fault
        for numbers in batches():
            yield b"".join(headers(each, self._flags) + frame(kind, flags, each, payload) for each in numbers)


ATTACKS: Final = (
    RapidReset(),
    MadeYouReset("WINDOW_UPDATE of 0", (wire.WINDOW_UPDATE, 0, bytes(4))),
    MadeYouReset("window above 2³¹", (wire.WINDOW_UPDATE, 0, b"\x7f\xff\xff\xff")),
    MadeYouReset("DATA behind the end", (wire.DATA, 0, b"x"), wire.END_HEADERS | wire.END_STREAM),
)
