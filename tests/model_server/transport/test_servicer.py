"""The servicer turns whatever happens into a status, and the span of the call ends whatever happens."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from mesh.pb import open_inference_pb2 as pb
from model_server import errors
from model_server.tracing import Call, Metadata
from model_server.transport.servicer import InferenceServicer
from model_server.transport.status import CODES, LONGEST, shorten, status_of


class Recording:
    """Tracing that remembers how its one call ended."""

    def __init__(self) -> None:
        self.method = ""
        self.ended: list[tuple[str, str]] = []

    def begin(self, method: str, metadata: Metadata) -> Call:
        self.method = method
        return self

    def phase(self, name: str, start: int, end: int) -> None:
        pass

    def batch(self, rows: int) -> None:
        pass

    def model(self, name: str, version: str) -> None:
        pass

    def end(self, code: str, details: str) -> None:
        self.ended.append((code, details))


class Context:
    """The three things the servicer wants of a call."""

    code = grpc.StatusCode.OK
    details = ""

    def set_code(self, code: grpc.StatusCode) -> None:
        self.code = code

    def set_details(self, details: str) -> None:
        self.details = details

    def invocation_metadata(self) -> list[tuple[str, str]]:
        return []


class Answering:
    """In the place of both repository and inference."""

    loaded = True

    def __init__(self, do: Callable[[], Any]) -> None:
        self._do = do

    def find(self, name: str, version: str) -> Any:
        return self._do()

    async def infer(self, request: Any, observer: Any) -> Any:
        return await self._do()


def servicer(tracing: Recording, do: Callable[[], Any]) -> InferenceServicer:
    anything: Any = Answering(do)
    return InferenceServicer(inference=anything, repository=anything, tracing=tracing, ready=lambda: True)


def failing(error: BaseException) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


@pytest.mark.parametrize("error", CODES, ids=lambda each: each.__name__)
async def test_every_domain_error_becomes_its_status_with_its_message(error: type[Exception]) -> None:
    tracing, context = Recording(), Context()
    await servicer(tracing, failing(error("the culprit"))).ModelMetadata(pb.ModelMetadataRequest(), context)
    assert (context.code, context.details) == (CODES[error], "the culprit")
    assert tracing.method == "inference.GRPCInferenceService/ModelMetadata"
    assert tracing.ended == [(CODES[error].name, "the culprit")]


def test_every_error_a_call_can_meet_is_in_the_table() -> None:
    of_the_process = {errors.StartError, errors.ServerDiedError}
    assert set(CODES) == set(errors.ModelServerError.__subclasses__()) - of_the_process


async def test_a_bug_is_internal_tells_no_more_than_its_kind_and_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tracing, context = Recording(), Context()
    with caplog.at_level(logging.ERROR):
        await servicer(tracing, failing(KeyError("secret"))).ModelMetadata(pb.ModelMetadataRequest(), context)
    assert context.code is grpc.StatusCode.INTERNAL
    assert "KeyError" in context.details
    assert "secret" not in context.details
    assert "secret" in caplog.text
    assert "Traceback" in caplog.text


async def test_a_cancelled_call_ends_its_span_and_stays_cancelled() -> None:
    tracing, begun = Recording(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    request = pb.ModelInferRequest(model_name="m")
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(servicer(tracing, wait).ModelInfer(request, Context()))
        await begun.wait()
        call.cancel()
        await asyncio.wait((call,))
    assert call.cancelled()
    assert [code for code, _ in tracing.ended] == ["CANCELLED"]


async def test_a_model_that_is_still_loading_is_not_ready_and_not_unknown() -> None:
    answer = await servicer(Recording(), failing(errors.NotReadyError("later"))).ModelReady(
        pb.ModelReadyRequest(name="m"), Context()
    )
    assert answer.ready is False


@pytest.mark.parametrize(
    "message", ["short", "é" * 10_000, "a" + "€" * 10_000, "\ud800" * 10_000, "x" * LONGEST]
)
def test_a_message_stays_short_enough_for_trailers(message: str) -> None:
    short = shorten(message)
    assert len(short.encode()) <= LONGEST
    assert short == message or short.endswith("…")


def test_a_status_is_found_for_anything() -> None:
    assert status_of(ValueError())[0] is grpc.StatusCode.INTERNAL
