"""What `splitter.waiting` promises: in order, no longer than a call's time allows, and no more than may."""

import asyncio
from dataclasses import dataclass, field
from time import perf_counter_ns

from splitter.upstream import Upstream
from splitter.waiting import Waiting
from tests.splitter.wire import News


@dataclass(eq=False)
class Call:
    """Notes what becomes of it."""

    expires: int | None = None
    gone: bool = False
    told: str = ""
    news: News = field(default_factory=News)

    def attach(self, connection: Upstream) -> None:
        self._tell("attached")

    def reject(self, reason: str) -> None:
        self._tell(reason)

    def expire(self) -> None:
        self._tell("expired")

    def _tell(self, what: str) -> None:
        self.told = what
        self.news.tell()


async def until_told(*calls: Call) -> None:
    for call in calls:
        await call.news.until(lambda call=call: call.told)


def soon(milliseconds: int) -> int:
    return perf_counter_ns() + milliseconds * 1_000_000


async def test_the_first_that_came_is_the_first_to_be_served_and_who_left_is_not() -> None:
    waiting = Waiting(lambda: "")
    calls = [Call() for _ in range(3)]
    for call in calls:
        assert waiting.put(call)
    calls[1].gone = True
    assert [waiting.take() for _ in range(3)] == [calls[0], calls[2], None]
    waiting.reject("")


async def test_each_deadline_ends_its_own_call_whatever_the_order() -> None:
    waiting = Waiting(lambda: "")
    late, early, never = Call(soon(40)), Call(soon(5)), Call()
    for call in (late, early, never):
        waiting.put(call)
    await until_told(early)
    assert (early.told, late.told) == ("expired", "")
    await until_told(late)
    assert (late.told, never.told, len(waiting)) == ("expired", "", 1)
    waiting.reject("over")
    assert never.told == "over"


async def test_patience_ends_only_where_something_stands_in_the_way() -> None:
    reachable = Waiting(lambda: "", limit=0.005)
    unreachable = Waiting(lambda: "it is gone", limit=0.005)
    patient, impatient, late = Call(), Call(), Call(soon(30))
    reachable.put(patient)
    reachable.put(late)
    unreachable.put(impatient)
    await until_told(impatient, late)
    assert (impatient.told, late.told) == ("it is gone", "expired")
    assert patient.told == ""
    reachable.reject("over")


async def test_a_call_that_was_served_and_waits_again_is_not_ended_by_its_first_wait() -> None:
    waiting = Waiting(lambda: "it is gone", limit=0.02)
    call, other = Call(), Call()
    waiting.put(call)
    waiting.put(other)
    await asyncio.sleep(0.01)
    assert waiting.take() is call
    waiting.put(call)
    await until_told(other)
    assert call.told == ""
    await until_told(call)


async def test_no_more_wait_than_may_but_those_that_left_make_room() -> None:
    waiting = Waiting(lambda: "", most=2)
    calls = [Call() for _ in range(3)]
    assert [waiting.put(call) for call in calls] == [True, True, False]
    calls[0].gone = True
    assert waiting.put(calls[2])
    waiting.reject("over")


async def test_calls_that_were_served_are_not_kept_alive() -> None:
    waiting = Waiting(lambda: "")
    for _ in range(1_000):
        waiting.put(Call(soon(3_600_000)))
        waiting.take()
    assert len(waiting._times) <= 70
    waiting.reject("")
