"""One call on its way through the scheduler, and the times of the run that answered it."""

import asyncio
import time
from collections.abc import Hashable, Sequence
from typing import Final

from model_server.models import Model
from model_server.tensors import WireTensor

SECOND: Final = 1_000_000_000


class Execution:
    """One run of a model: when its steps ended, in monotonic nanoseconds; 0: it did not come so far."""

    __slots__ = ("cpu", "decoded", "ended", "ran", "rows", "started", "wall")

    def __init__(self, rows: int = 1) -> None:
        self.rows = rows
        """What Triton calls the batch size: 1, or the sum of the first dimensions."""
        self.started = time.monotonic_ns()
        self.decoded = 0
        self.ran = 0
        self.ended = 0
        self.wall = 0
        """`ended` as nanoseconds since the epoch."""
        self.cpu = -1
        """What it took of its thread's processor time; -1: not measured."""

    def end(self) -> None:
        self.ended = time.monotonic_ns()
        self.wall = time.time_ns()


class Job:
    """A call that waits for a thread, or is in one. Its caller awaits `future` and then looks at the outcome: an
    error there is never an exception of the future, so nobody has to ask for one that nobody waits for any more."""

    __slots__ = (
        "deadline",
        "error",
        "execution",
        "future",
        "inputs",
        "key",
        "kind",
        "model",
        "names",
        "outputs",
        "queued",
        "refusal",
        "rows",
        "size",
        "taken",
    )

    def __init__(
        self,
        model: Model,
        names: Sequence[str],
        inputs: Sequence[WireTensor],
        *,
        future: asyncio.Future[None],
        queued: int,
        deadline: float | None = None,
        kind: Hashable = None,
        size: int = -1,
    ) -> None:
        self.model = model
        self.names = names
        self.inputs = inputs
        self.future = future
        self.queued = queued
        """Monotonic nanoseconds."""
        self.deadline = deadline
        """As `time.monotonic()`."""
        self.kind = kind
        self.size = size
        """As `inline.measure` says; -1: nobody wants to know."""
        self.rows = 0
        self.key: Hashable = None
        """Equal keys of one model may be joined; None never."""
        self.taken = False
        """By a thread, to be run."""
        self.execution: Execution | None = None
        self.outputs: tuple[WireTensor, ...] = ()
        self.error: Exception | None = None
        self.refusal: Exception | None = None
        """The event loop's own verdict, whatever a thread makes of the job: it was late, or the server stops."""

    def is_over(self, now: int) -> bool:
        """Whether nobody waits for it any more, at `now` (monotonic nanoseconds). Asked in any thread."""
        return self.future.done() or (self.deadline is not None and self.deadline * SECOND <= now)
