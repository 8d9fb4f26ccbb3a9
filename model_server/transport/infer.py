"""ModelInfer and ModelStreamInfer: one request, and many over one call."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, Protocol, TypeAlias

import grpc.aio
from google.protobuf.message import DecodeError

from mesh.pb import open_inference_pb2 as pb
from model_server.errors import NotReadyError
from model_server.inference import Request, Response
from model_server.tracing import UNTRACED, Call
from model_server.transport.calls import ClientGoneError, deadline_of, explain
from model_server.transport.wire import Wire, varint

UNDER_WAY: Final = 64
"""Requests of one stream that are under way at a time. More than the usual largest batch (32), so that one stream
can fill the next batch while one runs; and a bound on what one client holds in memory by not reading its answers."""

INFER_RESPONSE: Final = b"\x12"
"""The tag of ModelStreamInferResponse's field `infer_response`."""

FINAL_RESPONSE: Final = b"".join(
    pb.ModelInferResponse(parameters={"triton_final_response": pb.InferParameter(bool_param=True)})
    .SerializeToString()
    .partition(b"\x22")[1:]
)
"""What says that a response is its request's last: each is."""


Answers: TypeAlias = "asyncio.Queue[asyncio.Task[bytes] | None]"
"""What is under way, in the order of the requests; None: no more will come."""


class Infers(Protocol):
    """Answers requests; `inference.Inference`."""

    async def infer(self, request: Request, observer: Call, *, deadline: float | None) -> Response: ...


class Infer:
    """The calls that run models."""

    __slots__ = ("_inference", "_reading", "_wire")

    def __init__(self, inference: Infers) -> None:
        self._inference = inference
        self._wire = Wire()
        self._reading: set[asyncio.Task[None]] = set()

    async def one(self, data: bytes, call: Call, context: Any) -> bytes:
        """ModelInfer."""
        request, head = self._wire.read(data)
        deadline = deadline_of(context, head.timeout)
        response = await self._inference.infer(request, call, deadline=deadline)
        call.model(response.model, response.version)
        return b"".join(self._wire.write(response))

    async def many(self, context: Any) -> None:
        """ModelStreamInfer: a response for each request, in their order, though they run side by side.

        A request that fails is answered with its error, and the stream goes on. The client's half-close ends it after
        the last answer; its cancel, or the deadline, cancels what is under way. Phases of single requests
        are not traced: a stream may have any number of them.
        """
        room = asyncio.Semaphore(UNDER_WAY)
        answers: Answers = asyncio.Queue()
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._read(context, tasks, answers, room))
                self._reading.add(reading)
                reading.add_done_callback(self._reading.discard)
                while (answer := await answers.get()) is not None:
                    await _step(context.write(await answer))
                    room.release()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None  # requests fail alone, so it is the stream that failed
        if reading.cancelled():
            raise NotReadyError("the server is stopping, expected the stream to go on with another one")

    def close(self) -> None:
        """Take nothing more from open streams, and end each after its last answer: an idle one would hold up the
        end of the server for as long as that waits for anybody."""
        for reading in tuple(self._reading):
            reading.cancel()

    async def _read(
        self, context: Any, tasks: asyncio.TaskGroup, answers: Answers, room: asyncio.Semaphore
    ) -> None:
        try:
            while True:
                await room.acquire()
                # Shielded: gRPC never frees a read that was cancelled (grpc/grpc#43360); this one ends with the call
                step = asyncio.ensure_future(context.read())
                step.add_done_callback(_looked_at)
                data = await _step(asyncio.shield(step))
                if data is grpc.aio.EOF:
                    return
                answers.put_nowait(tasks.create_task(self._one_of_many(data, context)))
        finally:
            answers.put_nowait(None)

    async def _one_of_many(self, data: bytes, context: Any) -> bytes:
        """A ModelStreamInferResponse, whatever happens: Triton's clients tell requests apart by the id in it."""
        identifier = ""
        try:
            request, head = self._wire.read(data)
            identifier = request.id
            deadline = deadline_of(context, head.timeout)
            response = await self._inference.infer(request, UNTRACED, deadline=deadline)
            parts = self._wire.write(response, parameters=FINAL_RESPONSE if head.final else b"")
            return b"".join((INFER_RESPONSE, varint(sum(map(len, parts))), *parts))
        except Exception as error:
            _, message = explain("ModelStreamInfer", error)
            answer = pb.ModelStreamInferResponse(error_message=message)
            answer.infer_response.id = identifier or _id_of(data)
            return bytes(answer.SerializeToString())


def _looked_at(step: asyncio.Future[Any]) -> None:
    """Nobody may be left who waits for it; without this, asyncio would log what it raised."""
    if not step.cancelled():
        step.exception()


def _id_of(data: bytes) -> str:
    """Of a request that could not be read further, if that much can."""
    try:
        return str(pb.ModelInferRequest.FromString(data).id)
    except DecodeError:
        return ""


async def _step(step: Awaitable[Any]) -> Any:
    """gRPC's step of a stream. What it raises when the client has left has no public name."""
    try:
        return await step
    except Exception as error:
        raise ClientGoneError from error
