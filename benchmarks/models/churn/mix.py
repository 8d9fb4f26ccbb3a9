"""A round of everything at once: how much of it, and what became of it, is counted."""

import asyncio
import random
import socket
import struct
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from benchmarks.models.churn.place import Place
from tests.model_server.raw_http2 import Connection, framed

STEADY_CALLS: Final = 60
TURNS: Final = 3
"""Loads of each model that is loaded in a round."""
CALLS_A_TURN: Final = 15
IMPATIENT: Final = 24
"""Calls that are cancelled, and as many with a deadline that is too short for most."""
LONGEST_WAIT: Final = 0.03
STREAMS: Final = 6
VANISHING: Final = 4
DEADLINE: Final = 60.0
BROKEN: Final = b"this is no model"
ABORT: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time at all: closing says RST."""


class Mix:
    """`await round()` again and again. `counts` says what was done; `failures` what should not have happened."""

    def __init__(self, place: Place, directory: Path, *, seed: int = 0) -> None:
        self.place = place
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._request = directory / "request.bin"
        self._request.write_bytes(self._infer("slow").SerializeToString())

    async def ready(self) -> None:
        """Returns when the server answers for all that it starts with."""
        async with self._channel() as channel:
            stub = _stub(channel)
            await stub.ServerLive(pb.ServerLiveRequest(), timeout=DEADLINE, wait_for_ready=True)
            # A server that loads tells nobody when it has
            while not (await stub.ServerReady(pb.ServerReadyRequest(), timeout=DEADLINE)).ready:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def round(self) -> None:
        async with asyncio.TaskGroup() as deeds:
            for deed in (
                *(self._steady, self._come_and_go, self._reload, self._break),
                *(self._cancel, self._expire, self._leave_streams, self._crash),
            ):
                deeds.create_task(self._on_a_channel(deed))
            deeds.create_task(asyncio.to_thread(self._vanish))
        self.counts["rounds"] += 1

    async def _on_a_channel(self, deed: Callable[[Any], Awaitable[None]]) -> None:
        """Of its own: connections come and go too."""
        async with self._channel() as channel:
            await deed(_stub(channel))

    async def _steady(self, stub: Any) -> None:
        for _ in range(STEADY_CALLS):
            await self._answered(stub, "steady", self.place.answers[:1])

    async def _come_and_go(self, stub: Any) -> None:
        for _ in range(TURNS):
            await self._load(stub, "comes")
            await asyncio.gather(
                *(self._answered(stub, "comes", self.place.answers[:1]) for _ in range(CALLS_A_TURN))
            )
            await stub.RepositoryModelUnload(
                pb.RepositoryModelUnloadRequest(model_name="comes"), timeout=DEADLINE
            )
            self.counts["unloads"] += 1
            self._expect(
                await self._code(stub, "comes"), grpc.StatusCode.NOT_FOUND, "call of what is unloaded"
            )

    async def _reload(self, stub: Any) -> None:
        """No call is dropped, and each is answered by the old model or by the new one."""
        for turn in range(TURNS):
            self.place.write("reloads", self.place.contents[turn % 2])
            calls = (self._answered(stub, "reloads", self.place.answers) for _ in range(CALLS_A_TURN))
            await asyncio.gather(self._load(stub, "reloads"), *calls)

    async def _break(self, stub: Any) -> None:
        """The old model answers on."""
        self.place.write("breaks", BROKEN)
        code = await self._load(stub, "breaks", expected=grpc.StatusCode.FAILED_PRECONDITION)
        self.counts["broken loads"] += code is grpc.StatusCode.FAILED_PRECONDITION
        await self._answered(stub, "breaks", self.place.answers[:1])
        self.place.write("breaks", self.place.contents[0])
        await self._load(stub, "breaks")

    async def _cancel(self, stub: Any) -> None:
        """Some before they have begun, some in the queue, some while they run, some too late."""
        calls = [stub.ModelInfer(self._infer("slow"), timeout=DEADLINE) for _ in range(IMPATIENT)]
        for call in calls:
            await asyncio.sleep(self._chance.random() * LONGEST_WAIT / 8)
            call.cancel()
        codes = [await call.code() for call in calls]
        self.counts["cancelled calls"] += codes.count(grpc.StatusCode.CANCELLED)
        self._only(codes, {grpc.StatusCode.CANCELLED, grpc.StatusCode.OK}, "cancelled call")

    async def _expire(self, stub: Any) -> None:
        waits = [self._chance.random() * LONGEST_WAIT for _ in range(IMPATIENT)]
        calls = [stub.ModelInfer(self._infer("slow"), timeout=wait) for wait in waits]
        codes = [await call.code() for call in calls]
        self.counts["expired calls"] += codes.count(grpc.StatusCode.DEADLINE_EXCEEDED)
        self._only(codes, {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.OK}, "call with a deadline")

    async def _leave_streams(self, stub: Any) -> None:
        """Each with a request answered and others under way; half are cancelled, half left to their channel's end."""
        for number in range(STREAMS):
            stream = stub.ModelStreamInfer()
            for model in ("steady", "slow", "slow", "unheard-of"):
                await stream.write(self._infer(model))
            first = await stream.read()
            if first is grpc.aio.EOF or first.infer_response.model_name != "steady":
                self.failures["stream without its first answer"] += 1
            if number % 2:
                stream.cancel()
            self.counts["streams left open"] += 1

    async def _crash(self, stub: Any) -> None:
        """A process with calls and streams, killed."""
        argv = ("-m", "benchmarks.models.churn.crashing", self.place.address, str(self._request))
        child = await asyncio.create_subprocess_exec(sys.executable, *argv, stdout=asyncio.subprocess.PIPE)
        assert child.stdout is not None
        if not await child.stdout.readline():
            self.failures["crashing client that did not get so far"] += 1
        if child.returncode is None:
            child.kill()
        await child.wait()
        self.counts["killed clients"] += 1

    def _vanish(self) -> None:
        """Connections that end by RST: with calls under way, and with a call whose message never ends."""
        body = framed(self._infer("slow").SerializeToString())
        for _ in range(VANISHING):
            with Connection(self.place.port) as connection:
                for part in (body, body, body[:-1], b""):
                    connection.send(part)
                connection.call(framed(self._infer("steady").SerializeToString()))
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            self.counts["connections reset"] += 1

    def _infer(self, model: str) -> Any:
        request = pb.ModelInferRequest(model_name=model)
        request.inputs.add(name="X", datatype="FP32", shape=self.place.row.shape)
        request.raw_input_contents.append(self.place.row.tobytes())
        return request

    async def _answered(self, stub: Any, model: str, answers: tuple[bytes, ...]) -> None:
        try:
            answer = await stub.ModelInfer(self._infer(model), timeout=DEADLINE)
        except grpc.aio.AioRpcError as error:
            self.failures[f"{model}: {error.code()}: {error.details()}"] += 1
            return
        self.counts["calls answered"] += 1
        if answer.raw_output_contents[0] not in answers:
            self.failures[f"{model}: another model's answer"] += 1

    async def _load(
        self, stub: Any, model: str, expected: grpc.StatusCode = grpc.StatusCode.OK
    ) -> grpc.StatusCode:
        call = stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name=model), timeout=DEADLINE)
        code: grpc.StatusCode = await call.code()
        self.counts["loads"] += code is grpc.StatusCode.OK
        self._expect(code, expected, f"load of {model}")
        return code

    async def _code(self, stub: Any, model: str) -> grpc.StatusCode:
        code: grpc.StatusCode = await stub.ModelInfer(self._infer(model), timeout=DEADLINE).code()
        return code

    def _expect(self, code: grpc.StatusCode, expected: grpc.StatusCode, what: str) -> None:
        if code is not expected:
            self.failures[f"{what}: {code}"] += 1

    def _only(self, codes: list[grpc.StatusCode], expected: set[grpc.StatusCode], what: str) -> None:
        for code in codes:
            if code not in expected:
                self.failures[f"{what}: {code}"] += 1

    def _channel(self) -> grpc.aio.Channel:
        # Without it, channels to one address share a connection
        return grpc.aio.insecure_channel(self.place.address, [("grpc.use_local_subchannel_pool", 1)])


def _stub(channel: grpc.aio.Channel) -> Any:
    return service_pb2_grpc.GRPCInferenceServiceStub(channel)
