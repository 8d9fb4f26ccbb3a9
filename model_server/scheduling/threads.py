"""Threads that take their work themselves, from what waits; a lock holds both together.

A thread that becomes free asks `waiting` what is next, and holds the lock for no longer: between two runs there is
no way over the event loop. What a run answers goes back to the loop in one call for all its jobs.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from model_server.errors import ModelFailedError
from model_server.scheduling.job import SECOND, Execution, Job
from model_server.scheduling.visit import alone, together
from model_server.scheduling.waiting import Queue, Waiting

log = logging.getLogger(__name__)

Deliver: TypeAlias = Callable[[Sequence[Job]], None]


class Threads:
    """At most `threads`, begun when they are needed; `bound` jobs of one queue may wait. `deliver` is called on the
    event loop of the jobs. They keep the process alive until `close`: a run in C cannot be left behind."""

    def __init__(self, threads: int, bound: int, deliver: Deliver) -> None:
        self._deliver = deliver
        self._changed = threading.Condition(threading.Lock())
        self._waiting = Waiting(threads, bound)  # with the lock only; counts may be read without
        self._threads: list[threading.Thread] = []
        self._asleep = 0
        self.closed = False

    @property
    def most(self) -> int:
        return self._waiting.threads

    @property
    def running(self) -> int:
        return self._waiting.running

    @property
    def waiting(self) -> int:
        return self._waiting.count

    def submit(self, queue: Queue, job: Job) -> bool:
        """Let a job wait for a thread; False if there are too many."""
        with self._changed:
            if not self._waiting.admit(queue, job):
                return False
            if self._waiting.count <= self._asleep or len(self._threads) == self._waiting.threads:
                self._changed.notify()
                return True
            thread = threading.Thread(target=self._work, name=f"model-{len(self._threads)}")
            self._threads.append(thread)
        try:
            thread.start()
        except RuntimeError:  # the system has no more
            with self._changed:
                self._threads.remove(thread)
                self._waiting.withdraw(queue, job)
            raise
        return True

    def withdraw(self, queue: Queue, job: Job) -> bool:
        """Take a job back; False if it does not wait any more."""
        with self._changed:
            return self._waiting.withdraw(queue, job)

    def close(self) -> list[Job]:
        """Threads end with what they are running; the jobs that waited are the caller's again."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
            return self._waiting.leave()

    def _work(self) -> None:
        while self._step():
            pass

    def _step(self) -> bool:
        """One run, waited for; False at the end. (A frame of its own: who waits holds nobody's tensors.)"""
        taken = self._take()
        if taken is None:
            return False
        queue, jobs = taken
        try:
            if len(jobs) == 1:
                alone(jobs[0])
            else:
                _joined(queue, jobs)
        except BaseException as error:  # a model in Python that would end the thread
            for job in jobs:
                job.execution = job.execution or Execution()
                job.execution.end()
                job.error = ModelFailedError(
                    f"model {job.model.name!r} failed: {type(error).__name__}: {error}"
                )
        with self._changed:
            # First: whoever is answered may send its next call at once, and this thread is free for it
            self._waiting.finished(queue)
        try:
            jobs[0].future.get_loop().call_soon_threadsafe(self._deliver, jobs)
        except RuntimeError:
            return False  # the loop is closed: nobody waits
        return True

    def _take(self) -> tuple[Queue, list[Job]] | None:
        with self._changed:
            while not self.closed:
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


def _joined(queue: Queue, jobs: Sequence[Job]) -> None:
    problem = together(jobs)
    if problem and queue.batching is not None:
        queue.batching = None
        model = jobs[0].model
        log.warning("model %s version %s is not batched any more: %s", model.name, model.version, problem)
