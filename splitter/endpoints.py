"""Which endpoints there are: Consul's answer, what it may have lost, and one pool per endpoint that is named.

An instance belongs to each colour among its tags; pools exist only for the colours that the document names.
Consul can forget (a `-dev` agent that starts again knows nothing): what vanishes in the wake of a failure of
Consul itself is remembered for `MEMORY` seconds and used for as long as it accepts connections.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

from mesh import contract
from mesh.consul import Instance
from splitter.pool import Endpoint, Pool

MEMORY: Final = 60.0
"""Seconds; the same that Consul takes to deregister an instance that stays critical."""


def colors_of(instance: Instance) -> tuple[str, ...]:
    """The colours an instance is tagged with; our own mark is none."""
    return tuple(tag for tag in instance.tags if tag != contract.TAG and contract.COLOR.fullmatch(tag))


class Endpoints:
    """The instances known, and a pool for each endpoint of a wanted colour. `group` owns the connecting."""

    def __init__(self, group: asyncio.TaskGroup, *, on_change: Callable[[], None]) -> None:
        self.instances: dict[str, Instance] = {}
        self.pools: dict[Endpoint, Pool] = {}
        self._remembered: dict[str, float] = {}
        self._confirmed: set[str] = set()
        self._tasks: dict[Endpoint, asyncio.Task[None]] = {}
        self._leaving: list[Pool] = []
        self._group = group
        self._on_change = on_change

    def doubt(self) -> None:
        """Consul has failed: what it does not list from now on may be its loss, until it has listed it again."""
        self._confirmed.clear()

    @property
    def remembers(self) -> tuple[str, ...]:
        """Instances kept although Consul does not list them."""
        return tuple(self._remembered)

    def learn(self, instances: Iterable[Instance], *, lost: bool, now: float) -> None:
        """Take in Consul's answer. `lost`: Consul has just failed, so what is missing may be its loss."""
        answered = {instance.id: instance for instance in instances}
        listed = set(answered)
        taken = {(instance.address, instance.port) for instance in answered.values()}
        for id, instance in self.instances.items():
            if id in answered or (instance.address, instance.port) in taken:
                continue
            if lost and id not in self._confirmed:
                self._remembered.setdefault(id, now + MEMORY)
            # While Consul lists nothing at all, it says nothing of this one either
            if self._remembered.get(id, 0.0) > now or (id in self._remembered and not listed):
                answered[id] = instance
        self._remembered = {
            id: until for id, until in self._remembered.items() if id in answered and id not in listed
        }
        self._confirmed |= listed
        self.instances = answered

    def want(self, colors: Collection[str]) -> None:
        """Have a pool for each endpoint of these colours, and for no other (those are left to `let_go`)."""
        self._forget_dead()
        wanted = {
            Endpoint(color, instance.address, instance.port)
            for instance in self.instances.values()
            for color in colors_of(instance)
            if color in colors
        }
        for endpoint in self.pools.keys() - wanted:
            self._tasks.pop(endpoint).cancel()
            self._leaving.append(self.pools.pop(endpoint))
        for endpoint in wanted - self.pools.keys():
            pool = self.pools[endpoint] = Pool(endpoint, on_change=self._on_change)
            self._tasks[endpoint] = self._group.create_task(pool.run(), name=f"connect {endpoint}")

    def let_go(self) -> None:
        """Retire what is wanted no more; once a table without it is published, where its waiting calls may go."""
        leaving, self._leaving = self._leaving, []
        for pool in leaving:
            pool.retire()

    def _forget_dead(self) -> None:
        """What Consul does not list and what refuses connections is gone; if it comes back, it registers again."""
        for pool in self.pools.values():
            if not pool.usable:
                for id in self._remembered:
                    instance = self.instances[id]
                    if (instance.address, instance.port) == (pool.endpoint.address, pool.endpoint.port):
                        del self._remembered[id], self.instances[id]
                        break

    def available(self) -> list[Pool]:
        """Pools that can take calls: their instance passes its checks, and connecting has not failed."""
        passing = {
            Endpoint(color, instance.address, instance.port)
            for instance in self.instances.values()
            if instance.passing
            for color in colors_of(instance)
        }
        return [pool for endpoint, pool in self.pools.items() if pool.usable and endpoint in passing]

    def reachable(self) -> list[Pool]:
        """Pools whose endpoint accepts connections, whatever Consul says of it."""
        return [pool for pool in self.pools.values() if pool.usable]

    def counts(self) -> dict[str, dict[str, int]]:
        """Per colour: how many instances are registered, and how many of them pass."""
        counts: dict[str, dict[str, int]] = {}
        for instance in self.instances.values():
            for color in colors_of(instance):
                count = counts.setdefault(color, {"registered": 0, "healthy": 0})
                count["registered"] += 1
                count["healthy"] += instance.passing
        return dict(sorted(counts.items()))

    def describe(self) -> list[dict[str, Any]]:
        """Every endpoint of a wanted colour, for `/table`."""
        by_address = {(each.address, each.port): each for each in self.instances.values()}
        rows = []
        for endpoint, pool in sorted(self.pools.items(), key=lambda item: str(item[0])):
            instance = by_address.get((endpoint.address, endpoint.port))
            rows.append(
                {
                    "color": endpoint.color,
                    "address": endpoint.address,
                    "port": endpoint.port,
                    "id": instance.id if instance else None,
                    "passing": bool(instance and instance.passing),
                    "connected": pool.connected,
                    "in_flight": pool.in_flight,
                }
            )
        return rows
