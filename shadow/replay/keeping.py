"""Where a replay's requests come from and its pairs go: the store."""

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mesh.shadowing import ALL, DIFFERING, Compare, Record
from shadow.comparison.comparator import Comparator
from shadow.comparison.custom import Redactor
from shadow.comparison.difference import wordless
from shadow.messages import framing
from shadow.pair import Outcome, Pair
from shadow.store.store import Store
from shadow.store.values import Recorded, Scope

log = logging.getLogger("shadow.replay")


def requests(
    store: Store, service: str, since: int | None, until: int | None, limit: int | None
) -> tuple[int, Iterator[Pair]]:
    """At most how many there are to send, and the stored pairs, one per call, the oldest first; 0 and nothing if there
    is none. Only calls whose primary answered: there is nothing else to compare with; and only
    requests that can be read: of others the target would get the beginning."""
    found = store.requests(service, since_ns=since, until_ns=until)
    answered = (each.pair for each in found if _is_whole(each.pair))
    first = next(answered, None)
    if first is None:
        return 0, iter(())
    most = store.environment(Scope(service, since_ns=since, until_ns=until)).pairs
    number = most if limit is None else min(most, limit)
    return number, itertools.islice(itertools.chain((first,), answered), limit)


def _is_whole(pair: Pair) -> bool:
    if pair.primary.body is None or pair.canceled:
        return False
    return not framing.split(pair.request or b"", pair.encoding).fault


class Keeping:
    """Compares pairs and keeps them, as a document and redactors say."""

    def __init__(
        self, store: Store, compare: Compare, record: Record, *, redactors: Sequence[Redactor] = ()
    ) -> None:
        """NotInstalled if there is no such comparator."""
        self._store = store
        self._comparator = Comparator(compare)
        self._payloads = record.payloads
        self._redactors = redactors
        self._troubled: set[str] = set()
        """What has been told of redactors that failed."""

    def keep(self, pairs: Sequence[Pair]) -> None:
        """All of them in one transaction."""
        self._store.add(tuple(map(self._recorded, pairs)), ())

    def _recorded(self, pair: Pair) -> Recorded:
        found = self._comparator.compare(pair) if pair.outcome is Outcome.COMPARED else None
        differs = found is not None and not found.agrees
        keep = found is not None and (self._payloads == ALL or (self._payloads == DIFFERING and differs))
        if keep:
            pair = self._redacted(pair)
        else:
            primary, shadow = replace(pair.primary, message=""), replace(pair.shadow, message="")
            pair = replace(pair, primary=primary, shadow=shadow)
        if found is not None and (self._redactors or not keep):
            found = wordless(found)
        return Recorded(pair, found, keep_payload=keep)

    def _redacted(self, pair: Pair) -> Pair:
        for redactor in self._redactors:
            redacted = redactor.redact(pair)
            pair = redacted.pair
            if redacted.error and redacted.error not in self._troubled:
                self._troubled.add(redacted.error)
                log.error("%s; pairs are kept without their payloads", redacted.error)
        return pair
