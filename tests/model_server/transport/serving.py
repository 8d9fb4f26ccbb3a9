"""The service over a real grpc.aio server, with parts that do as the test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc.aio

from mesh.pb import open_inference_pb2 as pb
from mesh.pb import open_inference_pb2_grpc as pb_grpc
from model_server.errors import NotReadyError, UnknownModelError
from model_server.inference import Request, Response
from model_server.models import Model
from model_server.tracing import Metadata
from model_server.transport.service import add_service

METHOD = "/inference.GRPCInferenceService/"


class Recording:
    """Tracing that remembers how its calls ended."""

    def __init__(self) -> None:
        self.methods: list[str] = []
        self.ended: list[tuple[str, str]] = []
        self.changed = asyncio.Event()

    def begin(self, method: str, metadata: Metadata) -> Any:
        self.methods.append(method)
        return self

    def phase(self, name: str, start: int, end: int) -> None:
        pass

    def batch(self, rows: int) -> None:
        pass

    def model(self, name: str, version: str) -> None:
        pass

    def end(self, code: str, details: str) -> None:
        self.ended.append((code, details))
        self.changed.set()

    async def until_ended(self) -> tuple[str, str]:
        """How the call that is under way ends."""
        await asyncio.wait_for(self.changed.wait(), 10)
        return self.ended[-1]


def echo(request: Request) -> Response:
    """Its inputs as outputs."""
    return Response(request.model, request.version or "1", request.id, request.inputs)


async def echo_soon(request: Request) -> Response:
    return echo(request)


@dataclass
class Answering:
    """An inference that answers as it is told, and remembers what it was asked."""

    do: Callable[[Request], Awaitable[Response]] = echo_soon
    asked: list[Request] = field(default_factory=list)
    deadlines: list[float | None] = field(default_factory=list)

    async def infer(self, request: Request, observer: Any, *, deadline: float | None) -> Response:
        self.asked.append(request)
        self.deadlines.append(deadline)
        return await self.do(request)


@dataclass
class Shelf:
    """A repository of models that are there, and of orders that it got."""

    shelved: Sequence[Model] = ()
    entries: Sequence[Any] = ()
    error: Exception | None = None
    loaded: bool = True
    orders: list[tuple[Any, ...]] = field(default_factory=list)

    def find(self, name: str, version: str = "") -> Model:
        versions = self.versions(name)
        if version and version not in versions:
            raise UnknownModelError(f"Request for unknown model: {name!r} version {version!r} is not found")
        return versions[version] if version else next(iter(versions.values()))

    def ready(self, name: str, version: str = "") -> bool:
        try:
            return bool(self.find(name, version))
        except NotReadyError:
            return False

    def versions(self, name: str) -> Mapping[str, Model]:
        if self.error:
            raise self.error
        found = {each.version: each for each in self.shelved if each.name == name}
        if not found:
            raise UnknownModelError(f"Request for unknown model: {name!r} is not found")
        return found

    def models(self) -> Sequence[Model]:
        return [*{each.name: each for each in reversed(self.shelved)}.values()][::-1]

    async def load(self, name: str, *, config: str | None = None) -> None:
        self.orders.append(("load", name, config))
        if self.error:
            raise self.error

    async def unload(self, name: str) -> None:
        self.orders.append(("unload", name))
        if self.error:
            raise self.error

    def index(self, *, ready: bool = False) -> Sequence[Any]:
        self.orders.append(("index", ready))
        return self.entries


def others() -> dict[str, Any]:
    """The parts beside inference, that are never wrong."""
    return {"repository": Shelf(), "tracing": Recording(), "ready": lambda: True, "counting": None}


@asynccontextmanager
async def serving(inference: Any = None, **parts: Any) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server of these parts, and of `others`."""
    server = grpc.aio.server()
    add_service(server, inference=inference or Answering(), **{**others(), **parts})
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)


def stub_of(channel: grpc.aio.Channel) -> Any:
    return pb_grpc.GRPCInferenceServiceStub(channel)  # type: ignore[no-untyped-call]


def infer_request(model: str = "m", raw: bytes = b"\1\0\0\0", **rest: Any) -> Any:
    """One INT32 of a given value."""
    tensor = pb.ModelInferRequest.InferInputTensor(name="X", datatype="INT32", shape=[len(raw) // 4])
    return pb.ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=[raw], **rest)


async def failure(call: Any) -> tuple[grpc.StatusCode, str]:
    """The status of a call that is expected to fail."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    raise AssertionError(f"expected a failure, received {answer}")


def logged(caplog: Any) -> list[str]:
    """What our own code has said; gRPC's poller may still complain of the loop of an earlier test."""
    return [each.getMessage() for each in caplog.records if each.name.startswith("model_server")]
