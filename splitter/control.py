"""Turns what Consul says into tables: the traffic document, the instances, and the last good of both.

A bad document changes nothing: the last good one stays, the reason is kept for status, log and metrics, and the
next good one is applied. Endpoints never wait for a good document. Everything here runs on the event loop and
assigns one reference, `Switch.table`, whenever anything changed.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from mesh import traffic as document
from mesh.consul import Answer, Entry, Instance
from mesh.follow import Question
from mesh.traffic import Invalid, Problem, Traffic
from splitter.endpoints import MEMORY, Endpoints
from splitter.lastgood import LastGood
from splitter.switch import Switch
from splitter.table import build

T = TypeVar("T")

UNSURE: Final = 15.0
"""Seconds after a failure of Consul in which what is missing counts as its loss, not as somebody's edit."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refused:
    """A revision that was not applied, and why."""

    revision: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A revision that Consul showed us, for the history."""

    revision: int
    raw: bytes
    refused: tuple[Problem, ...]


class Control:
    """What holds now, for one service. `on_news` is called after each change of what `status` would say."""

    def __init__(
        self,
        *,
        service: str,
        default_color: str,
        switch: Switch,
        group: asyncio.TaskGroup,
        last_good: LastGood,
        on_news: Callable[[], None] = lambda: None,
        on_seen: Callable[[Seen], None] = lambda seen: None,
    ) -> None:
        self.service = service
        self.switch = switch
        self.endpoints = Endpoints(group, on_change=self.rebuild)
        self.shadow_endpoints = Endpoints(group, on_change=self.rebuild)
        self.revision = 0
        self.applied_at = time.time()
        self.refused: Refused | None = None
        self.warnings: tuple[str, ...] = ()
        self.ready = asyncio.Event()
        """Both a document (or its absence) and the instances are known: calls can be taken."""
        self._default = document.default(default_color)
        self._traffic: Traffic = self._default
        self._has_document = False
        self._raw: bytes | None = None
        self._missing = ""
        self._failed_at = float("-inf")
        self._known = {"document": False, "instances": False}
        self._answered = {"document": False, "instances": False}
        """What Consul itself has said since the start; the rest is known from disk."""
        self._down: set[str] = set()
        self._listed: tuple[Instance, ...] = ()
        self._last_good = last_good
        self._on_news = on_news
        self._on_seen = on_seen

    # What Consul says

    def watched(self, name: str, ask: Question[T]) -> Question[T]:
        """The same question; whether it is answered is noticed, though the answer may bring nothing new."""

        async def asked(*, index: int | None, wait: float) -> Answer[T]:
            try:
                answer = await ask(index=index, wait=wait)
            except Exception:
                self._down.add(name)
                raise
            self._down.discard(name)
            return answer

        return asked

    def on_document(self, entry: Entry | None, restarted: bool) -> None:
        """The key's value, or its absence."""
        self._known["document"] = self._answered["document"] = True
        self._missing = ""
        if entry is None:
            if self._has_document and (restarted or self._is_unsure()):
                self._missing = (
                    "the traffic document has vanished with a failure of Consul; the last good one stays"
                )
            else:
                self._apply(self._default, revision=0, raw=None)
        else:
            try:
                parsed = document.parse(entry.value)
            except Invalid as invalid:
                self.refused = Refused(entry.revision, tuple(invalid.problems))
                log.error("revision %d of the traffic document is refused:\n%s", entry.revision, invalid)
                self._on_seen(Seen(entry.revision, entry.value, self.refused.problems))
            else:
                self._apply(parsed, revision=entry.revision, raw=entry.value)
                self._on_seen(Seen(entry.revision, entry.value, ()))
        self._changed()

    def on_instances(self, instances: tuple[Instance, ...], restarted: bool) -> None:
        """Every registered instance of the service."""
        self._known["instances"] = self._answered["instances"] = True
        # Without `service:read` Consul answers 200 with an empty list: that is no deregistration either
        vanished = not instances and bool(self.endpoints.instances)
        if restarted or vanished:
            for endpoints in (self.endpoints, self.shadow_endpoints):
                endpoints.doubt()
        self._listed = instances
        self._learn(lost=restarted or vanished or self._is_unsure())

    def _learn(self, *, lost: bool) -> None:
        for endpoints in (self.endpoints, self.shadow_endpoints):
            endpoints.learn(self._listed, lost=lost, now=time.monotonic())
        if self.endpoints.remembers:
            asyncio.get_running_loop().call_later(MEMORY + 1, partial(self._learn, lost=False))
        self._changed()

    def on_consul_error(self, error: Exception) -> None:
        """Consul did not answer. What holds goes on holding; a start falls back on what is on disk."""
        self._failed_at = time.monotonic()
        log.warning("%s", error)
        for endpoints in (self.endpoints, self.shadow_endpoints):
            endpoints.doubt()
        saved = None if all(self._known.values()) else self._last_good.load()
        if saved is None:
            return
        if not self._known["document"]:
            self._known["document"] = True
            if saved.document is not None:
                self._apply(document.parse(saved.document), revision=saved.revision, raw=saved.document)
                self._missing = "Consul has not answered yet; the last good document on disk is applied"
        if not self._known["instances"] and saved.instances:
            self._known["instances"] = True
            for endpoints in (self.endpoints, self.shadow_endpoints):
                endpoints.learn(saved.instances, lost=True, now=time.monotonic())
        self._changed()

    @property
    def consul_up(self) -> bool:
        """Consul answered when it was last asked, both for the document and for the instances."""
        return not self._down

    def _is_unsure(self) -> bool:
        return time.monotonic() - self._failed_at < UNSURE

    def _apply(self, parsed: Traffic, *, revision: int, raw: bytes | None) -> None:
        self._traffic, self._raw, self._has_document = parsed, raw, raw is not None
        self.revision, self.refused = revision, None
        self.applied_at = time.time()
        log.info("revision %d is applied: %s", revision, parsed)

    # What holds

    def _changed(self) -> None:
        self.rebuild()
        if all(self._answered.values()):  # before that, what is on disk is better than what we know
            self._last_good.save(
                document=self._raw,
                revision=self.revision,
                instances=tuple(self.endpoints.instances.values()),
            )
        if all(self._known.values()):
            self.ready.set()

    def rebuild(self) -> None:
        """Publish the table for what is known now."""
        traffic = self._traffic
        named = {share.color for share in traffic.split} | {each.color for each in traffic.overrides}
        self.endpoints.want(named)
        self.shadow_endpoints.want({mirror.color for mirror in traffic.mirror if mirror.weight})
        pools = self.endpoints.available()
        warnings = [self._missing] if self._missing else []
        warnings += [
            f"instance {id} is no longer listed by Consul, which has failed; it is kept for a while"
            for id in self.endpoints.remembers
        ]
        if not pools:
            pools = self.endpoints.reachable()
            if pools:
                warnings.append("no instance passes its health checks: all that accept connections are used")
        self.switch.table = build(
            service=self.service,
            revision=self.revision,
            traffic=traffic,
            has_document=self._has_document,
            pools=pools,
            shadow_pools=self.shadow_endpoints.available(),
            previous=self.switch.table,
        )
        self.endpoints.let_go()
        self.shadow_endpoints.let_go()
        counts = self.endpoints.counts()
        for color in sorted(named | {mirror.color for mirror in traffic.mirror}):
            if color not in counts:
                warnings.append(f"no instance of colour {color} is registered")
            elif color in named and color not in self.switch.table.targets:
                warnings.append(f"colour {color} has no healthy endpoint; its share is redistributed")
        self.warnings = tuple(warnings)
        self._on_news()

    def describe(self) -> dict[str, Any]:
        """What the status key and `/table` both say."""
        refused = self.refused
        return {
            "service": self.service,
            "revision": self.revision,
            "applied_at": self.applied_at,
            "warnings": list(self.warnings),
            "error": {
                "revision": refused.revision,
                "problems": [
                    {"path": each.path, "value": each.value, "rule": each.rule} for each in refused.problems
                ],
            }
            if refused
            else None,
        }

    @property
    def traffic(self) -> Traffic:
        """The document that is applied."""
        return self._traffic
