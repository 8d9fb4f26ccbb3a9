"""The story: all on blue, shadow, canary, half and half, cut over, green breaks, rollback. In this order, once.

Each chapter makes its edits by the same code as the commands, lets the replay run for a number of calls, and
judges what came of it. What is shown is `Show`'s business.
"""

import asyncio
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from mesh import contract
from mesh.consul import Consul
from mesh.shadowing import IGNORED, RANKING, Compare, Criteria, OutputRule
from mesh.shadowing_words import compared, required
from mesh.traffic import GRAIN, Traffic
from rollout import edit, operate
from rollout.convergence import converge
from rollout.demo import promises
from rollout.demo.admin import Admin
from rollout.demo.client import KEY
from rollout.demo.obeyed import Obeyed, Probe
from rollout.demo.promises import Promise
from rollout.demo.replay import Replay
from rollout.demo.requests import Log
from rollout.demo.stage import Edit, Stage
from rollout.demo.tally import Tally
from rollout.local import SERVICE, Mesh
from rollout.operate import Terms
from rollout.view.change import Change

SALT = "green-v3"
NOISE = 1000
"""Hundredths of a percent of blue's calls that blue answers twice."""
COMPARE = Compare((("items", OutputRule(RANKING)), ("scores", OutputRule(IGNORED))))
"""The two models score on scales of their own; what compares is who stands among the ten."""
CRITERIA = Criteria(scores=(("items", 0.2),), p99=None)
CANARY = 0.10
HALF = 0.50


class Show(Protocol):
    """Where the story is told."""

    def opens(self, stage: Stage) -> None: ...
    def edited(self, made: Edit) -> None: ...
    def happened(self, what: str, seconds: float) -> None: ...
    def watching(self, stage: Stage, calls: int) -> AbstractContextManager[object]: ...
    def closes(self, stage: Stage) -> None: ...


class Story:
    """Tells it once; afterwards `stages` and `promises` hold what came of it."""

    def __init__(
        self, mesh: Mesh, log: Log, consul: Consul, replay: Replay, probe: Probe, admin: Admin, show: Show
    ) -> None:
        self.stages: list[Stage] = []
        self.shadows: dict[str, int] = {}
        """Of green, in the end: how many were begun, and what became of them."""
        self._mesh = mesh
        self._users = log.users
        self._consul = consul
        self._replay = replay
        self._probe = probe
        self._admin = admin
        self._show = show

    @property
    def promises(self) -> list[Promise]:
        """All of them: of the whole run first, then stage by stage."""
        edits = {each.command: each.obeyed for stage in self.stages for each in stage.edits}
        found = [promises.no_errors(self._replay.outcomes), promises.obeyed(edits)]
        return found + [promise for stage in self.stages for promise in stage.promises]

    async def tell(self, calls: int) -> None:
        """The whole story; `calls` are those of a long stage, a short one has half of them, the shadow twice."""
        blue = await self.all_on_blue(calls)
        await self.shadow(2 * calls, blue)
        canary = await self.canary(calls)
        half = await self.half(calls, canary)
        await self.cut_over(calls // 2, half)
        await self.green_breaks(calls // 2)
        await self.rollback(calls, half)
        self.shadows = await self._admin.shadows("green")

    async def all_on_blue(self, calls: int) -> Tally:
        stage = self._open("today", "All on blue", "the model of today serves everybody")
        stage.target = {"blue": 1.0}
        await self._shift(stage, f"blue=100 green=0 --key {KEY} --salt {SALT}", {"blue": GRAIN, "green": 0})
        await self._watch(stage, calls)
        stage.promises.append(promises.all_on("blue", stage.name, stage.tally))
        return self._close(stage)

    async def shadow(self, calls: int, before: Tally) -> Tally:
        stage = self._open(
            "shadow", "Shadow green", "green gets a copy of every call; nobody sees its answers"
        )
        stage.target = {"blue": 1.0}

        made = await self._apply(lambda now: replace(_there(now), compare=COMPARE, criteria=CRITERIA))
        self._mesh.document.write_bytes(edit.written(made.traffic))
        put = f"consul kv put {contract.traffic_key(SERVICE)} @{self._mesh.document.name}"
        says = f"compare {compared(COMPARE)}; ready if {required(CRITERIA)}"
        await self._edited(stage, put, made, says=says)

        def mirrored(now: Traffic | None) -> Traffic:
            after = edit.mirrored(_there(now), {"green": GRAIN}, timeout=2.0)
            return edit.mirrored(after, {"blue": NOISE}, timeout=2.0, role=contract.ROLE_NOISE)

        command = "verdigris mirror recommender green=100 --noise 10 --timeout 2s"
        await self._edited(stage, command, await self._apply(mirrored))
        begun = (await self._admin.shadows("green"))["begun"]
        await self._watch(stage, calls)
        stage.shadows = await self._settled_shadows(begun + stage.tally.calls)
        stage.promises.append(promises.all_on("blue", stage.name, stage.tally))
        stage.promises.append(promises.unchanged(before, stage.tally))
        stage.promises.append(promises.shadowed(stage.tally.calls, stage.shadows))
        return self._close(stage)

    async def canary(self, calls: int) -> Tally:
        stage = self._open(
            "canary 10 %", "Canary: 10 % of the users", "of users, not of calls: who is moved stays moved"
        )
        stage.target, stage.by_users = {"blue": 1 - CANARY, "green": CANARY}, True
        made = await self._apply(lambda now: edit.unmirrored(_there(now), ()))
        await self._edited(stage, "verdigris mirror recommender --off", made)
        await self._shift(
            stage, "blue=90 green=10", {"blue": 9000, "green": 1000}, shows=("green", self._users)
        )
        await self._watch(stage, calls)
        stage.promises.append(promises.share("green", CANARY, stage.name, stage.tally))
        stage.promises.append(promises.sticky(stage.name, stage.tally))
        return self._close(stage)

    async def half(self, calls: int, canary: Tally) -> Tally:
        stage = self._open("half and half", "Half of the users", "the figures held, so the share grows")
        stage.target, stage.by_users = {"blue": 1 - HALF, "green": HALF}, True
        shows = ("green", canary.users_of("blue"))
        await self._shift(stage, "blue=50 green=50", {"blue": 5000, "green": 5000}, shows=shows)
        await self._watch(stage, calls)
        stage.promises.append(promises.share("green", HALF, stage.name, stage.tally))
        stage.promises.append(promises.sticky(stage.name, stage.tally))
        stage.promises.append(promises.nobody_back("green", canary, stage.tally))
        return self._close(stage)

    async def cut_over(self, calls: int, half: Tally) -> Tally:
        stage = self._open(
            "cut over", "Blue/green: cut over", "everybody at once, in one write; blue stays warm"
        )
        stage.target = {"green": 1.0}
        shows = ("green", half.users_of("blue"))
        await self._shift(stage, "blue=0 green=100", {"blue": 0, "green": GRAIN}, shows=shows)
        await self._watch(stage, calls)
        stage.promises.append(promises.all_on("green", stage.name, stage.tally))
        return self._close(stage)

    async def green_breaks(self, calls: int) -> Tally:
        stage = self._open(
            "green breaks", "Green breaks", "its only server is killed while it serves everybody"
        )
        stage.target = {"blue": 1.0}
        killed = time.monotonic()
        self._mesh.parts["green"].kill()
        survived = await self._probe.answer_by("blue", self._users, since=killed)
        self._happened(stage, "SIGKILL; blue answers", survived)
        stage.tally = self._replay.begin()
        await self._watch(stage, calls)
        stage.promises.append(promises.all_on("blue", stage.name, stage.tally))
        return self._close(stage)

    async def rollback(self, calls: int, half: Tally) -> Tally:
        stage = self._open(
            "rollback", "Rollback, and green comes back", "the document before that, half and half, again"
        )
        stage.target, stage.by_users = {"blue": 1 - HALF, "green": HALF}, True
        made = await operate.rollback(self._consul, SERVICE, to=None, terms=Terms(wait=None))
        await self._edited(stage, "verdigris rollback recommender", made)
        await self._mesh.start_model("green")
        back = await self._probe.answer_by("green", half.users_of("green"), since=time.monotonic())
        self._happened(stage, "green is healthy again and answers", back)
        stage.tally = self._replay.begin()
        await self._watch(stage, calls)
        stage.promises.append(promises.share("green", HALF, stage.name, stage.tally))
        stage.promises.append(promises.sticky(stage.name, stage.tally))
        stage.promises.append(promises.same_users("green", half, stage.tally))
        return self._close(stage)

    def _open(self, name: str, title: str, why: str) -> Stage:
        stage = Stage(name, title, why)
        self._show.opens(stage)
        return stage

    def _close(self, stage: Stage) -> Tally:
        self.stages.append(stage)
        self._show.closes(stage)
        return stage.tally

    async def _shift(
        self,
        stage: Stage,
        words: str,
        split: dict[str, int],
        *,
        shows: tuple[str, Iterable[int]] | None = None,
    ) -> None:
        def change(now: Traffic | None) -> Traffic:
            after = edit.shift(now or Traffic(split=()), split)
            return edit.keyed(after, metadata=KEY, salt=SALT)

        await self._edited(
            stage, f"verdigris shift recommender {words}", await self._apply(change), shows=shows
        )

    async def _apply(self, change: operate.Edit) -> Change:
        return await operate.apply(self._consul, SERVICE, change, did="", terms=Terms(wait=None))

    async def _edited(
        self,
        stage: Stage,
        command: str,
        made: Change,
        *,
        shows: tuple[str, Iterable[int]] | None = None,
        says: str = "",
    ) -> None:
        """Measure the edit; calls that start from here on count for the stage."""
        since = made.written_at
        if shows:
            probing = self._probe.answer_by(shows[0], shows[1], since=since)
        else:
            probing = self._probe.table_at(made.revision, since=since)
        converging = converge(self._consul, SERVICE, made.revision, since=since, within=operate.WAIT)
        obeyed, convergence = await asyncio.gather(probing, converging)
        stage.edits.append(Edit(command, made.revision, made.traffic, obeyed, convergence, says))
        self._show.edited(stage.edits[-1])
        stage.tally = self._replay.begin()

    async def _watch(self, stage: Stage, calls: int) -> None:
        with self._show.watching(stage, calls):
            await self._replay.until(stage.tally, calls)
        await self._replay.close(stage.tally)

    async def _settled_shadows(self, at_least: int) -> dict[str, int]:
        """The shadows' accounts once every one that was begun has ended, or after two seconds."""
        ends = time.monotonic() + 2
        while True:
            found = await self._admin.shadows("green")
            settled = found["begun"] >= at_least and 2 * found["begun"] == sum(found.values())
            if settled or time.monotonic() > ends:
                return found

    def _happened(self, stage: Stage, what: str, obeyed: Obeyed) -> None:
        stage.events.append((what, obeyed.seconds))
        self._show.happened(what, obeyed.seconds)


def _there(now: Traffic | None) -> Traffic:
    if now is None:
        raise ValueError("somebody has deleted the document during the demo")
    return now
