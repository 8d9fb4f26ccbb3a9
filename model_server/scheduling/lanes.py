"""What the scheduler keeps of each model, for as long as there is the model: its queue, its rule, its tally."""

import weakref
from collections import deque
from collections.abc import Iterator
from typing import Final

from model_server.models import Model
from model_server.scheduling.inline import InlineRule
from model_server.scheduling.tally import Tally
from model_server.scheduling.waiting import Queue


class Lane:
    """One model's."""

    __slots__ = ("inline", "model", "name", "queue", "tally", "version")

    def __init__(self, model: weakref.ref[Model], name: str, version: str, queue: Queue) -> None:
        self.model: Final = model
        self.name: Final = name
        self.version: Final = version
        self.queue: Final = queue
        self.inline: Final = InlineRule()
        self.tally: Final = Tally()


class Lanes:
    """By identity, which is what equality of models is; a model that is reloaded begins anew.

    Not a WeakKeyDictionary: that makes a reference for each look, which costs five times as much as the look."""

    def __init__(self) -> None:
        self._lanes: dict[int, Lane] = {}
        self._gone: deque[Lane] = deque()
        self._past: dict[tuple[str, str], Tally] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    def of(self, model: Model) -> Lane:
        return self._lanes.get(id(model)) or self._enter(model)

    def known(self, model: Model) -> Lane | None:
        """None if there was never a call of it."""
        return self._lanes.get(id(model))

    def tallies(self) -> dict[tuple[str, str], Tally]:
        """All that was ever counted, by name and version: what was reloaded or is gone counts too."""
        self._settle()
        sums: dict[tuple[str, str], Tally] = {}
        for key, tally in self._counted():
            sums.setdefault(key, Tally()).add(tally)
        return sums

    def _settle(self) -> None:
        """Of what is gone, keep only what it counted."""
        while self._gone:
            lane = self._gone.popleft()
            self._past.setdefault((lane.name, lane.version), Tally()).add(lane.tally)

    def _counted(self) -> Iterator[tuple[tuple[str, str], Tally]]:
        yield from self._past.items()
        for lane in list(self._lanes.values()):
            yield (lane.name, lane.version), lane.tally

    def _enter(self, model: Model) -> Lane:
        self._settle()  # perhaps nobody ever asks for tallies: a model for each that is gone would add up
        key, lanes, gone = id(model), self._lanes, self._gone

        def leave(ref: object) -> None:
            # In whichever thread the last reference was dropped, and before this id can be another model's
            gone.append(lanes.pop(key))

        queue = Queue(model.batching, model.concurrency)
        lane = lanes[key] = Lane(weakref.ref(model, leave), model.name, model.version, queue)
        return lane
