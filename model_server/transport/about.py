"""What the server says of itself and its models: live, ready, metadata."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from mesh.pb import open_inference_pb2 as pb
from mesh.version import version
from model_server.models import Model
from model_server.tracing import Call
from model_server.transport.messages import parse, write_specs

SERVER_NAME: Final = "verdigris"

EXTENSIONS: Final = ("model_repository", "model_configuration", "statistics")
"""Triton's extensions of the protocol that this server has, by Triton's names for them."""


class Models(Protocol):
    """Which models there are; `repository.Repository`."""

    @property
    def loaded(self) -> bool: ...
    def find(self, name: str, version: str = "") -> Model: ...
    def versions(self, name: str) -> Mapping[str, Model]: ...
    def ready(self, name: str, version: str = "") -> bool: ...


class About:
    """The calls that ask and change nothing; `ready` says whether new calls are welcome."""

    __slots__ = ("_models", "_ready", "_version")

    def __init__(self, models: Models, ready: Callable[[], bool]) -> None:
        self._models = models
        self._ready = ready
        self._version = version()

    async def live(self, data: bytes, call: Call, context: Any) -> bytes:
        parse(pb.ServerLiveRequest, data)
        return pb.ServerLiveResponse(live=True).SerializeToString()

    async def ready(self, data: bytes, call: Call, context: Any) -> bytes:
        parse(pb.ServerReadyRequest, data)
        return pb.ServerReadyResponse(ready=self._ready() and self._models.loaded).SerializeToString()

    async def model_ready(self, data: bytes, call: Call, context: Any) -> bytes:
        request = parse(pb.ModelReadyRequest, data)
        ready = self._models.ready(request.name, request.version) and self._ready()
        return pb.ModelReadyResponse(ready=ready).SerializeToString()

    async def metadata(self, data: bytes, call: Call, context: Any) -> bytes:
        parse(pb.ServerMetadataRequest, data)
        about = pb.ServerMetadataResponse(name=SERVER_NAME, version=self._version, extensions=EXTENSIONS)
        return about.SerializeToString()

    async def model_metadata(self, data: bytes, call: Call, context: Any) -> bytes:
        request = parse(pb.ModelMetadataRequest, data)
        model = self._models.find(request.name, request.version)
        return pb.ModelMetadataResponse(
            name=model.name,
            versions=list(self._models.versions(model.name)),
            platform=model.platform,
            inputs=write_specs(model.inputs.values()),
            outputs=write_specs(model.outputs.values()),
        ).SerializeToString()
