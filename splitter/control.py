"""Turns facts into tables: what is known of the service becomes what the next call obeys.

One per data path. Whoever knows gives it whole facts: `splitter.knowledge` in the same process, or another process
of the sidecar. Everything here runs on the event loop and assigns one reference, `Switch.table`, whenever the facts
or the state of an endpoint have changed.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from mesh import contract
from mesh.traffic import Traffic
from mesh.words import told
from splitter.endpoint import Endpoint, Secure
from splitter.endpoints import Endpoints
from splitter.facts import Facts
from splitter.switch import Switch
from splitter.table import build

log = logging.getLogger(__name__)


class Control:
    """What holds now, for one data path. `on_news` is called after each change of what `describe` would say."""

    def __init__(
        self,
        *,
        facts: Facts,
        switch: Switch,
        group: asyncio.TaskGroup,
        tls: Secure | None = None,
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        self.service = switch.table.service
        self.switch = switch
        observer = switch.observer
        wiring = switch.wiring
        self.endpoints = Endpoints(group, on_change=self.rebuild, observer=observer, tls=tls, wiring=wiring)
        self.shadow_endpoints = Endpoints(
            group, on_change=self.rebuild, observer=observer, tls=tls, wiring=wiring
        )
        self.facts = facts
        self.applied_at = time.time()
        self.warnings: tuple[str, ...] = ()
        self.ready = asyncio.Event()
        """The facts are complete: calls can be taken."""
        self._on_news = on_news
        self._left_out: dict[tuple[str, Endpoint], bool] = {}

    @property
    def traffic(self) -> Traffic:
        """The document that is applied."""
        return self.facts.traffic

    @property
    def revision(self) -> int:
        """Of the document that is applied; 0 for the default."""
        return self.facts.revision

    def learn(self, facts: Facts) -> None:
        """Obey these from now on."""
        before, self.facts = self.facts, facts
        if (before.revision, before.raw) != (facts.revision, facts.raw):
            self.applied_at = time.time()
            log.info("%s is applied: %s", _named(facts), told(facts.traffic))
        for endpoints in (self.endpoints, self.shadow_endpoints):
            endpoints.learn(facts.instances, remembered=facts.remembered)
        self.rebuild()
        if facts.complete:
            self.ready.set()

    def ejections(self) -> dict[tuple[str, Endpoint], bool]:
        """Whether an endpoint is left out because calls to it fail, by the role of these calls and by endpoint."""
        roles = ((contract.ROLE_PRIMARY, self.endpoints), (contract.ROLE_SHADOW, self.shadow_endpoints))
        return {
            (role, endpoint): pool.ejection.ejected
            for role, endpoints in roles
            for endpoint, pool in endpoints.pools.items()
        }

    def rebuild(self) -> None:
        """Publish the table for what is known now."""
        facts, traffic = self.facts, self.facts.traffic
        named = {share.color for share in traffic.split} | {each.color for each in traffic.overrides}
        self.endpoints.want(named)
        self.shadow_endpoints.want({mirror.color for mirror in traffic.mirror if mirror.weight})
        pools = self.endpoints.available()
        warnings = [facts.missing] if facts.missing else []
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
            revision=facts.revision,
            traffic=traffic,
            has_document=facts.raw is not None,
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
        warnings += dict.fromkeys((*self.endpoints.problems(), *self.shadow_endpoints.problems()))
        warnings += self._note_ejections()
        self.warnings = tuple(warnings)
        self._on_news()

    def _note_ejections(self) -> list[str]:
        """A warning for each endpoint that is left out; one that is no longer is a line of the log."""
        before, self._left_out = self._left_out, self.ejections()
        for (role, endpoint), was in before.items():
            if was and self._left_out.get((role, endpoint)) is False:
                log.info("%s gets %s calls again: its probe was answered", endpoint, role)
        return [
            f"{endpoint} is left out of {role} calls for a while, because those that it got have failed"
            for (role, endpoint), left_out in self._left_out.items()
            if left_out
        ]

    def describe(self) -> dict[str, Any]:
        """What the status key and `/table` both say."""
        refused = self.facts.refused
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


def _named(facts: Facts) -> str:
    return f"revision {facts.revision}" if facts.raw is not None else "the default, for there is no document,"
