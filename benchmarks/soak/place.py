"""Where a soak takes place: Consul, two restartable echoes for each colour, a collector, and the splitter."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks import witness
from benchmarks.load import METHOD
from benchmarks.peers.site import Target, program
from benchmarks.peers.verdigris import SERVICE, put
from benchmarks.process import HOST, Process
from tests.consul_agent import ConsulAgent, free_ports

SAFE: Final = {"safe": [f"{METHOD.rpartition('/')[0]}/*"]}
DOCUMENTS: Final[tuple[Any, ...]] = (
    {"split": {"blue": 90, "green": 10}},
    {"split": {"blue": 50, "green": 50}, "key": {"metadata": "x-user-id", "salt": "a"}},
    {"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 25}]},
    {"split": {"blue": 30, "green": 60}},  # not 100: refused, and the one before stays
    {"split": {"blue": 0, "green": 100}, "mirror": [{"color": "blue", "percent": 100, "timeout": "1s"}]},
)


class Place:
    """Started by its constructor, stopped by the stack."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.consul = stack.enter_context(ConsulAgent())
        self.restarts = self.edits = 0
        self._echoes = []
        for number, color in enumerate(("blue", "blue", "green", "green")):
            port, counts_port = free_ports(2)
            argv = [sys.executable, "-m", "benchmarks.counting", "echo", str(port), str(counts_port)]
            echo = Process(argv, port=port, log=directory / f"echo-{number}.log")
            echo.__enter__()
            stack.callback(echo.stop)
            self._echoes.append(echo)
            instance = {"ID": f"echo-{number}", "Name": SERVICE, "Tags": ["verdigris", color]}
            put(f"{self.consul.url}/v1/agent/service/register", instance | {"Address": HOST, "Port": port})
        self.edit()
        collector = witness.start("spans", "collector", directory, stack)
        self.collector = collector
        self.target = self._splitter(directory, stack, collector.port)

    def _splitter(self, directory: Path, stack: ExitStack, collector: int) -> Target:
        port, self.admin = free_ports(2)
        argv = [str(program("splitter")), "--service", SERVICE, "--listen", f"{HOST}:{port}"]
        argv += ["--consul-addr", self.consul.address, "--admin", f"{HOST}:{self.admin}"]
        env = {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_TRACES_SAMPLER": "traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{collector}",
        }
        process = Process(argv, port=port, log=directory / "splitter.log", env=env)
        return Target(port, stack.enter_context(process))

    @property
    def splitter(self) -> Process:
        assert self.target.process is not None
        return self.target.process

    def edit(self) -> None:
        """The next document."""
        document: Mapping[str, Any] = DOCUMENTS[self.edits % len(DOCUMENTS)]
        put(f"{self.consul.url}/v1/kv/verdigris/{SERVICE}/traffic", {**document, "methods": SAFE})
        self.edits += 1

    async def restart(self) -> None:
        """Stop one endpoint, every other time without a word; start it again a moment later."""
        echo = self._echoes[self.restarts % len(self._echoes)]
        self.restarts += 1
        await asyncio.to_thread(echo.kill if self.restarts % 2 else echo.stop)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(echo.__enter__)
