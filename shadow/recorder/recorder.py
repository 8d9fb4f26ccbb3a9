"""The recorder: reads pairs, compares them, keeps them, and says so; one thread, no event loop.

It reads only when it has kept what it read before, so what it cannot keep up with waits on the data path's side,
within that side's budget. It acknowledges after the commit. When the data path has gone it keeps what was sent, and
ends.
"""

import json
import logging
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from mesh import shadowing
from mesh.traffic import Traffic
from shadow import wire
from shadow.comparison.comparator import Comparator
from shadow.comparison.custom import NotInstalled, Redactor
from shadow.comparison.difference import Comparison, wordless
from shadow.pair import Outcome, Pair
from shadow.recorder.intake import Terms
from shadow.store.fault import StoreError
from shadow.store.store import Store
from shadow.store.values import Count, Recorded
from shadow.wire import Total

READ: Final = 1 << 20
"""Bytes that are worked on in one go."""
GATHER: Final = 0.1
"""Seconds that it waits for more: a commit costs as much for one pair as for a hundred."""
RETRY: Final = 0.5
LONGEST_RETRY: Final = 30.0
"""Seconds between attempts to write what the store would not take."""
LAST_ATTEMPTS: Final = 3
"""When the data path has gone, nobody else waits."""
INCOMPARABLE: Final = "incomparable"
REMEMBERED: Final = 64
"""Revisions whose rules are remembered."""

log = logging.getLogger("shadow.recorder")


def is_alone(connection: socket.socket, *, within: float = 0.0) -> bool:
    """The data path has gone, or goes within so many seconds; what it sent before can still be read."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    return bool(poll.poll(within * 1000))


class Rules:
    """What one document says of pairs."""

    def __init__(self, traffic: Traffic) -> None:
        self.payloads = traffic.record.payloads
        self.compare: Callable[[Pair], Comparison]
        try:
            self.compare = Comparator(traffic.compare).compare
        except NotInstalled as error:
            log.error("%s; until it is, pairs are kept and not compared", error)
            self.compare = partial(_incomparable, str(error))


class Recorder:
    """`run` until the other end closes."""

    def __init__(
        self,
        connection: socket.socket,
        store: Store,
        *,
        redactors: Sequence[Redactor] = (),
        carefully: int = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`redactors` see each pair before it is kept, one after the other. `carefully`: bytes that are read message by
        message, each acknowledged alone, because a recorder ended over them."""
        self._connection = connection
        self._store = store
        self._sleep = sleep
        self._data = b""
        self._done = 0
        """Bytes of whole messages that are kept."""
        self._terms: Terms | None = None
        self._rules: dict[int, Rules] = {}
        """By revision: a call that was under way is read by the document that decided it."""
        self._redactors = redactors
        self._carefully = carefully
        self._troubled: set[str] = set()
        """What has been told of redactors that failed."""
        self._open = True
        self._poll = (
            select.poll()
        )  # select() takes no descriptor above 1 023, which a busy sidecar may have given us
        self._poll.register(connection, select.POLLIN)

    def run(self) -> None:
        """Raises StoreError if what is left in the end cannot be kept."""
        while self._open:
            self._gather()
            while self._work() and self._done < self._carefully:
                pass

    # In

    def _gather(self) -> None:
        """Wait for something, and a little for more."""
        self._receive()
        enough = time.monotonic() + GATHER
        while self._open and len(self._data) < READ:
            left = enough - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                return
            self._receive()

    def _receive(self) -> None:
        try:
            data = self._connection.recv(READ)
        except ConnectionError:
            data = b""
        self._open = bool(data)
        self._data += data

    # Work

    def _work(self) -> bool:
        """Whether there was a whole message."""
        recorded: list[Recorded] = []
        counts: list[Count] = []
        became: Counter[tuple[str, str, int, str, str]] = Counter()
        position = 0
        for kind, body, end in wire.messages(self._data):
            if position and self._done < self._carefully:
                break
            position = end
            if kind == wire.TERMS:
                self._obey(Terms.read(body))
            elif kind == wire.COUNTS and self._terms is not None:
                counts += (self._count(self._terms, total) for total in wire.read_totals(body))
            elif kind == wire.PAIR and self._terms is not None:
                each = self._record(self._terms.pair(wire.read_pair(body)))
                pair = each.pair
                became[pair.shadow.color, pair.role, pair.revision, pair.outcome, pair.reason] += 1
                recorded.append(each)
        self._data = self._data[position:]
        if position:
            self._keep(recorded, counts)
            self._done += position
            self._acknowledge([Total(*key, number) for key, number in became.items()])
        return bool(position)

    def _obey(self, terms: Terms) -> None:
        self._terms = terms
        while len(self._rules) >= REMEMBERED:
            del self._rules[next(iter(self._rules))]
        self._rules.pop(terms.revision, None)
        self._rules[terms.revision] = Rules(terms.traffic)

    def _rules_of(self, pair: Pair) -> "Rules":
        """Those of its revision; the newest if they are forgotten."""
        return self._rules.get(pair.revision) or self._rules[next(reversed(self._rules))]

    @staticmethod
    def _count(terms: Terms, total: Total) -> Count:
        return Count(
            source=terms.source,
            service=terms.service,
            color=total.color,
            role=total.role,
            revision=total.revision,
            outcome=Outcome(total.outcome),
            reason=total.reason,
            number=total.number,
            at=time.time_ns(),
        )

    def _record(self, pair: Pair) -> Recorded:
        rules, comparison = self._rules_of(pair), None
        if pair.outcome is Outcome.COMPARED:
            comparison = rules.compare(pair)
            if comparison.error:
                pair = replace(pair, outcome=Outcome.DROPPED, reason=INCOMPARABLE)
        payloads = rules.payloads
        keep = payloads == shadowing.ALL or (
            payloads == shadowing.DIFFERING and not (comparison is not None and comparison.agrees)
        )
        if keep:
            pair = self._redacted(pair)
        else:
            pair = replace(
                pair, primary=replace(pair.primary, message=""), shadow=replace(pair.shadow, message="")
            )
        if comparison is not None and (self._redactors or not keep):
            comparison = wordless(comparison)
        return Recorded(pair, comparison, keep)

    def _redacted(self, pair: Pair) -> Pair:
        for redactor in self._redactors:
            redacted = redactor.redact(pair)
            pair = redacted.pair
            if redacted.error and redacted.error not in self._troubled:
                self._troubled.add(redacted.error)
                log.error("%s; pairs are kept without their payloads", redacted.error)
        return pair

    # Out

    def _keep(self, recorded: list[Recorded], counts: list[Count]) -> None:
        """Until the store takes it. In the end, a few times."""
        delay, attempts = RETRY, 0
        while True:
            try:
                self._store.add(recorded, counts)
            except StoreError as error:
                attempts += 1
                if attempts == 1:
                    log.error("%s; %d pairs wait for it", error, len(recorded))
                if attempts >= LAST_ATTEMPTS and is_alone(self._connection):
                    raise
                self._sleep(delay)
                delay = min(delay * 2, LONGEST_RETRY)
            else:
                if attempts:
                    log.warning("the store takes pairs again")
                return

    def _acknowledge(self, became: list[Total]) -> None:
        text = json.dumps(became).encode() if became else b""
        try:
            self._connection.sendall(wire.ACKNOWLEDGED.pack(self._done, len(text)) + text)
        except ConnectionError:
            log.debug("nobody to tell")


def _incomparable(why: str, pair: Pair) -> Comparison:
    return Comparison((), why)
