"""Only what was seen to be short runs on the event loop, and a few long surprises end that."""

import asyncio
import itertools
import math
import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from model_server.errors import BadRequestError, DeadlineError
from model_server.models import Array, fake_model
from model_server.scheduling.inline import (
    BARRED,
    ELEMENT,
    FORGIVEN,
    KINDS,
    SHORT,
    SURPRISES,
    TOO_LONG,
    InlineRule,
    measure,
)
from model_server.scheduling.scheduler import Scheduler
from model_server.tensors import WireTensor
from tests.model_server.scheduling.fakes import Doubles, Gated, Phases, ask

HERE = threading.current_thread


def rule_after(*runs: tuple[int, int]) -> InlineRule:
    """The rule after runs of one kind, of (size, processor time), none of which waited."""
    rule = InlineRule()
    for size, cpu in runs:
        rule.measured("kind", size, cpu=cpu, wall=cpu)
    return rule


@pytest.mark.parametrize(
    ("runs", "up_to"),
    [
        ([], -1),
        ([(100, SHORT)], 100),
        ([(100, SHORT), (10, SHORT)], 100),
        ([(100, SHORT), (200, SHORT)], 200),
        ([(100, SHORT + 1)], -1),
        ([(100, SHORT), (200, SHORT + 1)], 100),
        ([(100, SHORT), (200, TOO_LONG + 1)], 100),
        ([(100, SHORT), (50, TOO_LONG)], 100),
        ([(100, SHORT), (50, TOO_LONG + 1)], -1),
        ([(100, SHORT), (50, TOO_LONG + 1), (50, 1)], 50),
        ([(100, SHORT), (100, TOO_LONG + 1)] * 2 + [(100, 1)], 100),
        ([(100, SHORT), (100, TOO_LONG + 1)] * 3 + [(100, 1)] * BARRED, -1),
        ([(0, 1)], 0),
    ],
)
def test_up_to_the_largest_that_was_short_and_after_three_great_surprises_not_for_long(
    runs: list[tuple[int, int]], up_to: int
) -> None:
    rule = rule_after(*runs)
    assert [size for size in range(300) if rule.allows("kind", size)] == list(range(up_to + 1))
    assert not rule.allows("another kind", 0)


def test_after_many_short_runs_in_threads_it_may_prove_itself_again_and_needs_twice_as_many_the_next_time() -> (
    None
):
    rule = rule_after(*[(100, SHORT), (100, TOO_LONG + 1)] * 3, *[(100, 1)] * (BARRED + 1))
    assert rule.allows("kind", 100)
    for size, cpu in [(100, TOO_LONG + 1), *[(100, 1)] * (2 * BARRED), *[(100, TOO_LONG + 1)] * BARRED]:
        rule.measured("kind", size, cpu=cpu, wall=cpu)
    assert not rule.allows("kind", 100)
    rule.measured("kind", 100, cpu=1, wall=1)
    assert rule.allows("kind", 100)


def test_surprises_that_are_far_apart_are_forgiven() -> None:
    rule = rule_after(*([(100, SHORT), (100, TOO_LONG + 1)] + [(100, 1)] * (FORGIVEN + 1)) * 10)
    assert rule.allows("kind", 100)


def test_a_run_that_was_preempted_is_short_and_one_that_waits_for_something_else_is_not() -> None:
    rule = InlineRule()
    rule.measured("kind", 100, cpu=10, wall=TOO_LONG + 1)
    assert not rule.allows("kind", 100)
    rule.measured("kind", 100, cpu=10, wall=TOO_LONG)
    rule.measured("kind", 100, cpu=10, wall=1_000 * TOO_LONG)
    assert rule.allows("kind", 100)


def test_a_surprise_of_one_kind_is_one_of_the_model() -> None:
    rule = rule_after((100, 1))
    rule.measured("other", 5, cpu=1, wall=1)
    rule.measured("other", 5, cpu=TOO_LONG + 1, wall=TOO_LONG + 1)
    assert not rule.allows("kind", 100)


def test_what_is_remembered_is_bounded() -> None:
    rule = InlineRule()
    for kind in range(KINDS + 1):
        rule.measured(kind, 1, cpu=1, wall=1)
    assert [kind for kind in range(KINDS + 1) if rule.allows(kind, 1)] == [KINDS]


def of(*shapes: tuple[int, ...]) -> list[WireTensor]:
    return [
        WireTensor(f"I{number}", "INT8", shape, raw=bytes(math.prod(shape)))
        for number, shape in enumerate(shapes)
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (of((1, 4)), of((9, 4)), True),
        (of((1, 4)), of((1, 5)), False),
        (of((2, 4), (2, 3)), of((5, 4), (5, 3)), True),
        (of((2, 4), (1, 4)), of((4, 4), (1, 4)), False),
        (of((1, 9), (9, 1)), of((3, 3), (3, 3)), False),
        (of(), of(), True),
        (of(()), of(()), True),
    ],
)
def test_calls_of_one_kind_differ_in_their_rows_only(
    one: list[WireTensor], other: list[WireTensor], same: bool
) -> None:
    assert (measure(["Y"], one)[0] == measure(["Y"], other)[0]) is same
    assert measure(["Y"], one)[0] != measure(["Z"], one)[0]


def test_what_becomes_objects_is_larger_than_what_stays_bytes() -> None:
    raw = WireTensor("X", "FP32", (2, 3), raw=bytes(24))
    typed = WireTensor("X", "FP32", (2, 3), typed={"fp32_contents": [0.0] * 6})
    texts = WireTensor("X", "BYTES", (5,), raw=bytes(20))
    sizes = [measure(["Y"], each)[1] for each in ([raw], [typed], [texts], [raw, raw], [])]
    assert sizes == [24, 6 * ELEMENT, 20 + 5 * ELEMENT, 48, 0]


@pytest.fixture
def rule_of_thumb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run was short: whether it was on this machine today is not what these tests are about."""
    monkeypatch.setattr(time, "thread_time_ns", lambda: 0)
    monkeypatch.setattr(time, "monotonic_ns", itertools.count(1).__next__)


@pytest.mark.usefixtures("rule_of_thumb")
async def test_a_steady_model_runs_in_a_thread_first_and_then_here_up_to_that_size(
    schedulers: type[Scheduler],
) -> None:
    scheduler, doubles, phases = schedulers(1, queue=1), Doubles(steady=True), Phases()
    for values in ((1, 2), (3,), (4, 5), (6, 7, 8), (9, 9, 9)):
        assert await ask(scheduler, doubles.model, *values, observer=phases) == [2 * each for each in values]
    assert [each is HERE() for each in doubles.threads] == [False, True, True, False, True]
    counted = scheduler.statistics(doubles.model)
    assert (counted.success.count, counted.execution_count, counted.inference_count) == (5, 5, 5)
    assert [name for name, _, _ in phases.seen] == ["queue", "compute"] * 5
    assert all(start <= end for _, start, end in phases.seen)


@pytest.mark.usefixtures("rule_of_thumb")
async def test_a_model_that_is_not_known_to_be_steady_never_runs_here(schedulers: type[Scheduler]) -> None:
    scheduler, doubles = schedulers(1, queue=1), Doubles()
    for _ in range(5):
        await ask(scheduler, doubles.model, 1)
    assert HERE() not in doubles.threads


@pytest.mark.usefixtures("rule_of_thumb")
async def test_a_call_does_not_overtake_those_of_its_model_that_wait(schedulers: type[Scheduler]) -> None:
    scheduler, doubles, gated = schedulers(1, queue=9), Doubles(steady=True), Gated()
    await ask(scheduler, doubles.model, 1)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(scheduler, gated.model, 1))
        await gated.until_begun()
        tasks.create_task(ask(scheduler, doubles.model, 1, 2))  # larger than any before: waits for a thread
        await asyncio.sleep(0)
        small = tasks.create_task(ask(scheduler, doubles.model, 3))
        await asyncio.sleep(0)
        assert (scheduler.waiting, small.done()) == (2, False)
        gated.let_go()
    assert doubles.rows == [1, 2, 1]


@pytest.mark.usefixtures("rule_of_thumb")
async def test_a_run_here_counts_for_the_concurrency_of_its_model(schedulers: type[Scheduler]) -> None:
    scheduler, gated = schedulers(2, queue=9), Gated(steady=True, concurrency=1)
    gated.let_go(1)
    await ask(scheduler, gated.model, 1)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(scheduler, gated.model, 1, 2))
        assert await asyncio.to_thread(gated.begun.acquire, timeout=10)  # of the first call
        await gated.until_begun()
        small = tasks.create_task(ask(scheduler, gated.model, 3))
        await asyncio.sleep(0)
        assert (scheduler.waiting, small.done()) == (1, False)
        gated.let_go()
    assert HERE() not in gated.threads


@pytest.mark.usefixtures("rule_of_thumb")
async def test_what_goes_wrong_here_is_the_callers_too(schedulers: type[Scheduler]) -> None:
    scheduler, doubles = schedulers(1, queue=1), Doubles(steady=True)
    await ask(scheduler, doubles.model, 1)
    with pytest.raises(BadRequestError):
        await scheduler.run(
            doubles.model, ["Y"], [WireTensor("X", "FP32", (2,), raw=b"abc")], observer=Phases()
        )
    with pytest.raises(DeadlineError):
        await ask(scheduler, doubles.model, 1, deadline=0.0)
    counted = scheduler.statistics(doubles.model)
    assert (counted.success.count, counted.fail.count) == (1, 2)


async def test_a_model_that_grows_slow_is_sent_away_from_the_loop_for_good(
    schedulers: type[Scheduler],
) -> None:
    """Real time here: a run that is far too long by any clock."""
    slow = threading.Event()
    threads = []

    def run(names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        threads.append(HERE())
        if slow.is_set():
            matrix = np.ones((600, 600))
            for _ in range(20):
                matrix = matrix @ matrix / 600
        return [feeds["X"]]

    tensors = {"X": ("FP32", (-1,))}
    model = fake_model(run, inputs=tensors, outputs={"Y": ("FP32", (-1,))}, steady=True)
    scheduler = schedulers(1, queue=1)
    for _ in range(SURPRISES):
        while HERE() not in threads:
            await ask(scheduler, model, 1)
        slow.set()
        await ask(scheduler, model, 1)
        slow.clear()
        threads.clear()
    for _ in range(5):
        await ask(scheduler, model, 1)
    assert HERE() not in threads
    scheduler.close()
