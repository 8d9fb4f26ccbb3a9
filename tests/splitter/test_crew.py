"""What `splitter.crew` promises: what holds is what every worker obeys, and figures are sums."""

import asyncio
from typing import Any

from mesh import traffic
from splitter.crew import Crew
from splitter.facts import Facts
from splitter.figures import Figures
from splitter.member import Member
from splitter.worker import Orders


class Scripted(Member):
    """A worker that says what the test lets it say."""

    def __init__(self, number: int, crew: "Scene") -> None:
        super().__init__(Orders(number, "host-1", 1, ()), on_report=lambda: crew.told())
        self.told: list[bytes] = []
        self.counted: Figures = {}
        self.shown: dict[str, Any] | None = None

    def tell(self, facts: bytes) -> None:
        self.told.append(facts)

    def says(self, version: int, revision: int, *warnings: str, listening: bool = True) -> None:
        self._take(
            "report",
            {
                "version": version,
                "listening": listening,
                "status": {
                    "service": "films",
                    "revision": revision,
                    "applied_at": 0.0,
                    "warnings": list(warnings),
                    "error": None,
                    "endpoints": {"blue": {"registered": 1, "healthy": 1}},
                },
            },
        )

    def dies(self, how: str) -> None:
        self.report, self.ended = None, how
        self._on_report()

    async def figures(self) -> Figures:
        return self.counted

    async def table(self) -> dict[str, Any] | None:
        return self.shown


class Scene:
    """A crew of scripted workers."""

    def __init__(self, count: int = 2) -> None:
        self.told = lambda: None
        self.news = 0
        self.workers = [Scripted(number, self) for number in range(1, count + 1)]
        self.crew = Crew("films", self.members)
        self.crew.on_news = self.heard

    def members(self, told: Any) -> list[Scripted]:
        self.told = told
        return self.workers

    def heard(self) -> None:
        self.news += 1


def row(port: int, **more: Any) -> dict[str, Any]:
    return {
        "color": "blue",
        "address": "10.0.0.7",
        "port": port,
        "id": f"b-{port}",
        "passing": True,
        "connected": True,
        "in_flight": 1,
        "usable": True,
        "problem": None,
        "ejected": False,
        "failures": 0,
    } | more


def table(revision: int, *rows: dict[str, Any]) -> dict[str, Any]:
    return {
        "revision": revision,
        "document": {"split": {"blue": 100}},
        "split": {"blue": 100.0},
        "endpoints": list(rows),
        "shadow_endpoints": [],
        "counts": {"blue": 2, "(none)": 1},
        "mirrored": {},
        "noise": {"blue": 2},
        "recorders": [{"pid": 7, "restarts": 0, "waiting": 0}],
        "clients": 3,
        "in_flight": 1,
    }


def test_facts_are_told_to_everybody() -> None:
    scene = Scene(3)
    facts = Facts(traffic.default("blue"), version=1)
    scene.crew.publish(facts)
    assert [each.told for each in scene.workers] == [[facts.to_json()]] * 3


def test_a_revision_counts_when_the_last_one_obeys() -> None:
    scene = Scene()
    one, other = scene.workers
    one.says(1, 7)
    other.says(1, 7)
    one.says(2, 8)
    assert scene.crew.status()["revision"] == 7
    other.says(2, 8)
    assert scene.crew.status()["revision"] == 8
    assert scene.news == 4


def test_so_does_a_deletion_though_its_revision_is_lower() -> None:
    """It is the version that grows; the revision of no document is 0."""
    scene = Scene()
    for each in scene.workers:
        each.says(1, 7)
    scene.workers[0].says(2, 0)
    assert scene.crew.status()["revision"] == 7
    scene.workers[1].says(2, 0)
    assert scene.crew.status()["revision"] == 0


def test_the_time_is_that_at_which_the_last_one_obeyed_and_a_restart_is_no_news() -> None:
    scene = Scene()
    one, other = scene.workers
    one.says(1, 7)
    other.says(1, 7)
    at = scene.crew.status()["applied_at"]
    other.dies("was ended by SIGKILL")
    other.says(0, 0, listening=False)
    other.says(1, 7)
    assert scene.crew.status()["applied_at"] == at
    one.says(2, 8)
    other.says(2, 8)
    assert scene.crew.status()["applied_at"] > at


def test_a_worker_that_is_starting_takes_no_calls_and_so_holds_nothing_up() -> None:
    scene = Scene()
    one, other = scene.workers
    for each in scene.workers:
        each.says(1, 7)
    other.dies("was ended by SIGSEGV")
    one.says(2, 8)
    other.says(0, 0, listening=False)
    status = scene.crew.status()
    assert (status["revision"], status["warnings"]) == (
        8,
        ["worker 2 was ended by SIGSEGV; it is started again"],
    )
    assert scene.crew.obstacle() == "waiting for worker 2"
    other.says(2, 8)
    assert (scene.crew.status()["warnings"], scene.crew.obstacle()) == ([], "")


def test_with_all_of_them_down_the_status_says_what_held_last() -> None:
    scene = Scene()
    for each in scene.workers:
        each.says(1, 7)
    for each in scene.workers:
        each.dies("ended with 1")
    status = scene.crew.status()
    assert status["revision"] == 7
    assert len(status["warnings"]) == 2


def test_it_is_ready_when_all_have_listened() -> None:
    scene = Scene()
    scene.workers[0].says(1, 7)
    scene.workers[1].says(1, 7, listening=False)
    assert not scene.crew.ready.is_set()
    scene.workers[1].says(1, 7)
    assert scene.crew.ready.is_set()


def test_what_any_of_them_warns_of_is_a_warning_once() -> None:
    scene = Scene()
    scene.workers[0].says(1, 7, "a", "b")
    scene.workers[1].says(1, 7, "b", "c")
    assert scene.crew.status()["warnings"] == ["a", "b", "c"]


async def test_figures_are_sums_and_say_how_many_they_are() -> None:
    scene = Scene()
    scene.workers[0].counted = {"verdigris_calls_total": {("/m", "blue", "split", "OK"): 2}}
    scene.workers[1].counted = {"verdigris_calls_total": {("/m", "blue", "split", "OK"): 3}}
    scene.workers[0].says(1, 7)
    scene.workers[1].restarts = 4
    assert await scene.crew.figures() == {
        "verdigris_calls_total": {("/m", "blue", "split", "OK"): 5},
        "verdigris_workers": {("listening",): 1, ("wanted",): 2},
        "verdigris_worker_restarts_total": {(): 4},
    }


async def test_the_table_shows_the_sum_and_in_a_few_words_each() -> None:
    scene = Scene(3)
    one, other, dead = scene.workers
    for each in (one, other):
        each.says(1, 7)
    dead.dies("was ended by SIGKILL")
    loop = "the endpoint is this sidecar itself"
    one.shown = table(7, row(1), row(2, connected=False, in_flight=0), row(3))
    other.shown = table(
        7, row(1, in_flight=4), row(2, usable=False, problem=loop), row(3, ejected=True, failures=7)
    )
    shown = await scene.crew.table()
    assert shown["counts"] == {"blue": 4, "(none)": 2}
    assert (shown["clients"], shown["in_flight"], shown["revision"]) == (6, 2, 7)
    assert shown["endpoints"] == [
        row(1, in_flight=5),
        row(2, connected=False, in_flight=1, usable=False, problem=loop),
        row(3, in_flight=2, ejected=True, failures=7),
    ]
    assert {each["number"]: (each["listening"], each["endpoints"]) for each in shown["workers"]} == {
        1: (True, {"blue 10.0.0.7:1": 1, "blue 10.0.0.7:2": "not connected", "blue 10.0.0.7:3": 1}),
        2: (True, {"blue 10.0.0.7:1": 4, "blue 10.0.0.7:2": loop, "blue 10.0.0.7:3": "ejected"}),
        3: (False, {}),
    }


async def test_a_table_that_nobody_shows_is_still_a_status() -> None:
    scene = Scene()
    shown = await scene.crew.table()
    assert (shown["service"], shown["revision"], len(shown["workers"])) == ("films", 0, 2)


async def test_those_that_end_in_time_are_not_killed() -> None:
    class Quick(Scripted):
        killed = False

        async def run(self) -> None:
            await self._draining.wait()

        def kill(self) -> None:
            self.killed = True

    scene = Scene(0)
    crew = Crew("films", lambda told: [Quick(1, scene), Quick(2, scene)])
    async with asyncio.TaskGroup() as group:
        crew.run(group)
        await crew.drain(10)
    assert [each.killed for each in crew.members if isinstance(each, Quick)] == [False, False]
