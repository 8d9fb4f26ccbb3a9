"""How long an edit takes to be obeyed: from the write's return to the first call answered by the new rule.

Measured on a connection that was open before the edit, by calls back to back. Where the new rule shows in an
answer's colour, the time ends with the first such answer; where it cannot (a shadow changes no answer, and a dead
colour is replaced before and after), it ends when the splitter's table shows the revision.
"""

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from rollout.demo.admin import Admin
from rollout.demo.client import Recommender
from rollout.demo.replay import Replay
from rollout.demo.requests import Request

GIVE_UP: Final = 5.0
"""Seconds after which an edit counts as not obeyed."""

FIRST_ANSWER: Final = "first answer by the new rule"
TABLE: Final = "the splitter's table"


@dataclass(frozen=True, slots=True)
class Obeyed:
    """Seconds from the write's return, and what showed it; `in_time` is False where nobody obeyed at all."""

    seconds: float
    shown_by: str
    in_time: bool


class Probe:
    """Its own open connection, beside those of the replay; its calls count like all others."""

    def __init__(self, client: Recommender, admin: Admin, replay: Replay) -> None:
        self._client = client
        self._admin = admin
        self._replay = replay

    async def warm(self) -> None:
        """Open the connection."""
        await self._ask(Request(1, 0))

    async def answer_by(self, color: str, users: Iterable[int], *, since: float) -> Obeyed:
        """Ask for these users in turn until `color` answers one of them."""
        turn = cycle(users)

        async def holds() -> bool:
            return await self._ask(Request(next(turn), 0)) == color

        return await _until(holds, since=since, shown_by=FIRST_ANSWER)

    async def table_at(self, revision: int, *, since: float) -> Obeyed:
        """Look at the table until it shows the revision."""

        async def holds() -> bool:
            return await self._admin.revision() == revision

        return await _until(holds, since=since, shown_by=TABLE)

    async def _ask(self, request: Request) -> str:
        answer = await self._client.recommend(request)
        self._replay.outcomes[answer.code] += 1
        return answer.color if answer.ok else ""


async def _until(holds: Callable[[], Awaitable[bool]], *, since: float, shown_by: str) -> Obeyed:
    while not (held := await holds()) and time.monotonic() - since < GIVE_UP:
        pass  # every look is a call of its own
    return Obeyed(time.monotonic() - since, shown_by, held)
