"""Which endpoints there are: the instances known, and one pool per endpoint that is named.

An instance belongs to each colour among its tags; pools exist only for the colours that the document names. What
Consul may only have lost (see `splitter.instances`) is used for as long as it accepts connections.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Any

from mesh import contract
from mesh.consul import Instance
from splitter.endpoint import Endpoint, Secure
from splitter.observer import Observer
from splitter.pool import Pool
from splitter.wiring import PLAIN, Wiring


def colors_of(instance: Instance) -> tuple[str, ...]:
    """The colours an instance is tagged with; our own mark is none."""
    return tuple(tag for tag in instance.tags if tag != contract.TAG and contract.COLOR.fullmatch(tag))


class Endpoints:
    """The instances known, and a pool for each endpoint of a wanted colour. `group` owns the connecting."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        *,
        on_change: Callable[[], None],
        observer: Observer | None = None,
        tls: Secure | None = None,
        wiring: Wiring = PLAIN,
    ) -> None:
        self.instances: dict[str, Instance] = {}
        self.pools: dict[Endpoint, Pool] = {}
        self._remembered: list[str] = []
        self._dead: set[str] = set()
        """Of those remembered: refused connections, and are gone until Consul lists them again."""
        self._tasks: dict[Endpoint, asyncio.Task[None]] = {}
        self._leaving: list[Pool] = []
        self._group = group
        self._observer = observer
        self._on_change = on_change
        self._tls = tls
        self._wiring = wiring

    @property
    def remembers(self) -> tuple[str, ...]:
        """Instances kept although Consul does not list them."""
        return tuple(self._remembered)

    def learn(self, instances: Iterable[Instance], *, remembered: Collection[str] = ()) -> None:
        """The instances there are. `remembered`: ids of those that Consul lists no more, but may only have lost."""
        self._dead &= set(remembered)
        self.instances = {instance.id: instance for instance in instances if instance.id not in self._dead}
        self._remembered = [id for id in remembered if id not in self._dead]

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
            pool = self.pools[endpoint] = Pool(
                endpoint,
                on_change=self._on_change,
                spare=self._can_spare,
                observer=self._observer,
                tls=self._tls,
                wiring=self._wiring,
            )
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
                        self._remembered.remove(id)
                        self._dead.add(id)
                        del self.instances[id]
                        break

    def available(self) -> list[Pool]:
        """Pools that can take calls: their instance passes its checks, and connecting has not failed.

        Where a colour has none, those that are connected though they have still to prove themselves.
        """
        passing = {
            Endpoint(color, instance.address, instance.port)
            for instance in self.instances.values()
            if instance.passing
            for color in colors_of(instance)
        }
        pools = [pool for endpoint, pool in self.pools.items() if endpoint in passing]
        served = {pool.endpoint.color for pool in pools if pool.usable}
        return [
            pool for pool in pools if pool.usable or (pool.connected and pool.endpoint.color not in served)
        ]

    def reachable(self) -> list[Pool]:
        """Pools whose endpoint accepts connections, whatever Consul says of it."""
        return [pool for pool in self.pools.values() if pool.usable or pool.connected]

    def _can_spare(self, pool: Pool) -> bool:
        """Another endpoint of its colour can do its work: the last one is never left out, however it fails."""
        return any(
            other is not pool and other.endpoint.color == pool.endpoint.color and not other.ejection.ejected
            for other in self.available()
        )

    def problems(self) -> list[str]:
        """What is wrong with endpoints of wanted colours, for the status."""
        return [pool.problem for pool in self.pools.values() if pool.problem]

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
                    "usable": pool.usable,
                    "problem": pool.problem or None,
                    "ejected": pool.ejection.ejected,
                    "failures": pool.ejection.failures,
                }
            )
        return rows
