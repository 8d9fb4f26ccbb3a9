"""Where a replay's requests come from and its pairs go: the store."""

import itertools
from collections.abc import Iterator, Sequence

from mesh.shadowing import ALL, Compare, Record
from shadow.comparison.comparator import Comparator
from shadow.pair import Outcome, Pair
from shadow.store.store import Store
from shadow.store.values import Recorded, Scope


def requests(
    store: Store, service: str, since: int | None, until: int | None, limit: int | None
) -> tuple[int, Iterator[Pair]]:
    """At most how many there are to send, and the stored pairs, one per call, the oldest first; 0 and nothing if there
    is none. Only calls whose primary answered: there is nothing else to compare with."""
    found = store.requests(service, since_ns=since, until_ns=until)
    answered = (each.pair for each in found if each.pair.primary.body is not None and not each.pair.canceled)
    first = next(answered, None)
    if first is None:
        return 0, iter(())
    most = store.environment(Scope(service, since_ns=since, until_ns=until)).pairs
    number = most if limit is None else min(most, limit)
    return number, itertools.islice(itertools.chain((first,), answered), limit)


class Keeping:
    """Compares pairs and keeps them."""

    def __init__(self, store: Store, compare: Compare, record: Record) -> None:
        self._store = store
        self._comparator = Comparator(compare)
        self._all = record.payloads == ALL

    def keep(self, pairs: Sequence[Pair]) -> None:
        """All of them in one transaction."""
        self._store.add(tuple(map(self._recorded, pairs)), ())

    def _recorded(self, pair: Pair) -> Recorded:
        if pair.outcome is not Outcome.COMPARED:
            return Recorded(pair, None, keep_payload=False)
        found = self._comparator.compare(pair)
        return Recorded(pair, found, keep_payload=self._all or not found.agrees)
