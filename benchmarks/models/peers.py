"""The ways to serve a model that are compared. A variant (batches, processes) is one more peer of another name."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import grpc
import onnxruntime

from benchmarks.models import mlserver_environment
from benchmarks.models.place import Loop, Place, Port
from benchmarks.models.workload import ROWS, Workload, model_name
from benchmarks.peers.site import first_line
from benchmarks.process import HOST, Process
from tests.consul_agent import free_ports

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Site:
    """Where a peer is set up: the model, a directory for files and logs, and who stops what runs."""

    workload: Workload
    file: Path
    directory: Path
    stack: ExitStack

    def run(self, name: str, argv: Sequence[str], *, port: int, env: Mapping[str, str] | None = None) -> Port:
        """Start a program that will listen on `port`, and wait until it does."""
        process = Process(argv, port=port, log=self.directory / f"{name}.log", env=env)
        return Port(self.workload, port, self.stack.enter_context(process), self.directory)


class Peer(Protocol):
    """One way to serve a model."""

    @property
    def name(self) -> str: ...

    def serves(self, workload: Workload) -> bool:
        """Whether there is a point in measuring it with this model."""

    def missing(self) -> str | None:
        """Why it cannot be measured here; None when it can. May take long, and says on stdout why."""

    def version(self) -> str:
        """What exactly is measured, for the record."""

    def start(self, site: Site) -> Place:
        """Running and listening; the site's stack stops it."""


@dataclass(frozen=True, slots=True)
class Verdigris:
    """This checkout's model server with its defaults; `batching` joins up to 32 calls."""

    name: str = "verdigris"
    batching: bool = False

    def serves(self, workload: Workload) -> bool:
        return workload.batches or not self.batching

    def missing(self) -> str | None:
        if not self.batching or "--batch" in _help():
            return None
        return "this model-server has no option --batch"

    def version(self) -> str:
        return first_line(sys.executable, "-m", "model_server", "--version")

    def start(self, site: Site) -> Place:
        (port,) = free_ports(1)
        model = model_name(site.workload)
        argv = [
            *(sys.executable, "-m", "model_server", "--no-consul", "--service", "benchmark"),
            *("--color", "blue", "--listen", f"{HOST}:{port}", "--model", f"{model}={site.file}"),
            *(("--threads", str(site.workload.threads)) if site.workload.threads else ()),
            *(("--batch", f"{model}={ROWS}") if self.batching else ()),
        ]
        return site.run(self.name, argv, port=port)


@dataclass(frozen=True, slots=True)
class MLServer:
    """Without access log, metrics and traces, which ours does not have on either; `settings` are its own words.

    With `parallel_workers` 0 the model runs in the server's process, by default in one worker process.
    """

    name: str
    settings: tuple[tuple[str, Any], ...] = ()
    model_settings: tuple[tuple[str, Any], ...] = ()

    def serves(self, workload: Workload) -> bool:
        return workload.batches or not self.model_settings

    def missing(self) -> str | None:
        return mlserver_environment.missing()

    def version(self) -> str:
        return mlserver_environment.VERSION

    def start(self, site: Site) -> Place:
        folder = site.directory / self.name
        folder.mkdir()
        grpc_port, http_port, metrics_port = free_ports(3)
        settings = {
            "debug": False,
            "host": HOST,
            "grpc_port": grpc_port,
            "http_port": http_port,
            "metrics_port": metrics_port,
            "metrics_endpoint": None,
            **dict(self.settings),
        }
        model = {
            "name": model_name(site.workload),
            "implementation": "benchmarks.models.mlserver_runtime.Onnx",
            "parameters": {"uri": str(site.file)},
            **dict(self.model_settings),
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "model-settings.json").write_text(json.dumps(model))
        argv = [str(mlserver_environment.COMMAND), "start", str(folder)]
        return site.run(self.name, argv, port=grpc_port, env={"PYTHONPATH": str(ROOT)})


class Bare:
    """The least that serves a model with grpc.aio: bare.py."""

    name = "bare"

    def serves(self, workload: Workload) -> bool:
        return True

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return f"grpc.aio {grpc.__version__} on uvloop, Python {sys.version.split()[0]}"

    def start(self, site: Site) -> Place:
        (port,) = free_ports(1)
        argv = [sys.executable, "-m", "benchmarks.models.bare", str(port), str(site.file)]
        return site.run(self.name, argv, port=port)


class InProcess:
    """The model called without a server: alone.py."""

    name = "in-process"

    def serves(self, workload: Workload) -> bool:
        return True

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return f"ONNX Runtime {onnxruntime.__version__}"

    def start(self, site: Site) -> Place:
        return Loop(site.file, site.directory)


OURS: Final = Verdigris()
BATCHING: Final = Verdigris("verdigris-batching", batching=True)
MLSERVER: Final = (
    MLServer("mlserver", (("parallel_workers", 0),)),
    MLServer("mlserver-parallel"),
    MLServer(
        "mlserver-batching",
        (("parallel_workers", 0),),
        (("max_batch_size", ROWS), ("max_batch_time", 0.001)),
    ),
)
PEERS: Final[tuple[Peer, ...]] = (OURS, BATCHING, *MLSERVER, Bare(), InProcess())


@cache
def _help() -> str:
    argv = [sys.executable, "-m", "model_server", "--help"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60).stdout
