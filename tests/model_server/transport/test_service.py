"""Every call of the protocol is answered: by what it is about, or by why it is not here."""

import grpc
import pytest

from mesh.pb import open_inference_pb2 as pb
from model_server.errors import NotReadyError
from model_server.models import fake_model
from model_server.transport.about import EXTENSIONS
from model_server.transport.absent import ABSENT
from tests.model_server.transport.serving import METHOD, Shelf, failure, serving, stub_of

SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
CALLS = [each.name for each in SERVICE.methods if not each.client_streaming]


@pytest.mark.parametrize("method", CALLS)
async def test_every_call_of_the_protocol_reaches_us(method: str) -> None:
    """What is not there, gRPC refuses as 'Method not found!'."""
    async with serving() as channel:
        code, details = await failure(channel.unary_unary(METHOD + method)(b"\xff"))
    assert code is not grpc.StatusCode.UNIMPLEMENTED or method in ABSENT
    assert "not found" not in details


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
