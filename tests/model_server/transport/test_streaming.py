"""ModelStreamInfer: an answer for each request, in their order; one that fails does not end the stream."""

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest

from mesh.pb import open_inference_pb2 as pb
from model_server.errors import BadRequestError, ForbiddenError
from model_server.inference import Request, Response
from model_server.transport.infer import UNDER_WAY
from model_server.transport.service import add_service
from tests.model_server.transport.serving import (
    METHOD,
    Answering,
    Recording,
    echo,
    failure,
    infer_request,
    logged,
    others,
    serving,
    stub_of,
)


class Gates:
    """An inference whose every request waits until the test lets it go on, by its id."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self._changed = asyncio.Condition()
        self._open: set[str] = set()

    async def __call__(self, request: Request) -> Response:
        async with self._changed:
            self.begun.append(request.id)
            self._changed.notify_all()
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: request.id in self._open)
        except asyncio.CancelledError:
            self.cancelled.append(request.id)
            raise
        return echo(request)

    async def open(self, *identifiers: object) -> None:
        async with self._changed:
            self._open.update(map(str, identifiers))
            self._changed.notify_all()

    async def until_begun(self, count: int) -> None:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.begun) >= count)


async def ids(stream: Any, count: int) -> list[str]:
    async with asyncio.timeout(10):
        return [(await stream.read()).infer_response.id for _ in range(count)]


async def test_each_request_is_answered_in_order_though_they_run_side_by_side() -> None:
    gates = Gates()
    async with serving(Answering(gates)) as channel:
        stream = stub_of(channel).ModelStreamInfer()
        for number in range(3):
            await stream.write(infer_request(id=str(number)))
        await gates.until_begun(3)
        for number in (2, 1, 0):
            await gates.open(number)
        assert await ids(stream, 3) == ["0", "1", "2"]
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK


async def test_the_answer_is_that_of_a_single_call() -> None:
    async with serving() as channel:
        stub, asked = stub_of(channel), infer_request(id="7", raw=bytes(100_000))
        single = await stub.ModelInfer(asked)
        (answer,) = [each async for each in stub.ModelStreamInfer(iter([asked]))]
    assert answer == pb.ModelStreamInferResponse(infer_response=single)


async def test_a_request_that_fails_is_answered_with_its_error_and_its_id_and_the_stream_goes_on() -> None:
    async def some(request: Request) -> Response:
        if request.id == "bad":
            raise BadRequestError("the culprit")
        if request.id == "bug":
            raise KeyError("secret")
        return echo(request)

    async with serving(Answering(some)) as channel:
        stub = stub_of(channel)
        asked = [infer_request(id=each) for each in ("bad", "good", "bug", "last")]
        answers = [each async for each in stub.ModelStreamInfer(iter(asked))]
    assert [each.infer_response.id for each in answers] == ["bad", "good", "bug", "last"]
    assert [each.error_message for each in answers][:2] == ["the culprit", ""]
    assert "KeyError" in answers[2].error_message
    assert "secret" not in answers[2].error_message
    assert answers[0].infer_response == pb.ModelInferResponse(id="bad")
    assert answers[3].infer_response.raw_output_contents


async def test_bytes_that_are_no_message_are_answered_and_the_stream_goes_on() -> None:
    async with serving() as channel:
        stream = channel.stream_stream(METHOD + "ModelStreamInfer")(
            iter([b"\xff", infer_request(id="next").SerializeToString()])
        )
        bad, good = [pb.ModelStreamInferResponse.FromString(each) async for each in stream]
    assert "expected a message ModelInferRequest" in bad.error_message
    assert good.infer_response.id == "next"


async def test_one_stream_has_so_many_requests_under_way_and_no_more() -> None:
    gates = Gates()
    async with serving(Answering(gates)) as channel:
        stream = stub_of(channel).ModelStreamInfer()
        for number in range(UNDER_WAY + 5):
            await stream.write(infer_request(id=str(number)))
        await gates.until_begun(UNDER_WAY)
        # A call of its own takes the same way in, behind what the stream has sent
        await stub_of(channel).ServerLive(pb.ServerLiveRequest())
        assert len(gates.begun) == UNDER_WAY
        await gates.open(0)
        await gates.until_begun(UNDER_WAY + 1)
        await gates.open(*range(UNDER_WAY + 5))
        assert await ids(stream, UNDER_WAY + 5) == [str(number) for number in range(UNDER_WAY + 5)]
        await stream.done_writing()
        assert await stream.code() is grpc.StatusCode.OK


@pytest.mark.parametrize("asked", [True, False])
async def test_who_asks_for_it_is_told_that_a_response_is_its_requests_last(asked: bool) -> None:
    given = {"triton_enable_empty_final_response": pb.InferParameter(bool_param=asked)}
    async with serving() as channel:
        requests = iter([infer_request(id="1", parameters=given), infer_request(id="2")])
        first, second = [each async for each in stub_of(channel).ModelStreamInfer(requests)]
    expected = {"triton_final_response": True} if asked else {}
    shown = {name: each.bool_param for name, each in first.infer_response.parameters.items()}
    assert shown == expected
    assert first.infer_response.raw_output_contents
    assert not second.infer_response.parameters


async def test_a_cancelled_stream_cancels_all_that_is_under_way() -> None:
    gates, tracing = Gates(), Recording()
    async with serving(Answering(gates), tracing=tracing) as channel:
        stream = stub_of(channel).ModelStreamInfer()
        for number in range(3):
            await stream.write(infer_request(id=str(number)))
        await gates.until_begun(3)
        stream.cancel()
        assert (await tracing.until_ended())[0] == "CANCELLED"
        assert sorted(gates.cancelled) == ["0", "1", "2"]


async def test_clients_that_leave_at_any_moment_leave_no_task_and_nothing_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tracing = Recording()
    async with serving(tracing=tracing) as channel:
        for answers in range(20):
            stream = channel.stream_stream(METHOD + "ModelStreamInfer")()
            for _ in range(20):
                await stream.write(infer_request(raw=bytes(200_000)).SerializeToString())
            for _ in range(answers):
                await stream.read()
            tracing.changed.clear()
            stream.cancel()
            # OK where all was answered: gRPC may tell of a cancellation as it tells of a half-close
            assert (await tracing.until_ended())[0] in ("CANCELLED", "OK")
        assert (await stub_of(channel).ModelInfer(infer_request(id="next"))).id == "next"
        assert not [each for each in asyncio.all_tasks() if "transport/infer.py" in repr(each)]
    assert logged(caplog) == []


async def test_the_deadline_of_a_stream_ends_it_and_what_is_under_way() -> None:
    gates, tracing, inference = Gates(), Recording(), Answering()
    inference.do = gates
    async with serving(inference, tracing=tracing) as channel:
        stream = stub_of(channel).ModelStreamInfer(timeout=0.5)
        await stream.write(infer_request(id="slow"))
        assert await stream.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert (await tracing.until_ended())[0] == "CANCELLED"
    assert gates.cancelled == ["slow"]
    assert inference.deadlines[0] is not None


async def test_a_server_that_stops_ends_its_streams_after_what_they_have_under_way() -> None:
    gates = Gates()
    server = grpc.aio.server()
    close = add_service(server, inference=Answering(gates), **others())
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        idle, busy = (stub_of(channel).ModelStreamInfer() for _ in range(2))
        for stream in (idle, busy):
            await stream.write(infer_request(id="first"))
        await gates.until_begun(2)
        await gates.open("first")
        assert [await ids(stream, 1) for stream in (idle, busy)] == [["first"], ["first"]]
        await busy.write(infer_request(id="last"))
        await gates.until_begun(3)
        close()
        assert await idle.code() is grpc.StatusCode.UNAVAILABLE
        assert "the server is stopping" in await idle.details()
        stopping = asyncio.create_task(server.stop(30))
        await gates.open("last")
        assert await ids(busy, 1) == ["last"]
        assert await busy.code() is grpc.StatusCode.UNAVAILABLE
        await asyncio.wait_for(stopping, 10)


async def test_a_stream_without_requests_ends_well() -> None:
    async with serving() as channel:
        stream = stub_of(channel).ModelStreamInfer(iter([]))
        assert [each async for each in stream] == []
        assert await stream.code() is grpc.StatusCode.OK


async def test_who_may_not_call_gets_no_stream() -> None:
    class Strict:
        def check(self, context: Any) -> None:
            raise ForbiddenError("client refused: unknown")

    async with serving(callers=Strict()) as channel:
        stream = stub_of(channel).ModelStreamInfer(iter([infer_request()]))
        code, details = await failure(anext(aiter(stream)))
    assert (code, details) == (grpc.StatusCode.PERMISSION_DENIED, "client refused: unknown")


async def test_a_request_that_cannot_be_read_whole_is_answered_with_its_id_too() -> None:
    async with serving() as channel:
        asked = infer_request(id="7")
        asked.raw_input_contents.extend([b""] * 3)
        answers = [each async for each in stub_of(channel).ModelStreamInfer(iter([asked]))]
    assert [each.infer_response.id for each in answers] == ["7"]
    assert "raw_input_contents" in answers[0].error_message
