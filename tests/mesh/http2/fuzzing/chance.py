"""Chance that a fuzzer steers: the same decisions as `random.Random` makes, taken from bytes."""

from random import Random
from typing import Any


class ByteChance(Random):
    """Takes its decisions from `data`, and the least of the choices once that is used up."""

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._data = data
        self._at = 0

    def seed(self, *_: Any) -> None:
        """There is nothing to seed."""

    @property
    def spent(self) -> bool:
        """The bytes are used up."""
        return self._at >= len(self._data)

    def getrandbits(self, k: int) -> int:
        size = (k + 7) // 8
        taken = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(taken, "little") & ((1 << k) - 1)

    def random(self) -> float:
        return self.getrandbits(16) / 65_536

    def randbytes(self, n: int) -> bytes:
        """Few of the fuzzer's bytes, repeated: what a payload holds decides nothing."""
        return bytes((self.getrandbits(8),)) * n
