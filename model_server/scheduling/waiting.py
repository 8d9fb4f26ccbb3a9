"""The calls that wait for a thread, by model, and which of them go next. Pure: not locked, and time is a parameter.

The oldest call goes first, whichever its model; with it go the others of its model that may be joined. So a model with
many calls delays the others by what came before them, and by no more. The bound is each model's own, so that one that
is flooded has nobody else's calls refused.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from model_server.models import Batching
from model_server.scheduling.job import SECOND, Job

NEVER: Final = 2**63


class Group:
    """Calls of one model that may be joined, the oldest first."""

    __slots__ = ("jobs", "rows")

    def __init__(self) -> None:
        self.jobs: OrderedDict[Job, None] = OrderedDict()
        self.rows = 0


class Queue:
    """The calls of one model: those that wait, and how many runs are under way."""

    __slots__ = ("batching", "concurrency", "groups", "jobs", "running")

    def __init__(self, batching: Batching | None = None, concurrency: int = 0) -> None:
        self.batching = batching
        """None from the moment when it proved impossible."""
        self.concurrency = concurrency
        self.running = 0
        # Ordered dictionaries: a call that gives up leaves from the middle at once, and takes its tensors along
        self.jobs: OrderedDict[Job, None] = OrderedDict()
        self.groups: dict[Hashable, Group] = {}

    @property
    def is_full(self) -> bool:
        """Whether as many of its runs are under way as its model allows."""
        return 0 < self.concurrency <= self.running

    @property
    def oldest(self) -> Job:
        return next(iter(self.jobs))

    def add(self, job: Job) -> None:
        self.jobs[job] = None
        if job.key is not None:
            group = self.groups.get(job.key)
            if group is None:
                group = self.groups[job.key] = Group()
            group.jobs[job] = None
            group.rows += job.rows

    def remove(self, job: Job) -> None:
        del self.jobs[job]
        if job.key is not None:
            group = self.groups[job.key]
            del group.jobs[job]
            group.rows -= job.rows
            if not group.jobs:
                del self.groups[job.key]

    def ready_at(self) -> int:
        """From when on the oldest may run: at once, unless others of its model are under way and it has leave to
        wait for company."""
        oldest = self.oldest
        batching = self.batching
        if (
            batching is None
            or not batching.delay
            or not self.running
            or oldest.key is None
            or self.groups[oldest.key].rows >= batching.most
        ):
            return oldest.queued
        return oldest.queued + int(batching.delay * SECOND)

    def company(self, first: Job) -> list[Job]:
        """Who else may run with `first`, which has been removed: in order of age, as far as there is room."""
        group = self.groups.get(first.key)
        if self.batching is None or group is None:
            return []
        room = self.batching.most - first.rows
        found = []
        for job in group.jobs:
            if room < 1:
                break
            if job.rows <= room:
                found.append(job)
                room -= job.rows
        return found


class Waiting:
    """The queues of all models, for `threads` runs at a time; `bound` calls of one model may wait."""

    def __init__(self, threads: int, bound: int) -> None:
        self.threads = threads
        self.bound = bound
        self.running = 0
        self.count = 0
        self._queues: dict[Queue, None] = {}
        """Those that hold a job."""

    def admit(self, queue: Queue, job: Job) -> bool:
        """Let a call wait; False if too many of its model do. Those that an idle thread is about to take do not
        count as waiting."""
        idle = self.threads - self.running
        if queue.concurrency:
            idle = min(idle, queue.concurrency - queue.running)
        if len(queue.jobs) >= self.bound + max(idle, 0):
            return False
        queue.add(job)
        self._queues[queue] = None
        self.count += 1
        return True

    def withdraw(self, queue: Queue, job: Job) -> bool:
        """Forget a call; False if it does not wait any more."""
        if job not in queue.jobs:
            return False
        queue.remove(job)
        self.count -= 1
        if not queue.jobs:
            del self._queues[queue]
        return True

    def take(self, now: int) -> tuple[Queue, list[Job]] | None:
        """What a thread should run now, counted as running; None if nothing may. Calls that nobody waits for any
        more, or whose deadline has passed at `now`, are forgotten here and never run."""
        while (queue := self._next(now)) is not None:
            first = queue.oldest
            self.withdraw(queue, first)
            if first.is_over(now):
                continue
            jobs = [first]
            for each in queue.company(first):
                self.withdraw(queue, each)
                if not each.is_over(now):
                    jobs.append(each)
            for each in jobs:
                each.taken = True
            queue.running += 1
            self.running += 1
            return queue, jobs
        return None

    def finished(self, queue: Queue) -> None:
        """A run that was taken has ended."""
        queue.running -= 1
        self.running -= 1

    def ready_at(self) -> int | None:
        """When `take` will have something, if nothing else happens; None: not before something does."""
        times = [queue.ready_at() for queue in self._queues if not queue.is_full]
        return min(times, default=None)

    def leave(self) -> list[Job]:
        """All that wait; afterwards nobody does."""
        jobs = [job for queue in self._queues for job in queue.jobs]
        for queue in list(self._queues):
            for job in list(queue.jobs):
                self.withdraw(queue, job)
        return jobs

    def _next(self, now: int) -> Queue | None:
        found, age = None, NEVER
        for queue in self._queues:
            if not queue.is_full and queue.ready_at() <= now and queue.oldest.queued < age:
                found, age = queue, queue.oldest.queued
        return found
