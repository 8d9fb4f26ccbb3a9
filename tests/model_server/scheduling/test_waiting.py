"""Who goes next, decided over values: by age, by room, by leave to wait; nothing is forgotten and nothing stays."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from model_server.models import Batching, Model
from model_server.scheduling.job import SECOND, Job
from model_server.scheduling.waiting import Queue, Waiting
from tests.model_server.scheduling.fakes import Doubles

NOW = 1_000 * SECOND
MODEL: Model = Doubles().model


@pytest.fixture
def job() -> Iterator[Callable[..., Job]]:
    """Makes jobs, each a nanosecond younger than the one before."""
    loop = asyncio.new_event_loop()
    born = iter(range(NOW - 1_000, NOW))

    def make(rows: int = 0, deadline: float | None = None) -> Job:
        made = Job(MODEL, ["Y"], [], future=loop.create_future(), queued=next(born), deadline=deadline)
        made.rows, made.key = rows, "rows" if rows else None
        return made

    yield make
    loop.close()


def admitted(waiting: Waiting, queue: Queue, *jobs: Job) -> list[Job]:
    assert all(waiting.admit(queue, each) for each in jobs)
    return list(jobs)


def taken(waiting: Waiting, now: int = NOW) -> list[Job] | None:
    found = waiting.take(now)
    return found[1] if found else None


def test_the_oldest_goes_first_over_all_queues(job: Callable[..., Job]) -> None:
    waiting, a, b = Waiting(9, 9), Queue(), Queue()
    order = []
    for queue in (a, b, b, a):
        order += admitted(waiting, queue, job())
    assert [taken(waiting) for _ in range(5)] == [*([each] for each in order), None]


def test_a_queue_that_is_full_is_passed_over_until_a_run_of_it_has_ended(job: Callable[..., Job]) -> None:
    waiting, narrow, other = Waiting(9, 9), Queue(concurrency=1), Queue()
    first, second = admitted(waiting, narrow, job(), job())
    (third,) = admitted(waiting, other, job())
    assert [taken(waiting), taken(waiting), taken(waiting)] == [[first], [third], None]
    assert waiting.ready_at() is None
    waiting.finished(narrow)
    assert taken(waiting) == [second]


def test_what_an_idle_thread_is_about_to_take_does_not_count_against_the_bound(
    job: Callable[..., Job],
) -> None:
    waiting, queue = Waiting(2, 1), Queue()
    admitted(waiting, queue, job(), job(), job())
    assert not waiting.admit(queue, job())
    assert waiting.admit(Queue(), job()), "the bound is each queue's own"
    taken(waiting)
    taken(waiting)
    assert not waiting.admit(queue, job())
    assert waiting.count == 2


def test_threads_that_a_model_may_not_use_are_not_idle_for_it(job: Callable[..., Job]) -> None:
    waiting, queue = Waiting(8, 1), Queue(concurrency=1)
    admitted(waiting, queue, job(), job())
    assert not waiting.admit(queue, job())


def test_what_was_withdrawn_has_left_no_trace(job: Callable[..., Job]) -> None:
    waiting, queue = Waiting(1, 9), Queue(Batching(8))
    jobs = admitted(waiting, queue, job(2), job(3), job())
    assert [waiting.withdraw(queue, each) for each in jobs] == [True] * 3
    assert [waiting.withdraw(queue, each) for each in jobs] == [False] * 3
    assert (waiting.count, list(queue.jobs), queue.groups, waiting.ready_at()) == (0, [], {}, None)
    assert taken(waiting) is None


def test_who_is_answered_or_late_is_dropped_and_the_next_is_taken(job: Callable[..., Job]) -> None:
    waiting, queue = Waiting(1, 9), Queue(Batching(8))
    answered, late, in_time, gone = admitted(
        waiting, queue, job(1), job(1, deadline=NOW / SECOND), job(1, deadline=NOW / SECOND + 1), job(1)
    )
    answered.future.cancel()
    gone.future.set_result(None)
    assert taken(waiting) == [in_time]
    assert (waiting.count, waiting.running) == (0, 1)
    assert [each.taken for each in (answered, late, in_time, gone)] == [False, False, True, False]


def test_company_comes_in_order_of_age_as_far_as_there_is_room(job: Callable[..., Job]) -> None:
    waiting, queue = Waiting(1, 9), Queue(Batching(6))
    a, b, c, d = admitted(waiting, queue, job(2), job(5), job(3), job(1))
    assert [taken(waiting), taken(waiting)] == [[a, c, d], [b]]


def test_a_job_that_cannot_be_joined_takes_nobody_along_and_is_nobodys_company(
    job: Callable[..., Job],
) -> None:
    waiting, queue = Waiting(1, 9), Queue(Batching(6))
    a, b, c = admitted(waiting, queue, job(), job(1), job())
    assert [taken(waiting) for _ in range(3)] == [[a], [b], [c]]


def test_leave_to_wait_is_for_who_can_be_joined_while_others_run(job: Callable[..., Job]) -> None:
    waiting, queue = Waiting(4, 9), Queue(Batching(4, delay=1.0))
    (alone,) = admitted(waiting, queue, job(1))
    assert taken(waiting) == [alone]
    first, second = admitted(waiting, queue, job(1), job(1))
    assert taken(waiting) is None
    assert waiting.ready_at() == first.queued + SECOND
    assert taken(waiting, first.queued + SECOND) == [first, second]
    (lonely,) = admitted(waiting, queue, job())
    assert taken(waiting) == [lonely]
    full = admitted(waiting, queue, job(3), job(1))
    assert taken(waiting) == full
    (last,) = admitted(waiting, queue, job(1))
    assert taken(waiting) is None
    for _ in range(4):
        waiting.finished(queue)
    assert taken(waiting) == [last]


def test_all_leave_at_the_end(job: Callable[..., Job]) -> None:
    waiting, queues = Waiting(1, 9), [Queue(), Queue(Batching(3))]
    jobs = [each for queue in queues for each in admitted(waiting, queue, job(1), job(2))]
    assert waiting.leave() == jobs
    assert (waiting.count, waiting.leave(), taken(waiting)) == (0, [], None)
