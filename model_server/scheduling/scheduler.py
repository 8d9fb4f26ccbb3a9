"""Runs models: on threads that take their work themselves, or on the event loop where that is the shorter way.

A thread that becomes free asks `waiting` what is next, with the lock held for that long; between two runs there is no
way over the event loop. What a run answers goes back to the loop with one call for all its jobs, and is counted there.
"""

import asyncio
import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from model_server.errors import (
    DeadlineError,
    ModelFailedError,
    ModelServerError,
    OverloadedError,
    StoppingError,
)
from model_server.models import Model
from model_server.scheduling.inline import InlineRule, measure
from model_server.scheduling.job import SECOND, Execution, Job
from model_server.scheduling.joining import fit
from model_server.scheduling.statistics import Statistics, Tally
from model_server.scheduling.visit import alone, together, visit
from model_server.scheduling.waiting import Queue, Waiting
from model_server.tensors import WireTensor

log = logging.getLogger(__name__)

QUEUE: Final = "queue"
COMPUTE: Final = "compute"

REFUSED_FULL: Final = "queue_full"
REFUSED_LATE: Final = "deadline"
REFUSED_CANCELLED: Final = "cancelled"
REFUSED_STOPPING: Final = "stopping"


class Observer(Protocol):
    """Whoever wants to know how long the phases of a call took; called on the event loop, in order of time."""

    def phase(self, name: str, start: int, end: int) -> None:
        """`start` and `end` in nanoseconds since the epoch."""

    def batch(self, rows: int) -> None:
        """How many rows the run had that answered it; of models with batching only."""


class Lane:
    """What is kept of one model: as long as the model itself."""

    __slots__ = ("inline", "model", "name", "queue", "tally", "version")

    def __init__(self, model: weakref.ref[Model], name: str, version: str, queue: Queue) -> None:
        self.model = model
        self.name = name
        self.version = version
        self.queue = queue
        self.inline = InlineRule()
        self.tally = Tally()


class Scheduler:
    """`threads` runs at a time, beside those that are short enough for the event loop; `queue` calls of each model
    may wait, the rest is refused. Used from one event loop; `close` it, or its threads keep the process alive."""

    def __init__(self, threads: int, *, queue: int) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._waiting = Waiting(threads, queue)  # with the lock only; counts may be read without
        self._threads: list[threading.Thread] = []
        self._asleep = 0
        self._closed = False
        # By identity, which is what equality of models is. Not a WeakKeyDictionary: that costs 0.3 µs a look
        self._lanes: dict[int, Lane] = {}
        self._gone: deque[Lane] = deque()
        self._past: dict[tuple[str, str], Tally] = {}

    def __repr__(self) -> str:
        return (
            f"Scheduler(running={self.running}/{self._waiting.threads}, waiting={self.waiting}, "
            f"models={len(self._lanes)})"
        )

    @property
    def running(self) -> int:
        """Runs in threads now."""
        return self._waiting.running

    @property
    def waiting(self) -> int:
        """Calls that wait for a thread now."""
        return self._waiting.count

    async def run(
        self,
        model: Model,
        names: Sequence[str],
        inputs: Sequence[WireTensor],
        *,
        observer: Observer,
        deadline: float | None = None,
    ) -> tuple[WireTensor, ...]:
        """The outputs `names` for `inputs`, which fit the model; `deadline` as `time.monotonic()`.

        OverloadedError, DeadlineError, StoppingError, BadRequestError of what only the bytes show, ModelFailedError.
        A call that is cancelled or late while it waits is never run; one that runs by then runs to its end unheard.
        """
        queued = time.monotonic_ns()
        lane = self._lanes.get(id(model)) or self._enter(model)
        if deadline is not None and deadline * SECOND <= queued:
            raise _refused(lane, DeadlineError(f"model {model.name!r}: the deadline had passed already"))
        kind, size = None, -1
        if model.steady:
            kind, size = measure(names, inputs)
            queue = lane.queue
            if lane.inline.allows(kind, size) and not queue.jobs and not queue.is_full and not self._closed:
                return _run_here(lane, model, names, inputs, observer, queued, kind, size)
        loop = asyncio.get_running_loop()
        job = Job(
            model,
            names,
            inputs,
            future=loop.create_future(),
            queued=queued,
            deadline=deadline,
            kind=kind,
            size=size,
        )
        if lane.queue.batching is not None:
            job.rows, job.key = fit(names, inputs)
        self._submit(lane, job)
        timer = None
        if deadline is not None:
            timer = loop.call_later(deadline - time.monotonic(), self._late, lane, job)
        try:
            await job.future
        except asyncio.CancelledError:
            self._abandon(lane, job)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if job.refusal is None and job.execution is not None:
            _tell(observer, model, queued, job.execution)
        error = job.refusal or job.error
        if error is None:
            return job.outputs
        # Held by its traceback only, or the two would keep each other, and the tensors, until a collection
        job.refusal = job.error = None
        try:
            raise error
        finally:
            del error

    def refuse(self, model: Model, error: Exception) -> None:
        """Count a call of this model that went wrong before it came here."""
        (self._lanes.get(id(model)) or self._enter(model)).tally.failed(type(error))

    def statistics(self, model: Model) -> Statistics:
        """What has been counted of this model; zeros for one that was never called."""
        lane = self._lanes.get(id(model))
        return lane.tally.snapshot() if lane else Statistics()

    def tallies(self) -> dict[tuple[str, str], Tally]:
        """All that was ever counted, by name and version: what was reloaded or is gone counts too."""
        while self._gone:
            lane = self._gone.popleft()
            self._past.setdefault((lane.name, lane.version), Tally()).add(lane.tally)
        sums: dict[tuple[str, str], Tally] = {}
        for key, tally in self._counted():
            sums.setdefault(key, Tally()).add(tally)
        return sums

    def close(self) -> None:
        """Take no more calls. Those that wait are told so; threads end with what they are running."""
        with self._changed:
            self._closed = True
            left = self._waiting.leave()
            self._changed.notify_all()
        for job in left:
            if not job.future.done():
                lane = self._lanes[id(job.model)]
                job.refusal = _refused(lane, _stopping(job.model), time.monotonic_ns() - job.queued)
                job.future.set_result(None)

    # On the event loop

    def _enter(self, model: Model) -> Lane:
        key, lanes, gone = id(model), self._lanes, self._gone

        def leave(ref: object) -> None:
            # In whichever thread the last reference was dropped, before its id can be another's
            gone.append(lanes.pop(key))

        queue = Queue(model.batching, model.concurrency)
        lane = lanes[key] = Lane(weakref.ref(model, leave), model.name, model.version, queue)
        return lane

    def _counted(self) -> Iterator[tuple[tuple[str, str], Tally]]:
        yield from self._past.items()
        for lane in list(self._lanes.values()):
            yield (lane.name, lane.version), lane.tally

    def _submit(self, lane: Lane, job: Job) -> None:
        with self._changed:
            if self._closed:
                raise _refused(lane, _stopping(job.model))
            if not self._waiting.admit(lane.queue, job):
                raise _refused(
                    lane,
                    OverloadedError(
                        f"model {job.model.name!r}: expected at most {self._waiting.bound} calls waiting, "
                        "received one more"
                    ),
                )
            if self._waiting.count > self._asleep and len(self._threads) < self._waiting.threads:
                thread = threading.Thread(target=self._work, name=f"model-{len(self._threads)}")
                self._threads.append(thread)
            else:
                thread = None
                self._changed.notify()
        if thread is None:
            return
        try:
            thread.start()
        except RuntimeError:  # the system has no more
            with self._changed:
                self._threads.remove(thread)
                self._waiting.withdraw(lane.queue, job)
            raise

    def _abandon(self, lane: Lane, job: Job) -> None:
        if not job.future.cancelled():
            return  # it was answered in the same moment, and has been counted
        with self._changed:
            waited = self._waiting.withdraw(lane.queue, job)
        lane.tally.failed(asyncio.CancelledError, time.monotonic_ns() - job.queued)
        if waited:
            lane.tally.refused[REFUSED_CANCELLED] += 1

    def _late(self, lane: Lane, job: Job) -> None:
        """Its deadline has passed: the caller is told now, wherever the job is."""
        if job.future.done():
            return
        with self._changed:
            waited = self._waiting.withdraw(lane.queue, job)
        while_ = "waited for a thread" if waited else "ran"
        error = DeadlineError(f"model {job.model.name!r}: the deadline passed while the call {while_}")
        ns = time.monotonic_ns() - job.queued
        if waited:
            _refused(lane, error, ns)
        else:
            lane.tally.failed(DeadlineError, ns)
        job.refusal = error
        job.future.set_result(None)

    def _deliver(self, lane: Lane, jobs: Sequence[Job]) -> None:
        """A run has ended: count it, and answer those who still wait."""
        counted: Execution | None = None
        for job in jobs:
            run = job.execution
            if run is None:
                continue  # dropped on the way: whoever dropped it has answered
            if run is not counted and run.ran:
                counted = run
                lane.tally.ran(run)
                if run.cpu >= 0:
                    lane.inline.measured(job.kind, job.size, cpu=run.cpu, wall=run.ended - run.started)
            if job.future.done():
                job.error = None  # unheard; its traceback would keep the job
            else:
                if job.error is None:
                    lane.tally.succeeded(job.queued, job.rows or 1, run)
                else:
                    lane.tally.failed(type(job.error), run.ended - job.queued)
                job.future.set_result(None)

    # In threads

    def _work(self) -> None:
        while self._step():
            pass

    def _step(self) -> bool:
        """One run, waited for; False at the end. (A frame of its own: who waits holds nobody's tensors.)"""
        taken = self._take()
        if taken is None:
            return False
        queue, jobs = taken
        lane = self._lanes[id(jobs[0].model)]
        try:
            if len(jobs) == 1:
                alone(jobs[0])
            elif (problem := together(jobs)) and queue.batching is not None:
                queue.batching = None
                log.warning(
                    "model %s version %s is not batched any more: %s", lane.name, lane.version, problem
                )
        except BaseException as error:  # a model in Python that would end the thread
            for job in jobs:
                job.execution = job.execution or Execution()
                job.execution.end()
                job.error = ModelFailedError(f"model {lane.name!r} failed: {type(error).__name__}: {error}")
        with self._changed:
            # First: whoever is answered may send its next call at once, and this thread is free for it
            self._waiting.finished(queue)
        try:
            jobs[0].future.get_loop().call_soon_threadsafe(self._deliver, lane, jobs)
        except RuntimeError:
            return False  # the loop is closed: nobody waits
        return True

    def _take(self) -> tuple[Queue, list[Job]] | None:
        with self._changed:
            while not self._closed:
                now = time.monotonic_ns()
                taken = self._waiting.take(now)
                if taken is not None:
                    if self._asleep and self._waiting.count:
                        # For what it may run, or for the time when it may: nobody else looks at the clock now
                        self._changed.notify()
                    return taken
                ready = self._waiting.ready_at()
                self._asleep += 1
                self._changed.wait(None if ready is None else (ready - now) / SECOND)
                self._asleep -= 1
        return None


def _run_here(
    lane: Lane,
    model: Model,
    names: Sequence[str],
    inputs: Sequence[WireTensor],
    observer: Observer,
    queued: int,
    kind: Hashable,
    size: int,
) -> tuple[WireTensor, ...]:
    """On the event loop, in this very step of it."""
    rows = fit(names, inputs)[0] if lane.queue.batching is not None else 1
    tally, run = lane.tally, Execution(rows)
    before = time.thread_time_ns()
    try:
        outputs = visit(model, names, inputs, run)
    except BaseException as error:
        run.end()
        tally.failed(type(error), run.ended - queued)
        raise
    else:
        run.end()
        tally.inline += 1
        tally.ran(run)
        tally.succeeded(queued, rows, run)
        return outputs
    finally:
        lane.inline.measured(kind, size, cpu=time.thread_time_ns() - before, wall=0)
        _tell(observer, model, queued, run)


def _tell(observer: Observer, model: Model, queued: int, run: Execution) -> None:
    since = run.wall - run.ended
    started = since + run.started
    observer.phase(QUEUE, since + queued, started)
    observer.phase(COMPUTE, started, run.wall)
    if model.batching is not None:
        observer.batch(run.rows)


_REASONS: Final[Mapping[type[ModelServerError], str]] = {
    OverloadedError: REFUSED_FULL,
    DeadlineError: REFUSED_LATE,
    StoppingError: REFUSED_STOPPING,
}


def _refused(lane: Lane, error: ModelServerError, ns: int = 0) -> ModelServerError:
    """Itself, counted as a call that was never run."""
    lane.tally.failed(type(error), ns)
    lane.tally.refused[_REASONS[type(error)]] += 1
    return error


def _stopping(model: Model) -> StoppingError:
    return StoppingError(f"model {model.name!r}: this server is stopping; another one has to answer")
