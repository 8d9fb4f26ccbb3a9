"""Sidecars without traffic: each keeps the status and history keys as the design says, obedient or not.

They stand in for the splitter where a test needs one that is deaf or of another opinion; the splitter's own
keys are tested end to end.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from mesh import contract
from mesh.consul import Consul, ConsulAddress, Entry
from mesh.traffic import Invalid, Problem, parse

LIFE = 3600
"""Seconds that its session lasts: nobody renews it, and no test takes as long."""

Opinion = Callable[[bytes], tuple[Problem, ...]]
"""Why a sidecar refuses a document; nothing if it applies it."""


def valid(raw: bytes) -> tuple[Problem, ...]:
    """Refuses what `mesh.traffic` refuses."""
    try:
        parse(raw)
    except Invalid as error:
        return error.problems
    return ()


def contrary(raw: bytes) -> tuple[Problem, ...]:
    """Refuses everything, as an older version would refuse what it does not know."""
    return (Problem("split", "…", "is too new for me"),)


@asynccontextmanager
async def sidecar(
    consul_address: str, service: str, *, id: str = "sidecar-1", opinion: Opinion = valid, deaf: bool = False
) -> AsyncIterator[None]:
    """A live sidecar of the service; a `deaf` one looks once at the beginning and never again.

    It is told of the latest document only, as every watcher of Consul is. If it fails, so does the test.
    """
    async with Consul(ConsulAddress.parse(consul_address)) as consul:
        session = await consul.create_session(name=id, ttl=LIFE)
        state = _State(service, id, opinion)
        index = await state.look(consul, session, index=None)
        try:
            async with asyncio.TaskGroup() as tasks:
                following = None if deaf else tasks.create_task(_follow(state, consul, session, index))
                yield
                if following:
                    following.cancel()
        finally:
            await consul.destroy_session(session)


async def _follow(state: "_State", consul: Consul, session: str, index: int) -> None:
    while True:
        index = await state.look(consul, session, index=index)


class _State:
    def __init__(self, service: str, id: str, opinion: Opinion) -> None:
        self.service, self.id, self.opinion = service, id, opinion
        self.applied, self.applied_at = 0, time.time()
        self.error: dict[str, object] | None = None

    async def look(self, consul: Consul, session: str, *, index: int | None) -> int:
        answer = await consul.get(contract.traffic_key(self.service), index=index, wait=30)
        if answer.value is not None:
            await self._judge(consul, answer.value)
        status = {
            "sidecar": self.id,
            "service": self.service,
            "revision": self.applied,
            "applied_at": self.applied_at,
            "warnings": [],
            "error": self.error,
            "endpoints": {"blue": {"registered": 1, "healthy": 1}},
            "admin": "127.0.0.1:9001",
        }
        key = f"{contract.status_prefix(self.service)}{self.id}"
        await consul.put(key, json.dumps(status).encode(), acquire=session)
        return answer.index

    async def _judge(self, consul: Consul, entry: Entry) -> None:
        problems = self.opinion(entry.value)
        told = [{"path": each.path, "value": each.value, "rule": each.rule} for each in problems]
        if problems:
            self.error = {"revision": entry.revision, "problems": told}
        else:
            self.applied, self.applied_at, self.error = entry.revision, time.time(), None
        try:
            document = json.loads(entry.value)
        except ValueError:
            document = entry.value.decode(errors="replace")
        history = {
            "revision": entry.revision,
            "at": time.time(),
            "applied": not problems,
            "problems": told,
            "document": document,
            "note": document.get("note", "") if isinstance(document, dict) else "",
            "sidecar": self.id,
        }
        await consul.put(
            contract.history_key(self.service, entry.revision), json.dumps(history).encode(), cas=0
        )
