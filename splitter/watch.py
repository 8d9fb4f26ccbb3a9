"""The sidecar's one conversation with Consul: what it asks again and again, and what it tells.

However many processes serve calls, one of them holds this: two blocking queries, a session, the status key, the
history and the file of the last good document.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from mesh import contract
from mesh.consul import Consul
from mesh.follow import follow
from splitter.facts import Facts
from splitter.knowledge import Knowledge
from splitter.lastgood import LastGood
from splitter.record import Recorder
from splitter.settings import Settings


class Watch:
    """Calls `publish` with the facts whenever they change, and asks `status` what to tell."""

    def __init__(
        self,
        consul: Consul,
        settings: Settings,
        *,
        publish: Callable[[Facts], None],
        status: Callable[[], dict[str, Any]],
    ) -> None:
        self._consul = consul
        self._service = settings.service
        self.admin: str | None = None
        """Where the admin port is, for the status."""
        self._recorder = Recorder(
            consul,
            service=settings.service,
            sidecar=settings.sidecar,
            status=lambda: {**status(), "admin": self.admin},
            on_answer=lambda does: self.knowledge.answers("status", does),
        )
        self.knowledge = Knowledge(
            default_color=settings.default_color,
            last_good=LastGood(settings.state_dir, settings.service),
            publish=publish,
            on_seen=self._recorder.on_seen,
        )

    def on_news(self) -> None:
        """The status has changed."""
        self._recorder.on_news()

    def follow(self, group: asyncio.TaskGroup) -> None:
        """Begin to ask."""
        knowledge, consul = self.knowledge, self._consul
        document_loop = follow(
            knowledge.watched("document", partial(consul.get, contract.traffic_key(self._service))),
            publish=knowledge.on_document,
            on_error=knowledge.on_consul_error,
        )
        instances_loop = follow(
            knowledge.watched("instances", partial(consul.instances, self._service)),
            publish=knowledge.on_instances,
            on_error=knowledge.on_consul_error,
        )
        group.create_task(document_loop, name="follow document")
        group.create_task(instances_loop, name="follow instances")

    def record(self, group: asyncio.TaskGroup) -> None:
        """Begin to tell: calls are taken."""
        group.create_task(self._recorder.run(), name="status and history")
