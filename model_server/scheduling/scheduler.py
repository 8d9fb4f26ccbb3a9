"""Runs models: in threads, or on the event loop where that is the shorter way; counts, and answers in time.

Each call is answered once, by whoever is first: its run, its deadline, its cancellation, or the end of the server.
"""

import asyncio
import time
from collections.abc import Hashable, Mapping, Sequence
from typing import Final, Protocol

from model_server.errors import DeadlineError, ModelServerError, OverloadedError, StoppingError
from model_server.models import Model
from model_server.scheduling.inline import TOO_LONG, measure
from model_server.scheduling.job import SECOND, Execution, Job
from model_server.scheduling.joining import fit
from model_server.scheduling.lanes import Lane, Lanes
from model_server.scheduling.statistics import Statistics
from model_server.scheduling.tally import Tally
from model_server.scheduling.threads import Threads
from model_server.scheduling.visit import visit
from model_server.tensors import WireTensor

QUEUE: Final = "queue"
COMPUTE: Final = "compute"

CANCELLED: Final = "cancelled"
REASONS: Final[Mapping[type[ModelServerError], str]] = {
    OverloadedError: "queue_full",
    DeadlineError: "deadline",
    StoppingError: "stopping",
}
"""Why a call is never run."""


class Observer(Protocol):
    """Whoever wants to know how long the phases of a call took; called on the event loop, in order of time."""

    def phase(self, name: str, start: int, end: int) -> None:
        """`start` and `end` in nanoseconds since the epoch."""

    def batch(self, rows: int) -> None:
        """How many rows the run had that answered it; of models with batching only."""


class Scheduler:
    """`threads` runs at a time, beside those that are short enough for the event loop; `queue` calls of each model
    may wait, the rest is refused. Used from one event loop; `close` it, or its threads keep the process alive."""

    def __init__(self, threads: int, *, queue: int) -> None:
        self._queue = queue
        self._lanes = Lanes()
        self._threads = Threads(threads, queue, self._deliver)

    def __repr__(self) -> str:
        return (
            f"Scheduler(running={self.running}/{self._threads.most}, waiting={self.waiting}, "
            f"models={len(self._lanes)})"
        )

    @property
    def running(self) -> int:
        """Runs in threads now."""
        return self._threads.running

    @property
    def waiting(self) -> int:
        """Calls that wait for a thread now."""
        return self._threads.waiting

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
        lane = self._lanes.of(model)
        if deadline is not None and deadline * SECOND <= queued:
            raise _refused(lane, DeadlineError(f"model {model.name!r}: the deadline had passed already"))
        if self._threads.closed:
            raise _refused(lane, _stopping(model))
        kind, size = None, -1
        if model.steady:
            kind, size = measure(names, inputs)
            queue = lane.queue
            if lane.inline.allows(kind, size) and not queue.jobs and not queue.is_full:
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
        if not self._threads.submit(lane.queue, job):
            bound = f"expected at most {self._queue} calls waiting, received one more"
            raise _refused(lane, OverloadedError(f"model {model.name!r}: {bound}"))
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
        return _outcome(job, observer)

    def refuse(self, model: Model, error: Exception) -> None:
        """Count a call of this model that went wrong before it came here."""
        self._lanes.of(model).tally.failed(type(error))

    def statistics(self, model: Model) -> Statistics:
        """What has been counted of this model; zeros for one that was never called."""
        lane = self._lanes.known(model)
        return lane.tally.snapshot() if lane else Statistics()

    def tallies(self) -> Mapping[tuple[str, str], Tally]:
        """All that was ever counted, by name and version: what was reloaded or is gone counts too."""
        return self._lanes.tallies()

    def close(self) -> None:
        """Take no more calls. Those that wait are told so; threads end with what they are running."""
        for job in self._threads.close():
            if not job.future.done():
                ns = time.monotonic_ns() - job.queued
                job.refusal = _refused(self._lanes.of(job.model), _stopping(job.model), ns)
                job.future.set_result(None)

    def _abandon(self, lane: Lane, job: Job) -> None:
        if not job.future.cancelled():
            return  # it was answered in the same moment, and has been counted
        lane.tally.failed(asyncio.CancelledError, time.monotonic_ns() - job.queued)
        self._threads.withdraw(lane.queue, job)
        if not job.taken:
            lane.tally.refused[CANCELLED] += 1

    def _late(self, lane: Lane, job: Job) -> None:
        """Its deadline has passed: the caller is told now, wherever the job is."""
        if job.future.done():
            return
        ns = time.monotonic_ns() - job.queued
        late = f"model {job.model.name!r}: the deadline passed while the call"
        self._threads.withdraw(lane.queue, job)
        if job.taken:
            job.refusal = DeadlineError(f"{late} ran")
            lane.tally.failed(DeadlineError, ns)
        else:
            job.refusal = _refused(lane, DeadlineError(f"{late} waited for a thread"), ns)
        job.future.set_result(None)

    def _deliver(self, jobs: Sequence[Job]) -> None:
        """A run has ended, or several of jobs that could not be joined: count, and answer those who still wait."""
        lane = self._lanes.of(jobs[0].model)
        counted: Execution | None = None
        for job in jobs:
            run = job.execution
            if run is None:
                continue  # dropped on the way: whoever dropped it answers
            if run is not counted and run.ran:
                counted = run
                lane.tally.ran(run)
                if run.cpu >= 0:
                    lane.inline.measured(job.kind, job.size, cpu=run.cpu, wall=run.ended - run.started)
            if job.future.done():
                job.error = None  # unheard; its traceback would keep the job
                continue
            if job.error is None:
                lane.tally.succeeded(job.queued, job.rows or 1, run)
            else:
                lane.tally.failed(type(job.error), run.ended - job.queued)
            job.future.set_result(None)


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
        # Never more than the clock says, and to ask for it is a system call
        spent = run.ended - run.started
        cpu = spent if spent <= TOO_LONG else time.thread_time_ns() - before
        lane.inline.measured(kind, size, cpu=cpu, wall=0)
        _tell(observer, model, queued, run)


def _outcome(job: Job, observer: Observer) -> tuple[WireTensor, ...]:
    if job.refusal is None and job.execution is not None:
        _tell(observer, job.model, job.queued, job.execution)
    error = job.refusal or job.error
    if error is None:
        return job.outputs
    # Held by its traceback only, or the two would keep each other, and the tensors, until a collection
    job.refusal = job.error = None
    try:
        raise error
    finally:
        del error


def _tell(observer: Observer, model: Model, queued: int, run: Execution) -> None:
    since = run.wall - run.ended
    started = since + run.started
    observer.phase(QUEUE, since + queued, started)
    observer.phase(COMPUTE, started, run.wall)
    if model.batching is not None:
        observer.batch(run.rows)


def _refused(lane: Lane, error: ModelServerError, ns: int = 0) -> ModelServerError:
    """Itself, counted as a call that was never run."""
    lane.tally.failed(type(error), ns)
    lane.tally.refused[REASONS[type(error)]] += 1
    return error


def _stopping(model: Model) -> StoppingError:
    return StoppingError(f"model {model.name!r}: this server is stopping; another one has to answer")
