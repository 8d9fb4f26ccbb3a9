"""Turns what Consul says into facts: the traffic document, the instances, and the last good of both.

A bad document changes nothing: the last good one stays, the reason is kept for status, log and metrics, and the
next good one holds. Instances never wait for a good document. One per sidecar, however many data paths it has:
they are told by `publish`, with a whole value each time.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from mesh import traffic as document
from mesh.consul import Answer, Entry, Instance
from mesh.follow import Question
from mesh.traffic import Invalid, Problem, Traffic
from splitter.facts import Facts, Refused, Seen
from splitter.instances import MEMORY, Instances
from splitter.lastgood import LastGood

T = TypeVar("T")

UNSURE: Final = 15.0
"""Seconds after a failure of Consul in which what is missing counts as its loss, not as somebody's edit."""

log = logging.getLogger(__name__)


class Knowledge:
    """What is known of one service. `publish` is called with each change, `on_seen` with each revision."""

    def __init__(
        self,
        *,
        default_color: str,
        last_good: LastGood,
        publish: Callable[[Facts], None],
        on_seen: Callable[[Seen], None] = lambda seen: None,
    ) -> None:
        self._default = document.default(default_color)
        self.facts = Facts(self._default)
        self._instances = Instances()
        self._listed: tuple[Instance, ...] = ()
        self._known = {"document": False, "instances": False}
        self._answered = {"document": False, "instances": False}
        """What Consul itself has said since the start; the rest is known from disk."""
        self._down: set[str] = set()
        self._failed_at = float("-inf")
        self._forgetting: asyncio.TimerHandle | None = None
        self._last_good = last_good
        self._publish = publish
        self._on_seen = on_seen

    # What Consul says

    def watched(self, name: str, ask: Question[T]) -> Question[T]:
        """The same question; whether it is answered is noticed, though the answer may bring nothing new."""

        async def asked(*, index: int | None, wait: float) -> Answer[T]:
            try:
                answer = await ask(index=index, wait=wait)
            except Exception:
                self.answers(name, False)
                raise
            self.answers(name, True)
            return answer

        return asked

    def answers(self, name: str, does: bool) -> None:
        """Whether Consul has just answered somebody who asks it again and again."""
        if does:
            self._down.discard(name)
        else:
            self._down.add(name)

    @property
    def consul_up(self) -> bool:
        """Consul answered everybody who asks it when they last did."""
        return not self._down

    def on_document(self, entry: Entry | None, restarted: bool) -> None:
        """The key's value, or its absence."""
        self._known["document"] = self._answered["document"] = True
        facts = replace(self.facts, missing="")
        if entry is None:
            if facts.raw is not None and (restarted or self._is_unsure()):
                missing = (
                    "the traffic document has vanished with a failure of Consul; the last good one stays"
                )
                facts = replace(facts, missing=missing)
            else:
                facts = _holding(facts, self._default, revision=0, raw=None)
        else:
            problems: tuple[Problem, ...] = ()
            try:
                parsed = document.parse(entry.value)
            except Invalid as invalid:
                problems = tuple(invalid.problems)
                facts = replace(facts, refused=Refused(entry.revision, problems))
                log.error("revision %d of the traffic document is refused:\n%s", entry.revision, invalid)
            else:
                facts = _holding(facts, parsed, revision=entry.revision, raw=entry.value)
            self._on_seen(Seen(entry.revision, entry.value, problems))
        self._changed(facts)

    def on_instances(self, listed: tuple[Instance, ...], restarted: bool) -> None:
        """Every registered instance of the service."""
        self._known["instances"] = self._answered["instances"] = True
        # Without `service:read` Consul answers 200 with an empty list: that is no deregistration either
        vanished = not listed and bool(self._instances.known)
        if restarted or vanished:
            self._instances.doubt()
        self._listed = listed
        self._learn(lost=restarted or vanished or self._is_unsure())

    def on_consul_error(self, error: Exception) -> None:
        """Consul did not answer. What holds goes on holding; a start falls back on what is on disk."""
        self._failed_at = time.monotonic()
        log.warning("%s", error)
        self._instances.doubt()
        saved = None if all(self._known.values()) else self._last_good.load()
        if saved is None:
            return
        facts = self.facts
        if not self._known["document"]:
            self._known["document"] = True
            if saved.document is not None:
                parsed = document.parse(saved.document)
                facts = _holding(facts, parsed, revision=saved.revision, raw=saved.document)
                missing = "Consul has not answered yet; the last good document on disk is applied"
                facts = replace(facts, missing=missing)
        if not self._known["instances"] and saved.instances:
            self._known["instances"] = True
            self._instances.learn(saved.instances, lost=True, now=time.monotonic())
        self._changed(facts)

    def _is_unsure(self) -> bool:
        return time.monotonic() - self._failed_at < UNSURE

    # What is known

    def _learn(self, *, lost: bool) -> None:
        self._instances.learn(self._listed, lost=lost, now=time.monotonic())
        if self._instances.remembered and self._forgetting is None:
            loop = asyncio.get_running_loop()
            self._forgetting = loop.call_later(MEMORY + 1, self._forget)
        self._changed(self.facts)

    def _forget(self) -> None:
        """When a memory ends, Consul may have nothing new to say."""
        self._forgetting = None
        self._learn(lost=False)

    def _changed(self, facts: Facts) -> None:
        facts = replace(
            facts,
            instances=tuple(self._instances.known.values()),
            remembered=self._instances.remembered,
            complete=all(self._known.values()),
        )
        if all(self._answered.values()):  # before that, what is on disk is better than what we know
            self._last_good.save(document=facts.raw, revision=facts.revision, instances=facts.instances)
        if facts != self.facts or not facts.version:
            self.facts = replace(facts, version=facts.version + 1)
            self._publish(self.facts)


def _holding(facts: Facts, parsed: Traffic, *, revision: int, raw: bytes | None) -> Facts:
    return replace(facts, traffic=parsed, revision=revision, raw=raw, refused=None)
