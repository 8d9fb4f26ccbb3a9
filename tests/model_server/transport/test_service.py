"""Every call of the protocol is answered: by what it is about, or by why it is not here."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2_grpc

from mesh.pb import open_inference_pb2 as pb
from model_server.errors import NotReadyError
from model_server.models import fake_model
from model_server.transport.about import EXTENSIONS
from model_server.transport.absent import ABSENT
from model_server.transport.health import Health
from model_server.transport.malformed import Registry
from model_server.transport.server import add_reflection
from model_server.transport.service import add_service
from tests.model_server.transport.serving import (
    METHOD,
    Answering,
    Shelf,
    failure,
    others,
    serving,
    stub_of,
)

SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
CALLS = [each.name for each in SERVICE.methods if not each.client_streaming]


@pytest.mark.parametrize("method", CALLS)
async def test_every_call_of_the_protocol_reaches_us(method: str) -> None:
    """What is not there, gRPC refuses as 'Method not found!'."""
    async with serving() as channel:
        code, details = await failure(channel.unary_unary(METHOD + method)(b"\xff"))
    assert code is not grpc.StatusCode.UNIMPLEMENTED or method in ABSENT
    assert "not found" not in details


class Handlers:
    """As much of gRPC's server as handlers are added to."""

    def __init__(self) -> None:
        self.generic: list[Any] = []
        self.registered: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self.generic.extend(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        self.registered.extend(handlers)


@pytest.mark.parametrize(
    "add",
    [
        lambda server: add_service(server, inference=Answering(), **others()),
        lambda server: health_pb2_grpc.add_HealthServicer_to_server(Health("a.Service"), Registry(server)),
        lambda server: add_reflection(server, ()),
    ],
    ids=["inference", "health", "reflection"],
)
async def test_no_method_has_a_task_that_waits_for_it_so_that_a_call_pays_for_itself_only(
    add: Callable[[Any], None],
) -> None:
    """grpc.aio begins a wait for every registered method anew with each call of any."""
    server = Handlers()
    add(server)
    assert len(server.generic) == 1
    assert server.registered == []


@pytest.mark.parametrize("method", ABSENT)
async def test_a_call_that_is_not_here_is_unimplemented_and_says_what_to_do_instead(method: str) -> None:
    async with serving() as channel:
        code, details = await failure(channel.unary_unary(METHOD + method)(b""))
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert details == f"{method}: {ABSENT[method]}"


async def test_the_extensions_that_are_named_are_the_ones_that_are_here() -> None:
    async with serving() as channel:
        about = await stub_of(channel).ServerMetadata(pb.ServerMetadataRequest())
    assert about.name == "verdigris"
    assert tuple(about.extensions) == EXTENSIONS
    assert not {"classification", "sequence", "trace", "logging"} & set(EXTENSIONS)


async def test_a_model_that_is_still_loading_is_not_ready_and_not_unknown() -> None:
    async with serving(repository=Shelf(error=NotReadyError("later"))) as channel:
        assert not (await stub_of(channel).ModelReady(pb.ModelReadyRequest(name="m"))).ready


@pytest.mark.parametrize(("ready", "loaded"), [(False, True), (True, False), (True, True)])
async def test_the_server_is_ready_when_all_is_loaded_and_calls_are_welcome(
    ready: bool, loaded: bool
) -> None:
    model = fake_model(lambda names, feeds: [], name="m", inputs={}, outputs={})
    async with serving(repository=Shelf([model], loaded=loaded), ready=lambda: ready) as channel:
        stub = stub_of(channel)
        assert (await stub.ServerLive(pb.ServerLiveRequest())).live
        assert (await stub.ServerReady(pb.ServerReadyRequest())).ready is (ready and loaded)
        assert (await stub.ModelReady(pb.ModelReadyRequest(name="m"))).ready is ready
