"""A whole mesh on this machine: a real Consul, two model servers, a splitter; for `up` and for the demo."""

import asyncio
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mesh.consul import Consul, ConsulAddress
from rollout import ports
from rollout.failure import Exit, Failure
from rollout.ports import LOOPBACK
from rollout.processes import ADMIN, LISTENING, ROOT, Processes, Program, Running

SERVICE: Final = "recommender"
COLORS: Final = ("blue", "green")
MODELS: Final = ROOT / "deploy" / "demo" / "models"
TRACES: Final = "traces.jsonl"
STORE: Final = "shadow.db"
CONSUL_READY: Final = re.compile(r"Synced node info")
"""It has a leader, and its node stands in the catalogue."""
REGISTERED_WITHIN: Final = 20.0
"""Seconds from a model server's readiness until Consul calls it healthy."""


@dataclass(frozen=True, slots=True)
class Places:
    """Which ports to take (0: any free one) and where files go."""

    folder: Path
    consul: int = 0
    splitter: int = 0
    admin: int = 0
    models: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COLORS, 0))


class Mesh:
    """The parts, started in the order in which they need each other; `say` hears of each step."""

    def __init__(self, processes: Processes, places: Places, *, say: Callable[[str], None]) -> None:
        self._processes = processes
        self._places = places
        self._say = say
        self.trace_file = places.folder / TRACES
        self.store = places.folder / STORE
        self.document = places.folder / "traffic.json"
        """Where the demo leaves the document by which its shadow is to be judged."""
        self._state = places.folder / "splitter"
        self.consul = self.splitter = self.admin = ""
        self.parts: dict[str, Running] = {}
        """By name: `consul`, the colours, `splitter`."""

    @property
    def consul_address(self) -> ConsulAddress:
        return ConsulAddress.parse(self.consul)

    async def start(self) -> None:
        """Return with everything ready: both colours registered and healthy, and the splitter listening.

        Traces, pairs and the last good document of a run before are gone.
        """
        shutil.rmtree(self._state, ignore_errors=True)  # the last good document of another Consul
        for path in (self.trace_file, *self.store.parent.glob(f"{STORE}*")):  # with SQLite's files beside it
            path.unlink(missing_ok=True)
        self._say("starting Consul")
        await self._start_consul()
        self._say("starting the model servers")
        await asyncio.gather(*map(self.start_model, COLORS))
        self._say("starting the splitter")
        await self._start_splitter()

    async def start_model(self, color: str) -> Running:
        """Start, or start again, the model server of a colour; return when Consul calls it healthy."""
        path = MODELS / f"{color}.onnx"
        if not path.exists():
            raise Failure(Exit.FAILED, f"{path} is not there", hint="Run this from a checkout of Verdigris.")
        flags = {
            "--service": SERVICE,
            "--color": color,
            "--model": f"{SERVICE}={path}",
            "--listen": f"{LOOPBACK}:{self._places.models[color]}",
            "--consul-addr": self.consul,
            "--trace-file": str(self.trace_file),
        }
        running = await self._run(color, _python("model_server", flags), LISTENING)
        await self._registered(color, running)
        return running

    def address(self, color: str) -> str:
        return self.parts[color].said(LISTENING)

    async def _start_consul(self) -> None:
        binary = _consul_binary()
        serf, server = ports.free(2)
        self.consul = f"{LOOPBACK}:{self._places.consul or ports.free(1)[0]}"
        options = {
            "bind": LOOPBACK,
            "client": LOOPBACK,
            "http-port": self.consul.rpartition(":")[2],
            "dns-port": "-1",
            "grpc-port": "-1",
            "serf-lan-port": str(serf),
            "serf-wan-port": "-1",
            "server-port": str(server),
            "node": "verdigris",
            "log-level": "info",
        }
        if await _version(binary) >= (1, 14):
            options["grpc-tls-port"] = "-1"
        argv = [binary, "agent", "-dev", "-ui", *(f"-{name}={value}" for name, value in options.items())]
        await self._run("consul", argv, CONSUL_READY)

    async def _start_splitter(self) -> None:
        flags = {
            "--service": SERVICE,
            "--listen": f"{LOOPBACK}:{self._places.splitter}",
            "--consul-addr": self.consul,
            "--admin": f"{LOOPBACK}:{self._places.admin}",
            "--default-color": COLORS[0],
            "--state-dir": str(self._state),
            "--trace-file": str(self.trace_file),
            "--store": str(self.store),
        }
        splitter = await self._run("splitter", _python("splitter", flags), LISTENING, ADMIN)
        self.splitter, self.admin = splitter.said(LISTENING), splitter.said(ADMIN)

    async def _run(self, name: str, argv: Sequence[str], *ready: re.Pattern[str]) -> Running:
        self.parts[name] = await self._processes.start(Program(name, argv, ready))
        return self.parts[name]

    async def _registered(self, color: str, running: Running) -> None:
        port = int(running.said(LISTENING).rpartition(":")[2])
        index: int | None = None
        try:
            async with Consul(self.consul_address) as consul, asyncio.timeout(REGISTERED_WITHIN):
                while True:
                    answer = await consul.instances(SERVICE, index=index, wait=REGISTERED_WITHIN)
                    if any(each.port == port and each.passing for each in answer.value):
                        return
                    index = answer.index
        except TimeoutError:
            message = f"Consul does not call {color} healthy within {REGISTERED_WITHIN:g} s"
            raise Failure(Exit.FAILED, message, hint=f"Its log: {running.log}") from None


def _python(package: str, flags: Mapping[str, str]) -> list[str]:
    return [sys.executable, "-m", package, *(word for pair in flags.items() for word in pair)]


def _consul_binary() -> str:
    local = ROOT / ".tools" / "bin" / "consul"
    found = str(local) if local.exists() else shutil.which("consul")
    if found is None:
        hint = "`make consul` puts one there; or install Consul."
        raise Failure(Exit.FAILED, f"there is no Consul at {local} nor on PATH", hint=hint)
    return found


async def _version(binary: str) -> tuple[int, int]:
    """Major and minor of the agent; flags differ."""
    asked = await asyncio.create_subprocess_exec(binary, "version", stdout=asyncio.subprocess.PIPE)
    said, _ = await asked.communicate()
    found = re.search(rb"Consul v(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)
