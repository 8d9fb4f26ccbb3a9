"""What `mesh.follow` promises: the six rules on a script and a clock of ours, then against a real agent."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
import pytest_asyncio

from mesh.consul import Answer, Consul, ConsulAddress, ConsulError, Entry
from mesh.follow import GAP, LAST_BACK_OFF, Question, Script, follow
from tests.consul_agent import ConsulAgent, consul_binary

needs_consul = pytest.mark.skipif(consul_binary() is None, reason="consul: not installed; run `make consul`")


class Clock:
    """Time that passes only while somebody sleeps, or when told; keeps what was slept."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


async def play(script: Script[str], clock: Clock, *, jitter: float = 0.0) -> list[tuple[str, bool]]:
    """Follow the script to its end; returns what was published."""
    published: list[tuple[str, bool]] = []
    following = asyncio.create_task(
        follow(
            script,
            publish=lambda value, restarted: published.append((value, restarted)),
            on_error=lambda error: None,
            clock=clock,
            sleep=clock.sleep,
            jitter=lambda: jitter,
            wait=300,
        )
    )
    async with asyncio.timeout(10):
        await script.finished.wait()
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    return published


async def test_the_first_question_answers_at_once_and_the_next_waits_past_its_index() -> None:
    script = Script(Answer(7, "a"), Answer(9, "b"))
    assert await play(script, Clock()) == [("a", False), ("b", False)]
    assert [index for index, _ in script.asked] == [None, 7, 9]
    assert {wait for _, wait in script.asked} == {300}


async def test_rule_1_the_same_index_is_nothing_new() -> None:
    """Not even its content is looked at: between two answers of one index nothing can have changed."""
    script = Script(Answer(7, "a"), Answer(7, "never compared"), Answer(7, "a"))
    assert await play(script, Clock()) == [("a", False)]
    assert [index for index, _ in script.asked] == [None, 7, 7, 7]


async def test_rule_2_an_index_that_went_backwards_starts_from_0_and_says_so() -> None:
    script = Script(Answer(90, "a"), Answer(3, "lost"), Answer(3, "lost"), Answer(4, "edited"))
    assert await play(script, Clock()) == [("a", False), ("lost", True), ("edited", False)]
    assert [index for index, _ in script.asked] == [None, 90, None, 3, 4]


async def test_an_index_that_went_backwards_over_equal_content_publishes_nothing_and_is_forgotten() -> None:
    """What survived was not lost, so the next change is an edit."""
    script = Script(Answer(90, "a"), Answer(3, "a"), Answer(3, "a"), Answer(4, "edited"))
    assert await play(script, Clock()) == [("a", False), ("edited", False)]


async def test_an_index_of_0_is_never_asked_with() -> None:
    """With index 0 Consul would answer at once, for ever; it is what asking from the start means."""
    script = Script(Answer(0, "a"), Answer(0, "b"))
    assert await play(script, Clock()) == [("a", False), ("b", False)]
    assert [index for index, _ in script.asked] == [None, None, None]


async def test_rule_3_an_index_that_moved_over_equal_content_is_nothing_new() -> None:
    script = Script(Answer(7, "a"), Answer(8, "a"), Answer(9, "b"), Answer(10, "a"))
    assert await play(script, Clock()) == [("a", False), ("b", False), ("a", False)]
    assert [index for index, _ in script.asked] == [None, 7, 8, 9, 10]


async def test_rule_4_questions_are_at_least_100_ms_apart_and_jitter_adds_up_to_a_quarter() -> None:
    for jitter, apart in ((0.0, 0.1), (0.5, 0.1125), (1.0, 0.125)):
        clock = Clock()
        await play(Script(Answer(1, "a"), Answer(2, "b"), Answer(3, "c")), clock, jitter=jitter)
        assert clock.slept == pytest.approx([apart] * 3)


class Slow(Script[str]):
    """A script whose answers take `seconds` of the clock."""

    def __init__(self, clock: Clock, seconds: float, *lines: Answer[str] | Exception) -> None:
        super().__init__(*lines)
        self.clock, self.seconds = clock, seconds

    async def __call__(self, *, index: int | None, wait: float) -> Answer[str]:
        self.clock.now += self.seconds
        return await super().__call__(index=index, wait=wait)


async def test_the_gap_counts_from_the_last_question_so_a_question_that_waited_is_followed_at_once() -> None:
    clock = Clock()
    await play(Slow(clock, 0.03, Answer(1, "a"), Answer(2, "b")), clock)
    assert clock.slept == pytest.approx([0.07, 0.07])
    clock = Clock()
    await play(Slow(clock, 300.0, Answer(1, "a"), Answer(2, "b")), clock)
    assert clock.slept == []


async def test_a_change_is_published_before_any_wait() -> None:
    clock = Clock()
    slept_before: list[int] = []
    script = Script(Answer(1, "a"), Answer(2, "b"))
    ended = asyncio.create_task(
        follow(
            script,
            publish=lambda value, restarted: slept_before.append(len(clock.slept)),
            clock=clock,
            sleep=clock.sleep,
        )
    )
    await script.finished.wait()
    ended.cancel()
    assert slept_before == [0, 1]


async def test_rule_5_back_off_doubles_from_100_ms_to_10_s_and_resets_on_any_answer() -> None:
    down = [ConsulError("down")] * 9
    script = Script(*down, Answer(1, "a"), ConsulError("down"), Answer(1, "a"), ConsulError("down"))
    clock = Clock()
    assert await play(script, clock) == [("a", False)]
    assert clock.slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, GAP, 0.1, GAP, 0.1])


async def test_jitter_takes_a_back_off_up_to_its_double_and_never_past_10_s() -> None:
    clock = Clock()
    await play(Script(*[ConsulError("down")] * 9), clock, jitter=1.0)
    assert clock.slept == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0])
    assert max(clock.slept) == LAST_BACK_OFF


async def test_after_an_error_it_asks_from_0_for_a_restarted_consul_would_hold_the_old_index() -> None:
    script = Script(Answer(90, "a"), ConsulError("reset"), Answer(3, "lost"), Answer(3, "lost"))
    assert await play(script, Clock()) == [("a", False), ("lost", True)]
    assert [index for index, _ in script.asked] == [None, 90, None, None, 3]


async def test_after_an_error_content_counts_even_where_the_index_is_the_same() -> None:
    """A restarted Consul can have reached the old index with other content."""
    script = Script(Answer(90, "a"), ConsulError("reset"), Answer(90, "b"))
    assert await play(script, Clock()) == [("a", False), ("b", False)]


async def test_every_error_is_given_to_on_error() -> None:
    errors: list[Exception] = []
    script: Script[str] = Script(ConsulError("one"), ConsulError("two"))
    clock = Clock()
    following = asyncio.create_task(
        follow(
            script,
            publish=lambda value, restarted: None,
            on_error=errors.append,
            clock=clock,
            sleep=clock.sleep,
        )
    )
    await script.finished.wait()
    following.cancel()
    assert [str(error) for error in errors] == ["one", "two"]


async def test_a_consumer_that_raises_ends_the_loop() -> None:
    def broken(value: str, restarted: bool) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await follow(Script(Answer(1, "a")), publish=broken)


async def test_rule_6_a_question_that_waits_is_aborted_only_by_the_end_of_the_loop() -> None:
    script = Script(Answer(1, "a"))
    await play(script, Clock())
    assert script.aborted == 1
    assert [index for index, _ in script.asked] == [None, 1]


@pytest.mark.parametrize(
    "line", [Answer(1, "a"), ConsulError("down")], ids=["between questions", "in back-off"]
)
async def test_rule_6_a_pause_can_be_stopped(line: Answer[str] | Exception) -> None:
    pausing = asyncio.Event()

    async def pause(seconds: float) -> None:
        pausing.set()
        await asyncio.Event().wait()

    script = Script(line)
    following = asyncio.create_task(
        follow(script, publish=lambda value, restarted: None, on_error=lambda error: None, sleep=pause)
    )
    await pausing.wait()
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following


# Against a real agent


class Published:
    """What was published, with the moment, and a wait for the next that fits."""

    def __init__(self) -> None:
        self.values: list[tuple[Entry | None, bool]] = []
        self.at = 0.0
        self._news = asyncio.Event()

    def __call__(self, value: Entry | None, restarted: bool) -> None:
        self.at = time.perf_counter()
        self.values.append((value, restarted))
        self._news.set()

    async def until(self, fits: Callable[[Entry | None, bool], bool]) -> None:
        async with asyncio.timeout(20):
            while not (self.values and fits(*self.values[-1])):
                self._news.clear()
                await self._news.wait()


def says(expected: bytes) -> Callable[[Entry | None, bool], bool]:
    return lambda entry, restarted: entry is not None and entry.value == expected


@pytest_asyncio.fixture
async def agent() -> AsyncIterator[ConsulAgent]:
    async with ConsulAgent() as agent:
        yield agent


def question(consul: Consul, key: str) -> Question[Entry | None]:
    return partial(consul.get, key)


async def following(consul: Consul, key: str, work: Callable[[Published], Awaitable[None]]) -> Published:
    """Do the work while the key is followed."""
    published = Published()
    async with asyncio.TaskGroup() as tasks:
        loop = tasks.create_task(
            follow(question(consul, key), publish=published, on_error=lambda error: None, wait=60)
        )
        await work(published)
        loop.cancel()
    return published


@needs_consul
async def test_an_edit_is_published_within_50_ms_in_the_median_also_every_300_ms(agent: ConsulAgent) -> None:
    delays: list[float] = []
    async with Consul(ConsulAddress.parse(agent.address)) as consul:

        async def edit(published: Published) -> None:
            await published.until(lambda entry, restarted: entry is None)
            for number in range(9):
                value = b"edit %d" % number
                await consul.put("key", value)
                written = time.perf_counter()
                await published.until(says(value))
                delays.append(published.at - written)
                await asyncio.sleep(0.3 - (time.perf_counter() - written))  # the pace is the test

        published = await following(consul, "key", edit)
    assert len(published.values) == 10
    assert statistics.median(delays) < 0.05
    assert max(delays) < 1.0


@needs_consul
async def test_other_keys_and_equal_answers_publish_nothing(agent: ConsulAgent) -> None:
    async with Consul(ConsulAddress.parse(agent.address)) as consul:

        async def edit(published: Published) -> None:
            await published.until(lambda entry, restarted: entry is None)
            for number in range(5):
                await consul.put(f"key/{number}", b"under it")
                await consul.put(f"keys{number}", b"beside it")
            await consul.put("key", b"edit")
            await published.until(says(b"edit"))

        published = await following(consul, "key", edit)
    assert len(published.values) == 2


@needs_consul
async def test_a_restart_that_loses_the_key_is_published_as_restarted_and_the_next_edit_is_not(
    agent: ConsulAgent,
) -> None:
    async with Consul(ConsulAddress.parse(agent.address)) as consul:

        async def lose(published: Published) -> None:
            for number in range(20):  # so that the index is higher than after the restart
                await consul.put("key", b"edit %d" % number)
            await published.until(says(b"edit 19"))
            await asyncio.to_thread(agent.restart)
            await published.until(lambda entry, restarted: entry is None and restarted)
            await consul.put("key", b"again")
            await published.until(says(b"again"))

        published = await following(consul, "key", lose)
    assert [restarted for _, restarted in published.values[-2:]] == [True, False]


@needs_consul
async def test_an_edit_made_while_the_agent_was_away_is_found(agent: ConsulAgent) -> None:
    async with Consul(ConsulAddress.parse(agent.address)) as consul:

        async def come_back(published: Published) -> None:
            await published.until(lambda entry, restarted: entry is None)
            await asyncio.to_thread(agent.kill)
            await asyncio.to_thread(agent.start)
            await consul.put("key", b"edit")
            await published.until(says(b"edit"))

        await following(consul, "key", come_back)


@needs_consul
async def test_stopping_while_consul_holds_the_question_takes_no_time(agent: ConsulAgent) -> None:
    async with Consul(ConsulAddress.parse(agent.address)) as consul:
        published = Published()
        loop = asyncio.create_task(follow(question(consul, "key"), publish=published))
        await published.until(lambda entry, restarted: entry is None)
        started = time.monotonic()
        loop.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loop
    assert time.monotonic() - started < 1.0
