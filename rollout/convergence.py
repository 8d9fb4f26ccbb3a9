"""Waits until every live sidecar has applied or refused a revision, and says how long that took."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mesh import contract
from mesh.consul import Consul
from rollout.status import Sidecar, Stand, sidecars


@dataclass(frozen=True, slots=True)
class Convergence:
    """Who obeys `revision`, `after` seconds; `Stand.BEHIND`: those who had said nothing when time was up.

    `replaced` is the revision that somebody else wrote over it meanwhile, or 0.
    """

    revision: int
    after: float
    stands: tuple[tuple[Sidecar, Stand], ...]
    replaced: int = 0

    def of(self, stand: Stand) -> tuple[Sidecar, ...]:
        return tuple(sidecar for sidecar, each in self.stands if each is stand)

    @property
    def complete(self) -> bool:
        """Everybody who lives obeys; also if nobody does."""
        return all(stand is Stand.OBEYS for _, stand in self.stands)


async def converge(
    consul: Consul,
    service: str,
    revision: int,
    *,
    since: float,
    within: float,
    clock: Callable[[], float] = time.monotonic,
) -> Convergence:
    """Follow the status keys until `within` seconds after `since`, the return of the write by `clock`.

    The time ends when the last sidecar's word is read here: an upper bound of what the sidecars needed, free of
    clocks that disagree.
    """
    prefix = contract.status_prefix(service)
    index: int | None = None
    while True:
        left = within - (clock() - since)
        answer = await consul.list(prefix, index=index, wait=max(left, 0.001) if index else 0)
        stands = tuple((each, each.stand(revision)) for each in sidecars(answer.value))
        found = Convergence(revision, clock() - since, stands)
        behind = found.of(Stand.BEHIND)
        if not behind or clock() - since >= within:
            return found
        if any(max(each.revision, each.refused) > revision for each in behind):
            now = (await consul.get(contract.traffic_key(service))).value
            if now is not None and now.revision != revision:
                return replace(found, replaced=now.revision)
        index = None if index is not None and answer.index < index else answer.index
