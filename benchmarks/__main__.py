"""`python -m benchmarks`: every peer, every scenario, several repeats, one table.

Exit codes: 0 measured, 1 a peer failed or did not start, 69 no backend or load generator is installed.
"""

import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from rich.progress import Progress

from benchmarks import backend, environment, load, report, sanity
from benchmarks.figures import Figures, Sample
from benchmarks.load import LoadError
from benchmarks.peers import PEERS
from benchmarks.peers.site import Peer, Site, Target
from benchmarks.process import StartError
from benchmarks.scenario import DEFAULT, Scenario

RUN_DIRECTORY = Path(__file__).resolve().parents[1] / ".run" / "bench"
PILOT_CALLS = 200
MOST_CALLS = 50_000
UNAVAILABLE = 69  # sysexits.h: EX_UNAVAILABLE


class Run:
    """One run: peers that are up, what was measured, and why the others are left out."""

    def __init__(self, scenarios: Sequence[Scenario], *, seconds: float, calls: int | None) -> None:
        self.scenarios, self.seconds, self.calls = tuple(scenarios), seconds, calls
        self.targets: dict[str, Target] = {}
        self.planned: dict[tuple[Scenario, str], int] = {}
        self.figures = Figures()
        self.left_out: dict[str, str] = {}
        self.failed = False

    def start(self, peers: Sequence[Peer], stack: ExitStack) -> None:
        setup = RUN_DIRECTORY / "setup"
        shutil.rmtree(setup, ignore_errors=True)
        setup.mkdir(parents=True)
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
        sanity.check(target.port, scenario)
        pilot = load.run(target.port, scenario, calls=PILOT_CALLS, directory=RUN_DIRECTORY / "setup")
        fill = int(pilot.throughput * self.seconds)
        self.planned[scenario, name] = self.calls or min(MOST_CALLS, max(PILOT_CALLS, fill))

    def measure(self, scenario: Scenario, name: str, repeat: int) -> None:
        target = self.targets[name]
        calls = self.planned[scenario, name]
        before = target.process.cpu_seconds() if target.process else None
        seen = load.run(target.port, scenario, calls=calls, directory=RUN_DIRECTORY / "setup")
        after = target.process.cpu_seconds() if target.process else None
        used = after - before if after is not None and before is not None else None
        self.figures.add(scenario, name, repeat, Sample(seen, used))

    def all(self, repeats: int, progress: Progress) -> None:
        """Repeat 0 is the rehearsal; the peers take turns, and each repeat begins with another of them."""
        total = (repeats + 1) * len(self.scenarios) * len(self.targets)
        task = progress.add_task("", total=total)
        for repeat in range(repeats + 1):
            for scenario in self.scenarios:
                names = list(self.targets)
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

    def _fail(self, what: str, error: Exception) -> None:
        self.failed = True
        self.left_out[what] = f"failed: {error}"


@click.command(help=__doc__, context_settings={"max_content_width": 110})
@click.option("--quick", is_flag=True, help="One short repeat: does everything work?")
@click.option("--only", multiple=True, type=click.Choice([peer.name for peer in PEERS]), help="These peers.")
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=1.2, show_default=True, help="Of each measurement."
)
@click.option("--calls", type=click.IntRange(100), help="Calls of each measurement, instead of --seconds.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures there too.")
def main(
    quick: bool,
    only: tuple[str, ...],
    repeats: int,
    seconds: float,
    calls: int | None,
    json_path: Path | None,
) -> None:
    if quick:
        repeats, seconds = 1, 0.3
    console = report.console()
    for tool, package in (("h2load", "nghttp2-client"), ("nghttpd", "nghttp2-server")):
        if shutil.which(tool) is None:
            console.print(f"{tool} is not installed: Debian package {package} (make system-deps)")
            sys.exit(UNAVAILABLE)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # unwinds: everything is stopped
    peers = [peer for peer in PEERS if not only or peer.name in only]
    where = environment.look()
    console.print(str(where), highlight=False, soft_wrap=True)
    run = Run(DEFAULT, seconds=seconds, calls=calls)
    with ExitStack() as stack:
        run.start(peers, stack)
        with Progress(console=console, transient=True) as progress:
            run.all(repeats, progress)
    report.show(console, run.figures, run.scenarios, [peer.name for peer in peers])
    report.show_promises(console, run.figures, run.scenarios)
    for name, reason in run.left_out.items():
        console.print(f"left out {name}: {reason}", highlight=False, markup=False)
    versions = {peer.name: peer.version() for peer in peers if peer.missing() is None}
    line = "; ".join(f"{name}: {version}" for name, version in versions.items())
    console.print(line, highlight=False, soft_wrap=True)
    content = report.document(
        run.figures,
        where,
        settings={"repeats": repeats, "seconds": seconds, "calls": calls},
        versions=versions,
        left_out=run.left_out,
    )
    for path in filter(None, (RUN_DIRECTORY / "latest.json", json_path)):
        report.write(path, content)
    sys.exit(1 if run.failed else 0)


if __name__ == "__main__":
    main()
