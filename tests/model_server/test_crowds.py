"""Many calls at once are answered, or told that too many wait: none is lost on the way."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from mesh.pb import open_inference_pb2_grpc as pb_grpc
from tests.model_server.requests import request, tensor
from tests.model_server.served import Served

CALLS = 3_000
"""C-core's own default cancels at random from 1 000 on, and everything from 3 000 on."""


ASKED = request(
    "simple", *(tensor(name, "INT32", [1, 16], int_contents=range(16)) for name in ("INPUT0", "INPUT1"))
)


@pytest.fixture(scope="module")
def patient(models: dict[str, Path]) -> Iterator[Served]:
    with Served("--queue", str(CALLS), models={"simple": models["simple"]}) as server:
        yield server


async def codes(address: str, channels: int) -> Counter[str]:
    own = [("grpc.use_local_subchannel_pool", 1)]
    opened = [grpc.aio.insecure_channel(address, own) for _ in range(channels)]
    stubs = [pb_grpc.GRPCInferenceServiceStub(channel) for channel in opened]  # type: ignore[no-untyped-call]

    async def call(stub: Any) -> str:
        try:
            await stub.ModelInfer(ASKED, timeout=60)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
        return "OK"

    found = Counter(await asyncio.gather(*(call(stubs[number % channels]) for number in range(CALLS))))
    for channel in opened:
        await channel.close()
    return found


@pytest.mark.parametrize("channels", [1, 24], ids=["on one connection", "on 24"])
async def test_every_call_of_a_crowd_is_answered(patient: Served, channels: int) -> None:
    assert await codes(patient.address, channels) == {"OK": CALLS}
