"""One run: for each workload its model is written, the peers serve it and take turns, and all are stopped again."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.progress import Progress

from benchmarks.figures import Samples
from benchmarks.load import LoadError
from benchmarks.models import networks
from benchmarks.models.peers import Peer, Site
from benchmarks.models.place import Place
from benchmarks.models.workload import ALONE, BUSY, MEMORY_BOUND, ROWS, Example, Scenario, Workload, examples
from benchmarks.process import StartError

EXAMPLES: Final = 64
"""Different calls that each peer has to answer rightly, at once, before and after it is measured."""
PILOT_CALLS: Final = 64
MOST_CALLS: Final = 50_000


class Run:
    """Measurements of the workloads, and why some are missing."""

    def __init__(self, workloads: Sequence[Workload], *, seconds: float) -> None:
        self.workloads, self._seconds = tuple(workloads), seconds
        self.figures: Samples[Scenario] = Samples()
        self.left_out: dict[str, str] = {}
        self.failed = False
        self.batch_cost: float | None = None
        """How many single runs of the memory-bound model cost as much as a batch of 32."""

    @property
    def scenarios(self) -> list[Scenario]:
        return [flight[each.name] for each in self.workloads for flight in (BUSY, ALONE)]

    def all(self, peers: Sequence[Peer], repeats: int, directory: Path, progress: Progress) -> None:
        for workload in self.workloads:
            content = workload.content()
            if workload is MEMORY_BOUND:
                self.batch_cost = networks.cost_of_a_batch(content, ROWS)
            folder = directory / workload.name.replace(" ", "-")
            folder.mkdir()
            file = folder / "model.onnx"
            file.write_bytes(content)
            with ExitStack() as stack:
                compared = [each for each in peers if each.serves(workload)]
                asked = examples(workload, file, EXAMPLES)
                places = self._start(compared, Site(workload, file, folder, stack), asked)
                self._measure(workload, places, repeats, progress)
                for name, place in places.items():
                    self._check(workload, name, place, asked)

    def _start(self, peers: Sequence[Peer], site: Site, asked: Sequence[Example]) -> dict[str, Place]:
        """Those that are up and answer rightly."""
        places = {}
        for peer in peers:
            try:
                place = peer.start(site)
            except (StartError, OSError) as error:
                self._fail(f"{peer.name} with {site.workload.name}", error)
                continue
            if self._check(site.workload, peer.name, place, asked):
                places[peer.name] = place
        return places

    def _measure(
        self, workload: Workload, places: dict[str, Place], repeats: int, progress: Progress
    ) -> None:
        """Repeat 0 warms up and tells how many calls fill the time; each repeat begins with another peer."""
        planned: dict[tuple[Scenario, str], int] = {}
        flights = (BUSY[workload.name], ALONE[workload.name])
        names = list(places)
        task = progress.add_task("", total=(repeats + 1) * len(flights) * len(names))
        for repeat in range(repeats + 1):
            turn = repeat % max(1, len(names))
            for scenario in flights:
                for name in names[turn:] + names[:turn]:
                    progress.update(task, description=f"{scenario.name}: {name}", advance=1)
                    try:
                        if not repeat:
                            pilot = places[name].measure(scenario, PILOT_CALLS).load.throughput
                            fill = round(pilot * self._seconds * workload.seconds)
                            planned[scenario, name] = min(MOST_CALLS, max(PILOT_CALLS, fill))
                        elif (scenario, name) in planned:
                            sample = places[name].measure(scenario, planned[scenario, name])
                            self.figures.add(scenario, name, repeat, sample)
                    except LoadError as error:
                        self._fail(f"{name} at {scenario.name}", error)
                        planned.pop((scenario, name), None)

    def _check(self, workload: Workload, name: str, place: Place, asked: Sequence[Example]) -> bool:
        try:
            place.check(asked)
        except LoadError as error:
            self._fail(f"{name} with {workload.name}", error)
            return False
        return True

    def _fail(self, what: str, error: Exception) -> None:
        self.failed = True
        self.left_out[what] = f"failed: {error}"
