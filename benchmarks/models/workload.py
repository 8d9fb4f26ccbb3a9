"""What is asked of whom: a model with inputs of its kind, and how many calls are in flight, as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.client import message
from benchmarks.models import networks
from benchmarks.models.messages import NAMES
from benchmarks.models.session import open_session
from mesh.pb import open_inference_pb2 as pb

METHOD: Final = "/inference.GRPCInferenceService/ModelInfer"
RECOMMENDER: Final = Path(__file__).resolve().parents[2] / "deploy" / "demo" / "models" / "green.onnx"
USERS: Final = 671
ROWS: Final = 32
"""Of the largest batch."""

Array = npt.NDArray[Any]
Chance = np.random.Generator


@dataclass(frozen=True, slots=True)
class Workload:
    """A model to serve; `content` makes its file, `draw` the inputs of one call."""

    name: str
    about: str
    content: Callable[[], bytes]
    draw: Callable[[Chance], Mapping[str, Array]]
    threads: int | None = None
    """Runs at a time, where a promise needs to say how many; None: as many as the server thinks right."""
    batches: bool = True
    """Its first dimension is free, and rows that share a run cost less than runs of their own, or may."""
    seconds: float = 1.0
    """How many times as long as others it has to be measured."""


def _row(width: int) -> Callable[[Chance], Mapping[str, Array]]:
    return lambda chance: {"X": chance.standard_normal((1, width), np.float32)}


def _user(chance: Chance) -> Mapping[str, Array]:
    return {"user": chance.integers(1, USERS, 1, np.int64, endpoint=True)}


PERCEPTRON: Final = Workload(
    "perceptron",
    "64-256-256-10, one row: a run of about 10 µs, so that the server is what costs",
    lambda: networks.multilayer(64, 256, 256, 10),
    _row(64),
)
RECOMMENDER_DEMO: Final = Workload(
    "recommender",
    "the demo's matrix factorisation, one user: ten films and their scores",
    RECOMMENDER.read_bytes,
    _user,
)
MEMORY_BOUND: Final = Workload(
    "memory-bound",
    "256-2048-2048-10, one row: 19 MB of weights are read for each run, whatever its rows",
    lambda: networks.multilayer(256, 2048, 2048, 10),
    _row(256),
    seconds=2.0,
)
TEN_MS: Final = Workload(
    "10 ms",
    "products of matrices for 10 ms, one run at a time everywhere",
    lambda: networks.slow(0.010),
    _row(networks.SQUARE),
    threads=1,
    batches=False,
    seconds=2.5,
)
WORKLOADS: Final = (PERCEPTRON, RECOMMENDER_DEMO, MEMORY_BOUND, TEN_MS)
FLIGHTS: Final = ((4, 8), (1, 1))
"""(connections, streams): a busy host, and one caller that waits for every answer."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A workload, `connections` HTTP/2 connections with `streams` calls in flight on each."""

    workload: Workload
    connections: int
    streams: int

    @property
    def in_flight(self) -> int:
        return self.connections * self.streams

    @property
    def name(self) -> str:
        return f"{self.workload.name}, {self.in_flight} in flight"


BUSY: Final = {each.name: Scenario(each, *FLIGHTS[0]) for each in WORKLOADS}
ALONE: Final = {each.name: Scenario(each, *FLIGHTS[1]) for each in WORKLOADS}


@dataclass(frozen=True, slots=True)
class Sent:
    """A scenario as h2load sends it to one peer, whose answers are `answer` bytes long."""

    connections: int
    streams: int
    message: bytes
    answer: int
    method: str = METHOD

    @classmethod
    def of(cls, scenario: Scenario, request: bytes, answer: bytes) -> "Sent":
        return cls(scenario.connections, scenario.streams, message(request), len(message(answer)))


@dataclass(frozen=True, slots=True)
class Example:
    """One call's request, and what a session in this process answers."""

    inputs: Mapping[str, Array]
    request: bytes
    outputs: Mapping[str, Array]


def examples(workload: Workload, file: Path, count: int) -> list[Example]:
    """So many, each different, the same in every run of the benchmark."""
    session, chance = open_session(file), np.random.default_rng(1)
    names = [each.name for each in session.get_outputs()]
    found = []
    for _ in range(count):
        inputs = workload.draw(chance)
        outputs = dict(zip(names, session.run(names, inputs), strict=True))
        found.append(Example(inputs, request(workload, inputs).SerializeToString(), outputs))
    return found


def request(workload: Workload, inputs: Mapping[str, Array]) -> Any:
    """A ModelInferRequest with raw inputs."""
    asked = pb.ModelInferRequest(model_name=model_name(workload))
    for name, array in inputs.items():
        asked.inputs.add(name=name, datatype=NAMES[array.dtype], shape=array.shape)
        asked.raw_input_contents.append(array.tobytes())
    return asked


def model_name(workload: Workload) -> str:
    return workload.name.replace(" ", "-")
