"""One service in one Consul: backends registered with their colours, a splitter before them, one document.

    async with Mesh(consul, folder=tmp_path) as mesh:
        await mesh.backend("blue", lambda port: ["nghttpd", "--no-tls", str(port)])
        splitter = await mesh.splitter()
        await mesh.put({"split": {"blue": 100}})          # returns when the splitter obeys it

Every process it starts it stops, also when the test fails. It holds nothing of an event loop between calls.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from mesh import contract
from mesh.consul import Consul, ConsulAddress, Instance
from tests.e2e.harness.ports import LOOPBACK, answers, free_port
from tests.e2e.harness.process import Process, program

Argv = Callable[[int], Sequence[str]]
"""Of a port, the command that serves on it."""
OBEYED: Final = 10.0
"""Seconds until the table must show an edit or a registration; the promise itself is tested apart."""

_numbers = itertools.count(1)


@dataclass(slots=True)
class Backend:
    """Any gRPC server, registered under the mesh's service by its colour alone."""

    color: str
    port: int
    id: str
    process: Process

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"


@dataclass(slots=True)
class Splitter:
    """The real `splitter` command, listening."""

    process: Process
    address: str
    admin: str

    async def get(self, path: str) -> str:
        """The body of an admin page; raises for any status but 200."""
        url = f"http://{self.admin}{path}"
        async with aiohttp.ClientSession() as session, session.get(url, raise_for_status=True) as answer:
            return await answer.text()

    async def table(self) -> dict[str, Any]:
        """What it applies now."""
        table: dict[str, Any] = json.loads(await self.get("/table"))
        return table

    async def until(
        self, holds: Callable[[Mapping[str, Any]], bool], *, timeout: float = OBEYED
    ) -> dict[str, Any]:
        """Its table, as soon as `holds` is true of it; the error shows the table that never did."""
        ends = time.monotonic() + timeout
        while not holds(table := await self.table()):
            if time.monotonic() > ends:
                raise TimeoutError(f"not within {timeout} s; the table is {json.dumps(table, indent=2)}")
            await asyncio.sleep(0.01)  # the table is a page, not an event
        return table


@dataclass(slots=True)
class Mesh:
    """`service` is unique, so that meshes may share a Consul; `folder` takes each splitter's state."""

    consul: ConsulAddress
    folder: Path
    service: str = field(default_factory=lambda: f"service-{next(_numbers)}")
    backends: dict[str, Backend] = field(default_factory=dict)
    splitters: list[Splitter] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    _ids: itertools.count = field(default_factory=lambda: itertools.count(1))  # type: ignore[type-arg]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop every process, the splitters first; take out the registrations and the keys."""
        await asyncio.gather(*(splitter.process.stop() for splitter in self.splitters))
        await asyncio.gather(*(process.stop() for process in self.processes))
        async with Consul(self.consul) as consul:
            registered = (await consul.instances(self.service)).value
            await asyncio.gather(*(consul.deregister(instance.id) for instance in registered))
            await consul.delete(f"{contract.KEY_ROOT}/{self.service}/", recurse=True)

    def run(self, name: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Process:
        """Start any process that is to be stopped with the mesh."""
        process = Process(name, argv, env=env)
        self.processes.append(process)
        return process

    async def backend(
        self, color: str, argv: Argv, *, ready: str | None = None, port: int | None = None
    ) -> Backend:
        """Start a server; once it says `ready` or accepts connections, register it (no check: passing)."""
        port = port or free_port()
        process = self.run(f"{color} backend", argv(port))
        await (answers(port) if ready is None else process.line(ready))
        backend = Backend(color, port, f"{self.service}-{color}-{next(self._ids)}", process)
        await self.register(backend)
        return backend

    async def model_server(
        self, color: str, models: Mapping[str, Path], *flags: str, env: Mapping[str, str] | None = None
    ) -> Backend:
        """Start the real `model-server`, which registers itself; ready, and known to the splitters."""
        port = free_port()
        flags = (
            *("--service", self.service, "--color", color, "--listen", f"{LOOPBACK}:{port}"),
            *("--consul-addr", f"{self.consul.host}:{self.consul.port}"),
            *(text for name, path in models.items() for text in ("--model", f"{name}={path}")),
            *flags,
        )
        process = self.run(f"{color} model server", [*program("model-server"), *flags], env=env)
        await process.line(r"listening on")
        backend = Backend(color, port, (await self._registered(port)).id, process)
        self.backends[color] = backend
        await self._everywhere(lambda table: _knows(table, backend))
        return backend

    async def register(self, backend: Backend, *, grpc_check: str | None = None) -> None:
        """Tell Consul of it, and wait until the splitters know."""
        async with Consul(self.consul) as consul:
            await consul.register(
                id=backend.id,
                service=self.service,
                address=LOOPBACK,
                port=backend.port,
                tags=(backend.color, contract.TAG),
                meta={},
                grpc_check=grpc_check,
                interval="1s",
            )
        self.backends[backend.color] = backend
        await self._everywhere(lambda table: _knows(table, backend))

    async def deregister(self, backend: Backend) -> None:
        """Take it out of Consul, and wait until the splitters know; the process runs on."""
        async with Consul(self.consul) as consul:
            await consul.deregister(backend.id)
        self.backends = {color: each for color, each in self.backends.items() if each is not backend}
        await self._everywhere(lambda table: backend.port not in _ports(table))

    async def splitter(
        self, *flags: str, env: Mapping[str, str] | None = None, default: str = "blue"
    ) -> Splitter:
        """Start the real splitter with a state directory of its own; ready, and knowing every backend."""
        state = self.folder / f"splitter-{len(self.splitters) + 1}"
        flags = (
            *("--service", self.service, "--consul-addr", f"{self.consul.host}:{self.consul.port}"),
            *("--listen", f"{LOOPBACK}:0", "--admin", f"{LOOPBACK}:0"),
            *("--default-color", default, "--state-dir", str(state), *flags),
        )
        process = self.run("splitter", [*program("splitter"), *flags], env=env)
        admin = (await process.line(r"admin on (\S+)"))[1]
        address = (await process.line(r"listening on (\S+)"))[1]
        splitter = Splitter(process, address, admin)
        self.splitters.append(splitter)
        await splitter.until(lambda table: all(_knows(table, each) for each in self._running()))
        return splitter

    async def put(self, document: Mapping[str, Any] | bytes) -> int:
        """Write the traffic document, wait until every splitter obeys or has refused it; its revision."""
        value = document if isinstance(document, bytes) else json.dumps(document).encode()
        key = contract.traffic_key(self.service)
        async with Consul(self.consul) as consul:
            assert await consul.put(key, value)
            entry = (await consul.get(key)).value
        assert entry is not None
        await self._everywhere(lambda table: _seen(table) >= entry.revision)
        await self._everywhere(lambda table: all(_knows(table, each) for each in self._running()))
        return entry.revision

    def _running(self) -> list[Backend]:
        return [backend for backend in self.backends.values() if backend.process.running]

    async def _registered(self, port: int) -> Instance:
        """The instance on that port, as soon as Consul calls it passing."""
        index = None
        async with Consul(self.consul) as consul, asyncio.timeout(OBEYED):
            while True:
                answer = await consul.instances(self.service, index=index, wait=OBEYED)
                for instance in answer.value:
                    if instance.port == port and instance.passing:
                        return instance
                index = answer.index

    async def _everywhere(self, holds: Callable[[Mapping[str, Any]], bool]) -> None:
        await asyncio.gather(*(each.until(holds) for each in self.splitters if each.process.running))


def _knows(table: Mapping[str, Any], backend: Backend) -> bool:
    """Calls may go to it, or its colour is not named in the document and nobody needs to know it."""
    return backend.color not in table["split"] or backend.port in _ports(table)


def _ports(table: Mapping[str, Any]) -> set[int]:
    """The ports of the healthy endpoints that the splitter is connected to."""
    return {each["port"] for each in table["endpoints"] if each["passing"] and each["connected"]}


def _seen(table: Mapping[str, Any]) -> int:
    """The highest revision the table speaks of, applied or refused."""
    return max(table["revision"] or 0, (table["error"] or {}).get("revision") or 0)
