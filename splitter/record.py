"""Tells Consul what this sidecar did: its status key, bound to a session, and the history of revisions.

The status vanishes with the sidecar. Whoever sees a revision first creates its history entry (check-and-set 0), so
edits made in Consul's own UI are in the history too. Nothing here holds up a call or a table.
"""

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from mesh import contract
from mesh.consul import Consul, ConsulError, DeniedError, SessionLostError
from splitter.facts import Seen

SESSION_TTL: Final = 15.0
"""Seconds; a sidecar that was killed vanishes from the status within twice that."""
RETRY: Final = 1.0
LONGEST_RETRY: Final = SESSION_TTL / 3
"""Where only the history fails, the status goes on: a longer pause would lose its session."""
GOODBYE: Final = 2.0
"""Seconds that a Consul which does not answer may hold up our end."""
HISTORY_LIMIT: Final = 200
"""Entries kept; the oldest go."""
VALUE_LIMIT: Final = 500_000
"""Bytes of an entry; Consul refuses values above 512 KiB."""
TEXT_LIMIT: Final = 65_536
"""Bytes kept of a document that is not JSON, or too long."""

log = logging.getLogger(__name__)


class _HeldError(ConsulError):
    pass


_ANSWERS: Final = (SessionLostError, DeniedError, _HeldError)
"""Errors that are answers of a Consul in health."""


class Recorder:
    """Writes the status when told that there is news, and the history when told what was seen.

    `on_answer` is told whether Consul answers: a question that blocks for minutes cannot notice a Consul that hangs.
    """

    def __init__(
        self,
        consul: Consul,
        *,
        service: str,
        sidecar: str,
        status: Callable[[], dict[str, Any]],
        on_answer: Callable[[bool], None] = lambda does: None,
    ) -> None:
        self._consul = consul
        self._service = service
        self._sidecar = sidecar
        self._status = status
        self._on_answer = on_answer
        self._news = asyncio.Event()
        self._seen: deque[Seen] = deque(maxlen=HISTORY_LIMIT)
        self._session: str | None = None

    def on_news(self) -> None:
        """The status has changed."""
        self._news.set()

    def on_seen(self, seen: Seen) -> None:
        """A revision was applied or refused."""
        self._seen.append(seen)
        self._news.set()

    async def run(self) -> None:
        """Write until cancelled; what cannot be written now is written when Consul is back."""
        delay = RETRY
        try:
            while True:
                try:
                    async with asyncio.timeout(SESSION_TTL / 3):
                        await self._news.wait()
                except TimeoutError:
                    pass
                self._news.clear()
                # One may be denied and the other allowed
                written = [await self._tried(self._write_history), await self._tried(self._write_status)]
                if all(written):
                    self._on_answer(True)
                    delay = RETRY
                else:
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, LONGEST_RETRY)
                    self._news.set()
        finally:
            await self._leave()

    async def _tried(self, write: Callable[[], Awaitable[None]]) -> bool:
        """Whether it worked, or failed in a way that another try will not mend."""
        try:
            await write()
        except ConsulError as error:
            log.warning("%s", error)
            if isinstance(error, SessionLostError):
                self._session = None
            self._on_answer(isinstance(error, _ANSWERS))
            return False
        except Exception:  # a bug here must not end the data path
            log.exception("cannot tell Consul what this sidecar did")
            self._seen.clear()
        return True

    async def _write_status(self) -> None:
        if self._session is None:
            self._session = await self._consul.create_session(
                name=f"splitter {self._sidecar}", ttl=SESSION_TTL
            )
        else:
            await self._consul.renew_session(self._session)
        key = contract.status_prefix(self._service) + self._sidecar
        value = json.dumps({"sidecar": self._sidecar, **self._status()}).encode()
        if not await self._consul.put(key, value, acquire=self._session):
            raise _HeldError(f"the status key {key} is held by another session")

    async def _write_history(self) -> None:
        while self._seen:
            seen = self._seen[0]
            value = encoded(seen, sidecar=self._sidecar, at=time.time())
            if await self._consul.put(contract.history_key(self._service, seen.revision), value, cas=0):
                await self._forget_oldest()
            if self._seen and self._seen[0] is seen:  # else it has made room for newer ones meanwhile
                self._seen.popleft()

    async def _forget_oldest(self) -> None:
        entries = (await self._consul.list(contract.history_prefix(self._service))).value
        for old in entries[: max(0, len(entries) - HISTORY_LIMIT)]:
            await self._consul.delete(old.key)

    async def _leave(self) -> None:
        if self._session is not None:
            try:
                async with asyncio.timeout(GOODBYE):
                    await self._consul.destroy_session(self._session)
            except (ConsulError, TimeoutError) as error:
                log.warning("%s", error)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def encoded(seen: Seen, *, sidecar: str, at: float) -> bytes:
    """The value of a history key; a document that would not fit beside its problems is cut to a text."""
    whole = entry(seen, sidecar=sidecar, at=at)
    value = json.dumps(whole, separators=(",", ":")).encode()
    if len(value) > VALUE_LIMIT:
        whole |= {"document": seen.raw[:TEXT_LIMIT].decode(errors="replace"), "note": ""}
        value = json.dumps(whole).encode()
    return value


def entry(seen: Seen, *, sidecar: str, at: float) -> dict[str, Any]:
    """A history entry; the document as JSON where it is JSON, as text where it is not."""
    try:
        document: Any = json.loads(seen.raw, parse_constant=_refuse)
    except (ValueError, RecursionError):
        document = seen.raw[:TEXT_LIMIT].decode(errors="replace")
    note = document.get("note") if isinstance(document, dict) else None
    return {
        "revision": seen.revision,
        "at": at,
        "applied": not seen.refused,
        "problems": [{"path": each.path, "value": each.value, "rule": each.rule} for each in seen.refused],
        "document": document,
        "note": note if isinstance(note, str) else "",
        "sidecar": sidecar,
    }
