"""The table of attacks: what is said of attacker and neighbour."""

import asyncio
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import witness
from benchmarks.attacks.neighbor import Phase, Timed, parse
from benchmarks.attacks.trial import HEADINGS, attempt, code_name, describe
from benchmarks.attacks.victim import parse_faults
from benchmarks.peers.site import Target
from tests.e2e.attacks import ATTACKS
from tests.e2e.harness import needs

METRICS = """
verdigris_connection_faults_total{reason="rapid_reset",service="s",side="client"} 3.0
verdigris_connection_faults_total{reason="useless_frames",service="s",side="client"} 1.0
verdigris_connection_faults_total{reason="protocol",service="s",side="upstream"} 7.0
verdigris_clients 4.0
"""


@dataclass
class Seen:
    connections: int = 3
    closed: int = 2
    survived: int = 1
    sent: int = 1 << 21
    goaways: Counter[int] = field(default_factory=lambda: Counter({11: 2}))
    resets: Counter[int] = field(default_factory=Counter)


class Harmless:
    """Waits for its end; `broken`: raises instead."""

    def __init__(self, *, broken: bool = False) -> None:
        self.name, self.broken = "harmless", broken

    async def run(self, host: str, port: int, stop: asyncio.Event) -> Seen:
        if self.broken:
            raise RuntimeError("oh")
        await stop.wait()
        return Seen()


def test_every_attack_of_the_tests_has_a_name_of_its_own() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) > 20


def test_the_log_is_read_up_to_a_row_that_is_not_complete() -> None:
    assert parse("1000000\t200\t15\n2500000\t-1\t3\n26000") == [
        Timed(1.0, "200", 15.0),
        Timed(2.5, "-1", 3.0),
    ]


def test_a_phase_is_of_the_calls_that_began_in_it() -> None:
    calls = [Timed(second, "200", took) for second, took in ((1, 10), (2, 20), (3, 30), (4, 1000))]
    phase = Phase.of(calls, 1, 4)
    assert phase is not None
    assert (phase.calls, phase.p50, phase.worst) == (3, 20, 30)
    assert Phase.of(calls, 4, 9) is None


def test_what_the_attacker_got_is_said_in_words() -> None:
    assert describe(Seen()) == "2 of 3 connections ended; GOAWAY ENHANCE_YOUR_CALM × 2; sent 2.0 MiB"
    assert describe(Seen(connections=0)) == "never got in"
    assert code_name(99) == "0x63"


def test_faults_of_clients_are_read_from_the_metrics_whatever_the_order_of_labels() -> None:
    assert parse_faults(METRICS) == {"rapid_reset": 3, "useless_frames": 1}
    turned = 'verdigris_connection_faults_total{service="s",side="client",reason="protocol"} 2.0\n'
    assert parse_faults(turned) == {"protocol": 2}


def test_a_trial_has_the_neighbor_before_during_and_after(tmp_path: Path) -> None:
    needs.command("h2load", package="nghttp2-client")
    with ExitStack() as stack:
        echo = witness.start("echo", "echo", tmp_path, stack)
        target = Target(echo.port, echo.process)
        trial = asyncio.run(attempt(Harmless(), target, 0.3, tmp_path))
        broken = asyncio.run(attempt(Harmless(broken=True), target, 0.2, tmp_path))
    assert trial.before is not None
    assert trial.during is not None
    assert trial.failed == 0
    assert 0 < trial.resident <= trial.peak
    assert len(trial.row()) == len(HEADINGS)
    assert broken.attacker == "broke: RuntimeError: oh"
