"""Calls of every ending at once: no status, no detail and no message of one is ever another's."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio
import pytest

from mesh import contract
from tests.e2e.backends.scripted import DETAILS_BIN, OPTIONS
from tests.e2e.harness import Mesh, Site
from tests.e2e.harness.longer import LONGER, TIMEOUT
from tests.e2e.harness.route import COLORS
from tests.e2e.harness.scripted import ask, identity, method

ROUNDS: Final = 1_000 * LONGER
IN_PARALLEL: Final = 50
LARGE: Final = 100_000
"""More than the first window: the refusal comes while the request is still being sent."""
CONNECTIONS: Final = 5
OVERRIDE: Final = "x-pinned-color"

Case = Callable[[grpc.aio.Channel, random.Random], Awaitable[str]]


def status(call: Any, code: grpc.StatusCode, details: str | None = None) -> str:
    """What is wrong with the end of a call that failed; nothing if it is as it should be."""
    if call.code() is not code:
        return f"{call.code()} {call.details()!r}, not {code}"
    if details is None:
        return ""
    trailing = dict(call.trailing_metadata())
    wrong = call.details() != details or trailing.get("grpc-status-details-bin") != DETAILS_BIN
    return f"{call.details()!r} with {trailing}, not {details!r}" if wrong else ""


def refusal(chance: random.Random) -> tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]]:
    """A status and details that no other call has, and the metadata that ask for them."""
    code = chance.choice([each for each in grpc.StatusCode if each is not grpc.StatusCode.OK])
    details = f"no: 100 % € {chance.randrange(1 << 30)}"
    return code, details, (("x-code", str(code.value[0])), ("x-details", details.encode().hex()))


async def ok(channel: grpc.aio.Channel, chance: random.Random) -> str:
    payload = chance.randbytes(chance.choice((0, 10, LARGE)))
    call = channel.unary_unary(method("Echo"))(payload, timeout=30)
    return "" if await call == payload else "other bytes than sent"


async def refused_while_sending(channel: grpc.aio.Channel, chance: random.Random) -> str:
    return await _refused(channel, chance, LARGE)


async def trailers_only(channel: grpc.aio.Channel, chance: random.Random) -> str:
    return await _refused(channel, chance, 10)


async def _refused(channel: grpc.aio.Channel, chance: random.Random, size: int) -> str:
    code, details, metadata = refusal(chance)
    try:
        await channel.unary_unary(method("Refuse"))(bytes(size), metadata=metadata, timeout=30)
    except grpc.aio.AioRpcError as error:
        return status(error, code, details)
    return f"OK, not {code}"


async def error_after_the_first_message(channel: grpc.aio.Channel, chance: random.Random) -> str:
    code, details, metadata = refusal(chance)
    call = channel.unary_stream(method("Stumble"))(b"", metadata=metadata, timeout=30)
    seen = []
    try:
        while (message := await call.read()) is not grpc.aio.EOF:
            seen.append(message)
    except grpc.aio.AioRpcError as error:
        return status(error, code, details) if seen == [b"first"] else f"messages {seen}"
    return f"OK, not {code}"


async def cancelled(channel: grpc.aio.Channel, chance: random.Random) -> str:
    name = identity()
    call = channel.unary_stream(method("Hold"))(b"", metadata=[("x-id", name)], timeout=60)
    if await call.read() != b"held":
        return "not the message of a held call"
    call.cancel()
    if await call.code() is not grpc.StatusCode.CANCELLED:
        return f"{await call.code()}, not CANCELLED"
    return await _ended(channel, name, call)


async def past_its_deadline(channel: grpc.aio.Channel, chance: random.Random) -> str:
    name, first = identity(), None
    call = channel.unary_stream(method("Hold"))(b"", metadata=[("x-id", name)], timeout=0.3)
    try:
        first = await call.read()
        return f"a second message behind {first!r}: {await call.read()!r}"
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"{error.code()} {error.details()!r}, not DEADLINE_EXCEEDED"
    return await _ended(channel, name, call) if first == b"held" else ""


async def _ended(channel: grpc.aio.Channel, name: str, call: Any) -> str:
    """The backend that held the call knows that it is over; it is found by its colour."""
    pinned = ((OVERRIDE, (await call.initial_metadata())[contract.HEADER_COLOR]),)
    over = json.loads(await ask(channel, "Ended", name.encode(), metadata=pinned))
    return "" if over is True else "never over at the backend"


async def half_closed_at_once(channel: grpc.aio.Channel, chance: random.Random) -> str:
    call = channel.stream_stream(method("Count"))(timeout=30)
    await call.done_writing()
    answer = await call.read()
    over = await call.read() is grpc.aio.EOF and await call.code() is grpc.StatusCode.OK
    return "" if over and answer == b"[0, 0]" else f"{answer!r}, and {await call.code()}"


async def unimplemented(channel: grpc.aio.Channel, chance: random.Random) -> str:
    try:
        await ask(channel, "Nothing")
    except grpc.aio.AioRpcError as error:
        return status(error, grpc.StatusCode.UNIMPLEMENTED)
    return "OK, though there is no such method"


CASES: Final[tuple[Case, ...]] = (
    ok,
    refused_while_sending,
    trailers_only,
    error_after_the_first_message,
    cancelled,
    past_its_deadline,
    half_closed_at_once,
    unimplemented,
)


@pytest.mark.timeout(TIMEOUT)
async def test_8_endings_1000_times_each_with_50_in_parallel_are_never_mistaken_for_each_other(
    site: Site, module_mesh: Mesh
) -> None:
    """Over five connections, half of the calls to each colour; every code, detail, trailer and byte is checked."""
    splitter = await site.splitter()
    pins = [{"metadata": {OVERRIDE: color}, "color": color} for color in COLORS]
    await module_mesh.put({"split": {"blue": 50, "green": 50}, "overrides": pins, "fallback": False})
    chance = random.Random(20)
    todo = [case for case in CASES for _ in range(ROUNDS)]
    chance.shuffle(todo)
    wrong, done = [], Counter[str]()

    async def worker(channel: grpc.aio.Channel) -> None:
        while todo:
            case = todo.pop()
            try:
                problem = await case(channel, chance)
            except Exception as error:
                problem = repr(error)
            done[case.__name__] += 1
            if problem:
                wrong.append(f"{case.__name__}: {problem}")

    local = (*OPTIONS, ("grpc.use_local_subchannel_pool", 1))
    channels = [grpc.aio.insecure_channel(splitter.address, options=local) for _ in range(CONNECTIONS)]
    try:
        await asyncio.gather(*(worker(channels[number % CONNECTIONS]) for number in range(IN_PARALLEL)))
    finally:
        await asyncio.gather(*(channel.close() for channel in channels))
    assert wrong == []
    assert done == {case.__name__: ROUNDS for case in CASES}
    assert (await splitter.table())["in_flight"] == 0
