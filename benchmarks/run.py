"""One run: peers that are up, what was measured of them, and why the others are left out."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.progress import Progress

from benchmarks import backend, load, sanity
from benchmarks.figures import Figures, Sample
from benchmarks.load import LoadError
from benchmarks.peers.site import Peer, Site, Target
from benchmarks.process import StartError
from benchmarks.scenario import Scenario

RUN_DIRECTORY: Final = Path(__file__).resolve().parents[1] / ".run" / "bench"
SETUP: Final = RUN_DIRECTORY / "setup"
PILOT_CALLS: Final = 200
MOST_CALLS: Final = 50_000


def fresh_setup() -> Path:
    """An empty directory for the files and logs of a run."""
    shutil.rmtree(SETUP, ignore_errors=True)
    SETUP.mkdir(parents=True)
    return SETUP


class Run:
    """Measurements of the scenarios, each with its own peers."""

    def __init__(self, scenarios: Sequence[Scenario], *, seconds: float, calls: int | None) -> None:
        self.scenarios, self.seconds, self.calls = tuple(scenarios), seconds, calls
        self.targets: dict[str, Target] = {}
        self.planned: dict[tuple[Scenario, str], int] = {}
        self.figures = Figures()
        self.left_out: dict[str, str] = {}
        self.failed = False

    def start(self, peers: Sequence[Peer], stack: ExitStack) -> None:
        setup = fresh_setup()
        site = Site(backend.start(setup, stack), setup, stack)
        for peer in peers:
            if reason := peer.missing():
                self.left_out[peer.name] = reason
                continue
            try:
                self.targets[peer.name] = peer.start(site)
            except (StartError, OSError, RuntimeError) as error:
                self._fail(peer.name, error)

    def rehearse(self, scenario: Scenario, name: str) -> None:
        """A gRPC call that is checked, then a short load: warms up, tells how many calls fill the time."""
        target = self.targets[name]
        sanity.check(target.port, scenario, target.certificate)
        pilot = self._load(scenario, target, PILOT_CALLS)
        if target.witness is not None:
            target.witness.settle()  # what is late must not be counted for the first measurement
        fill = int(pilot.throughput * self.seconds)
        self.planned[scenario, name] = self.calls or min(MOST_CALLS, max(PILOT_CALLS, fill))

    def measure(self, scenario: Scenario, name: str, repeat: int) -> None:
        """CPU is read when the last copy or span has arrived: what is done behind the call's back counts too."""
        target = self.targets[name]
        calls = self.planned[scenario, name]
        witness, process = target.witness, target.process
        seen = witness.count() if witness else 0
        before = process.cpu_seconds() if process else 0.0
        measured = self._load(scenario, target, calls)
        arrived = witness.arrived(seen, calls) if witness else None
        used = process.cpu_seconds() - before if process else None
        self.figures.add(scenario, name, repeat, Sample(measured, used, arrived))

    def all(self, repeats: int, progress: Progress) -> None:
        """Repeat 0 is the rehearsal; the peers take turns, and each repeat begins with another of them."""
        compared = [
            (scenario, [name for name in scenario.peers if name in self.targets])
            for scenario in self.scenarios
        ]
        task = progress.add_task("", total=(repeats + 1) * sum(len(names) for _, names in compared))
        for repeat in range(repeats + 1):
            for scenario, names in compared:
                turn = repeat % max(1, len(names))
                for name in names[turn:] + names[:turn]:
                    progress.update(task, description=f"{scenario.name}: {name}", advance=1)
                    try:
                        if not repeat:
                            self.rehearse(scenario, name)
                        elif (scenario, name) in self.planned:
                            self.measure(scenario, name, repeat)
                    except LoadError as error:
                        self._fail(f"{name} at {scenario.name}", error)
                        self.planned.pop((scenario, name), None)

    @staticmethod
    def _load(scenario: Scenario, target: Target, calls: int) -> load.Load:
        tls = target.certificate is not None
        return load.run(target.port, scenario, calls=calls, directory=SETUP, tls=tls)

    def _fail(self, what: str, error: Exception) -> None:
        self.failed = True
        self.left_out[what] = f"failed: {error}"
