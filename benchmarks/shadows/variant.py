"""The splitters that are compared: without a shadow, and with one that is well, or in trouble."""

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.load import METHOD
from benchmarks.peers.site import Site, Target
from benchmarks.peers.verdigris import Verdigris
from benchmarks.process import HOST, Process
from tests.consul_agent import free_ports

SLOW: Final = 0.005
"""Seconds: more than ten times what the backend takes through a splitter."""

WELL: Final = "well"
NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Variant(Verdigris):
    """A splitter that sends everything to blue. `green`: NONE (no shadow), WELL, dead, hanging or slow; `recorder`:
    NONE, WELL, killed (every half second) or stopped (SIGSTOP)."""

    name: str
    green: str = WELL
    recorder: str = WELL

    def start(self, site: Site) -> Target:
        options = ("--store", "off") if self.recorder == NONE else ()
        return self._run(site, {"blue": site.backend, **self._shadow(site)}, self.document(), options=options)

    def document(self) -> Mapping[str, Any]:
        one: dict[str, Any] = {"split": {"blue": 100}, "methods": {"safe": [METHOD]}}
        if self.green != NONE:
            one["mirror"] = [{"color": "green", "percent": 100, "timeout": "2s"}]
        return one

    def _shadow(self, site: Site) -> dict[str, int]:
        if self.green == NONE:
            return {}
        if self.green == WELL:
            return {"green": site.backend}
        port = free_ports(1)[0]
        if self.green != "dead":
            slow = [sys.executable, "-m", "benchmarks.shadows.slow", str(port), str(SLOW)]
            hanging = [sys.executable, "-m", "tests.e2e.backends.awkward", str(port), "hang"]
            argv = slow if self.green == "slow" else hanging
            log = site.directory / f"{self.name.replace(' ', '-')}-green.log"
            site.stack.enter_context(Process(argv, port=port, log=log))
        return {"green": port}


VARIANTS: Final = (
    Variant("no shadow", green=NONE, recorder=NONE),
    Variant("no shadow, again", green=NONE, recorder=NONE),
    Variant("shadow, not recorded", recorder=NONE),
    Variant("shadow"),
    Variant("dead shadow", green="dead"),
    Variant("hanging shadow", green="hanging"),
    Variant("shadow 5 ms slower", green="slow"),
    Variant("recorder killed", recorder="killed"),
    Variant("recorder stopped", recorder="stopped"),
)


def recorders(target: Target) -> list[int]:
    """The process ids of a splitter's recorders."""
    with urllib.request.urlopen(f"http://{HOST}:{target.admin}/table", timeout=10) as answer:
        return [each["pid"] for each in json.load(answer)["recorders"] if each["pid"]]


def harm(target: Target, number: signal.Signals) -> None:
    """Send its recorder a signal."""
    for pid in recorders(target):
        os.kill(pid, number)
