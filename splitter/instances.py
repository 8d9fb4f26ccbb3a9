"""Which instances there are: Consul's answer, and for a while what Consul may have lost.

Consul can forget (a `-dev` agent that starts again knows nothing): what vanishes in the wake of a failure of
Consul itself is remembered for `MEMORY` seconds. Pure: the time is a parameter.
"""

from collections.abc import Iterable
from typing import Final

from mesh.consul import Instance

MEMORY: Final = 60.0
"""Seconds; the same that Consul takes to deregister an instance that stays critical."""


class Instances:
    """The instances known, by id."""

    def __init__(self) -> None:
        self.known: dict[str, Instance] = {}
        self._remembered: dict[str, float] = {}
        self._confirmed: set[str] = set()

    def doubt(self) -> None:
        """Consul has failed: what it does not list from now on may be its loss, until it has listed it again."""
        self._confirmed.clear()

    @property
    def remembered(self) -> tuple[str, ...]:
        """Ids of those kept although Consul does not list them."""
        return tuple(self._remembered)

    def learn(self, listed: Iterable[Instance], *, lost: bool, now: float) -> None:
        """Take in Consul's answer. `lost`: Consul has just failed, so what is missing may be its loss."""
        known = {instance.id: instance for instance in listed}
        answered = set(known)
        taken = {(instance.address, instance.port) for instance in known.values()}
        for id, instance in self.known.items():
            if id in known or (instance.address, instance.port) in taken:
                continue
            if lost and id not in self._confirmed:
                self._remembered.setdefault(id, now + MEMORY)
            # While Consul lists nothing at all, it says nothing of this one either
            if self._remembered.get(id, 0.0) > now or (id in self._remembered and not answered):
                known[id] = instance
        self._remembered = {
            id: until for id, until in self._remembered.items() if id in known and id not in answered
        }
        self._confirmed |= answered
        self.known = known
