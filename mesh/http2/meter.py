"""Tells a burst from a flood: a generic cell rate algorithm (ITU-T I.371) in whole units."""


class Meter:
    """`burst` units at once, and as many more as have been paid for. What is paid may only grow."""

    __slots__ = ("_burst", "_level")

    def __init__(self, burst: int) -> None:
        self._burst = burst
        self._level = 0
        """How much will have been paid when all that was taken is."""

    def take(self, count: int, *, paid: int) -> bool:
        """Take that many units; False if that is a flood."""
        self._level = max(self._level, paid) + count
        return self._level <= paid + self._burst

    def owed(self, *, paid: int) -> int:
        """Of what was taken: how much has still to be paid."""
        return max(0, self._level - paid)
