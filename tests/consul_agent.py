"""A real `consul agent -dev` for tests: ports and data of its own on 127.0.0.1, started, killed, restarted.

    with ConsulAgent() as agent: ...            # agent.address is "127.0.0.1:PORT"
    async with ConsulAgent() as agent: ...      # the same, off the event loop

`-dev` keeps its keys in memory: a restart loses them and Consul's index goes backwards. What was registered
with the agent itself is in the data directory: `restart(forget=False)` keeps it.
"""

import asyncio
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.request
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

READY_WITHIN = 30.0
STOP_WITHIN = 10.0
READY_LINES = ("Synced node info", "Node info update blocked by ACLs")
"""What the agent logs once it has a leader and its node stands in the catalog (sessions need that)."""
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
PORTS = range(20_000 + WORKER, 32_000, WORKERS)
"""Below Linux's ephemeral range, so that nobody's outgoing connection takes a port during a restart; each worker of
pytest-xdist has its own, so that none takes what another has found and not yet opened."""


def consul_binary() -> str | None:
    """The checkout's `.tools/bin/consul` (`make consul`), else the one on PATH, else None."""
    local = Path(__file__).parents[1] / ".tools" / "bin" / "consul"
    return str(local) if local.exists() else shutil.which("consul")


class ConsulAgent:
    """One agent; `hcl` is further configuration, such as `acl { enabled = true }`."""

    def __init__(self, *, hcl: str = "") -> None:
        self.hcl = hcl
        self.http_port, self._serf_lan, self._serf_wan, self._server = free_ports(4)
        self._directory = tempfile.mkdtemp(prefix="verdigris-consul-")
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._ready = threading.Event()
        self._log: deque[str] = deque(maxlen=400)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.http_port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def log(self) -> str:
        """The last lines the agent wrote."""
        return "".join(self._log)

    def start(self) -> None:
        """Start it and return when it has a leader; RuntimeError with its log if that takes too long."""
        binary = consul_binary()
        if binary is None:
            raise FileNotFoundError("consul: not at .tools/bin/consul nor on PATH; run `make consul`")
        if self._process is not None:
            raise RuntimeError("the agent is running")
        self._ready.clear()
        options: dict[str, Any] = {
            "bind": "127.0.0.1",
            "client": "127.0.0.1",
            "http-port": self.http_port,
            "dns-port": -1,
            "grpc-port": -1,
            "serf-lan-port": self._serf_lan,
            "serf-wan-port": self._serf_wan,
            "server-port": self._server,
            "data-dir": f"{self._directory}/data",
            "node": "test",
            "log-level": "info",
            "hcl": self.hcl or "{}",
        }
        command = [binary, "agent", "-dev", *(f"-{name}={value}" for name, value in options.items())]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        self._process = process
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()
        if not self._ready.wait(READY_WITHIN) or process.poll() is not None or not self._has_leader():
            self.kill()
            raise RuntimeError(f"consul has no leader within {READY_WITHIN:g} s:\n{self.log}")

    def stop(self) -> None:
        """SIGTERM and wait; safe when it is not running."""
        if self._process is not None:
            self._process.terminate()
            self._reap()

    def kill(self) -> None:
        """SIGKILL and wait: connections break without a word."""
        if self._process is not None:
            self._process.kill()
            self._reap()

    def restart(self, *, forget: bool = True) -> None:
        """Stop and start on the same ports; keys are lost, and registrations too unless told otherwise."""
        self.stop()
        if forget:
            shutil.rmtree(f"{self._directory}/data", ignore_errors=True)
        self.start()

    def close(self) -> None:
        """Stop it and remove its data."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                self._log.append(line)
                if any(words in line for words in READY_LINES):
                    self._ready.set()
        self._ready.set()  # it ended: nobody needs to wait for more

    def _has_leader(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/v1/status/leader", timeout=5) as answer:
            return bool(answer.read().strip() not in (b"", b'""'))

    def _reap(self) -> None:
        assert self._process is not None
        assert self._reader is not None
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process = self._reader = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that are free for TCP and UDP, all held until all are found."""
    held: list[socket.socket] = []
    found: list[int] = []
    try:
        for port in random.sample(PORTS, 500):
            pair = [socket.socket(type=kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
            held += pair
            try:
                for one in pair:
                    one.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
    finally:
        for one in held:
            one.close()
    raise RuntimeError(f"no {count} free ports in {PORTS}")
