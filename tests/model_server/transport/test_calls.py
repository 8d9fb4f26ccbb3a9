"""Whatever happens in a call becomes a status, and its span ends whatever happens."""

import asyncio
import logging
import time
from typing import Any

import grpc
import pytest

from mesh.pb import open_inference_pb2 as pb
from model_server import errors
from model_server.inference import Request, Response
from model_server.transport.calls import deadline_of
from model_server.transport.status import CODES, LONGEST, shorten, status_of
from tests.model_server.transport.serving import (
    METHOD,
    Answering,
    Recording,
    Shelf,
    echo,
    failure,
    infer_request,
    logged,
    serving,
    stub_of,
)

INVALID = grpc.StatusCode.INVALID_ARGUMENT


class Strict:
    """Callers of whom nobody is welcome."""

    def check(self, context: Any) -> None:
        raise errors.ForbiddenError("client refused: unknown")


@pytest.mark.parametrize("error", CODES, ids=lambda each: each.__name__)
async def test_every_domain_error_becomes_its_status_with_its_message(error: type[Exception]) -> None:
    tracing = Recording()
    async with serving(repository=Shelf(error=error("the culprit")), tracing=tracing) as channel:
        call = stub_of(channel).ModelMetadata(pb.ModelMetadataRequest(name="m"))
        assert await failure(call) == (CODES[error], "the culprit")
    assert tracing.methods == ["inference.GRPCInferenceService/ModelMetadata"]
    assert tracing.ended == [(CODES[error].name, "the culprit")]


def test_every_error_a_call_can_meet_is_in_the_table() -> None:
    of_the_process = {errors.StartError, errors.ServerDiedError}
    assert set(CODES) == set(errors.ModelServerError.__subclasses__()) - of_the_process


async def test_a_bug_is_internal_tells_no_more_than_its_kind_and_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        async with serving(repository=Shelf(error=KeyError("secret"))) as channel:
            code, details = await failure(stub_of(channel).ModelMetadata(pb.ModelMetadataRequest(name="m")))
    assert code is grpc.StatusCode.INTERNAL
    assert "KeyError" in details
    assert "secret" not in details
    assert "secret" in caplog.text
    assert "Traceback" in caplog.text


METHODS = sorted(
    each.name
    for each in pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
    if each.name != "ModelStreamInfer" and "Shared" not in each.name and "Setting" not in each.name
)


@pytest.mark.parametrize("method", METHODS)
async def test_bytes_that_are_no_message_are_the_clients_fault_and_leave_no_trace_in_the_log(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as channel:
        code, details = await failure(channel.unary_unary(METHOD + method)(b"\xff" * 100))
        assert code is INVALID
        assert f"expected a message {method}Request, received 100 bytes" in details
        assert (await stub_of(channel).ServerLive(pb.ServerLiveRequest())).live
    assert logged(caplog) == []


@pytest.mark.parametrize("method", [*METHODS, "CudaSharedMemoryStatus"])
async def test_who_may_not_call_is_told_that_whatever_it_sends(method: str) -> None:
    tracing = Recording()
    async with serving(callers=Strict(), tracing=tracing) as channel:
        code, _ = await failure(channel.unary_unary(METHOD + method)(b"\xff" * 100))
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert [code for code, _ in tracing.ended] == ["PERMISSION_DENIED"]


async def test_a_cancelled_call_ends_its_span_and_its_work() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(request: Request) -> Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return echo(request)

    tracing = Recording()
    async with serving(Answering(wait), tracing=tracing) as channel:
        call = stub_of(channel).ModelInfer(infer_request())
        waiting = asyncio.ensure_future(call)
        await begun.wait()
        call.cancel()
        await asyncio.wait((waiting,))
        await asyncio.wait_for(cancelled.wait(), 10)
        assert (await tracing.until_ended())[0] == "CANCELLED"


async def test_a_call_is_given_its_deadline_and_one_without_none() -> None:
    inference = Answering()
    async with serving(inference) as channel:
        before = time.monotonic()
        await stub_of(channel).ModelInfer(infer_request(), timeout=60)
        after = time.monotonic()
        await stub_of(channel).ModelInfer(infer_request())
    given, none = inference.deadlines
    assert none is None
    assert given is not None
    assert before + 55 < given < after + 61


@pytest.mark.parametrize(
    ("timeout", "parameter", "expected"),
    [(None, 2_000_000, 2), (60, 2_000_000, 2), (2, 60_000_000, 2), (None, 0, None)],
)
async def test_the_parameter_timeout_is_a_deadline_too_and_the_sooner_one_counts(
    timeout: float | None, parameter: int, expected: float | None
) -> None:
    inference = Answering()
    asked = infer_request(parameters={"timeout": pb.InferParameter(int64_param=parameter)})
    async with serving(inference) as channel:
        before = time.monotonic()
        await stub_of(channel).ModelInfer(asked, timeout=timeout)
        after = time.monotonic()
    (given,) = inference.deadlines
    assert (given is None) == (expected is None)
    if given is not None and expected is not None:
        assert before + expected - 1 < given < after + expected + 0.1


@pytest.mark.parametrize(
    "parameter",
    [pb.InferParameter(string_param="1"), pb.InferParameter(int64_param=-1), pb.InferParameter()],
)
async def test_a_timeout_that_is_no_number_of_microseconds_is_refused(parameter: Any) -> None:
    async with serving() as channel:
        asked = infer_request(parameters={"timeout": parameter})
        code, details = await failure(stub_of(channel).ModelInfer(asked))
    assert code is INVALID
    assert "'timeout': expected microseconds" in details


def test_a_deadline_that_has_passed_is_said_before_anything_is_run() -> None:
    class Late:
        def time_remaining(self) -> float:
            return 0.0

    with pytest.raises(errors.DeadlineError, match="has passed"):
        deadline_of(Late())


@pytest.mark.parametrize(
    "message", ["short", "é" * 10_000, "a" + "€" * 10_000, "\ud800" * 10_000, "x" * LONGEST]
)
def test_a_message_stays_short_enough_for_trailers(message: str) -> None:
    short = shorten(message)
    assert len(short.encode()) <= LONGEST
    assert short == message or short.endswith("…")


def test_a_status_is_found_for_anything() -> None:
    assert status_of(ValueError())[0] is grpc.StatusCode.INTERNAL
