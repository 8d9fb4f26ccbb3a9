"""Counters and histograms that Prometheus reads as they are meant, from what the scheduler counted."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from model_server.errors import BadRequestError, ModelFailedError
from model_server.metrics import Metrics
from model_server.scheduling.scheduler import Scheduler
from tests.model_server.scheduling.fakes import BATCHING, Doubles, FailsAt, Gated, Phases, ask, queued, tensor

MODEL = {"service": "films", "color": "blue", "model": "m", "version": "1"}


@pytest.fixture
async def one() -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(1, queue=2)
    yield scheduler
    scheduler.close()


def series(scheduler: Scheduler, name: str, **labels: str) -> dict[str, float]:
    """The values of one metric by the label that is left when the model's are taken away."""
    page = Metrics(scheduler, service="films", color="blue").page().decode()
    found = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == name and (labels or MODEL).items() <= sample.labels.items():
                rest = [value for key, value in sample.labels.items() if key not in MODEL]
                found[rest[0] if rest else ""] = sample.value
    return found


async def outcomes(*calls: Any) -> None:
    await asyncio.gather(*calls, return_exceptions=True)


async def test_calls_are_counted_by_what_became_of_them(one: Scheduler) -> None:
    model = FailsAt(name="m").model
    await outcomes(ask(one, model, 1), ask(one, model, 13), ask(one, model, 1, deadline=0.0))
    one.refuse(model, BadRequestError("of the rules"))
    assert series(one, "verdigris_model_requests_total") == {
        "OK": 1,
        "INTERNAL": 1,
        "DEADLINE_EXCEEDED": 1,
        "INVALID_ARGUMENT": 1,
    }
    assert series(one, "verdigris_model_rejected_total") == {"deadline": 1}


async def test_what_waits_runs_is_full_or_is_cancelled_is_seen(one: Scheduler) -> None:
    gated = Gated(name="m")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(one, gated.model, 1))
        await gated.until_begun()
        first, _ = await queued(one, tasks, ask(one, gated.model, 1), ask(one, gated.model, 1))
        assert series(one, "verdigris_model_waiting", service="films", color="blue") == {"": 2}
        assert series(one, "verdigris_model_running", service="films", color="blue") == {"": 1}
        await outcomes(ask(one, gated.model, 1))
        first.cancel()
        await asyncio.wait((first,))
        gated.let_go()
    assert series(one, "verdigris_model_rejected_total") == {"queue_full": 1, "cancelled": 1}
    assert series(one, "verdigris_model_requests_total") == {"OK": 2, "RESOURCE_EXHAUSTED": 1, "CANCELLED": 1}


async def test_durations_and_sizes_are_histograms_that_add_up(one: Scheduler) -> None:
    doubles, gate = Doubles(name="m", batching=BATCHING), Gated()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(one, gate.model, 1))
        await gate.until_begun()
        await queued(one, tasks, ask(one, doubles.model, 1, 2, 3), ask(one, doubles.model, 4, 5))
        gate.let_go()
    await ask(one, doubles.model, 6)
    for name in ("queue", "compute"):
        buckets = series(one, f"verdigris_model_{name}_seconds_bucket")
        assert list(buckets.values()) == sorted(buckets.values())
        assert buckets["+Inf"] == series(one, f"verdigris_model_{name}_seconds_count")[""] == 3
        assert 0 < series(one, f"verdigris_model_{name}_seconds_sum")[""] < 60
    sizes = series(one, "verdigris_model_batch_size_bucket")
    assert (sizes["1"], sizes["4"], sizes["8"], sizes["+Inf"]) == (1, 1, 2, 2)
    assert series(one, "verdigris_model_batch_size_sum") == {"": 6}
    assert series(one, "verdigris_model_runs_total") == {"thread": 2, "loop": 0}


async def test_counters_do_not_go_back_when_a_model_is_reloaded(one: Scheduler) -> None:
    fake = Doubles(name="m")
    old: Any = replace(fake.model)
    new = replace(fake.model)
    await outcomes(ask(one, old, 1), ask(one, new, 1))
    assert series(one, "verdigris_model_requests_total") == {"OK": 2}
    del old
    await ask(one, new, 1)
    assert series(one, "verdigris_model_requests_total") == {"OK": 3}
    assert series(one, "verdigris_model_requests_total") == {"OK": 3}, "read twice is not counted twice"


async def test_names_that_need_quoting_are_quoted(one: Scheduler) -> None:
    odd = 'a "b"\\c'
    await one.run(Doubles(name=odd).model, ["Y"], [tensor(1)], observer=Phases())
    assert series(one, "verdigris_model_requests_total", model=odd) == {"OK": 1}


def test_an_error_that_nobody_expected_is_internal() -> None:
    scheduler = Scheduler(1, queue=1)
    model = Doubles(name="m").model
    for error in (ModelFailedError("x"), ZeroDivisionError(), KeyError()):
        scheduler.refuse(model, error)
    assert series(scheduler, "verdigris_model_requests_total") == {"OK": 0, "INTERNAL": 3}
