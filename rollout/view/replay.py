"""A replay's progress: how far, how fast, what went wrong so far."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as bars
from rich.console import Console
from rich.text import Text

from rollout.view import paint
from shadow.pair import Outcome, Pair


class Progress:
    """Counts what is finished; drawn while `shown`, on a terminal."""

    def __init__(self, terminal: Console, color: str, run: str) -> None:
        self.number = 0
        self.done = 0
        self._outcomes: Counter[str] = Counter()
        self._terminal = terminal
        self._color = color
        self._run = run
        self._bars: bars.Progress | None = None
        self._task: bars.TaskID | None = None

    def finished(self, pair: Pair) -> None:
        """One more has ended."""
        self.done += 1
        self._outcomes[pair.shadow.status if pair.outcome is Outcome.COMPARED else pair.outcome] += 1
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=self.done, told=self._told())

    @contextmanager
    def shown(self, number: int) -> Iterator[None]:
        """Draw while the block runs; `number` calls are all of them."""
        self.number = number
        start = Text.assemble("replaying to ", paint.name(self._color), f" as {self._run}")
        self._terminal.print(start)
        columns = (
            bars.BarColumn(30),
            bars.MofNCompleteColumn(),
            bars.TimeRemainingColumn(compact=True),
            bars.TextColumn("{task.fields[told]}", markup=False),
        )
        with bars.Progress(*columns, console=self._terminal, disable=not self._terminal.is_terminal) as drawn:
            self._bars, self._task = drawn, drawn.add_task("", total=number, told="")
            try:
                yield
            finally:
                self._bars = self._task = None

    def _told(self) -> str:
        return "  ".join(f"{count} {name}" for name, count in self._outcomes.most_common(3))
