"""gRPC's misbehaving-HTTP/2-server cases: through the splitter each ends as it does without it.

The server is `backends/http2_cases.py`; the clients are four implementations of HTTP/2 that nobody here wrote.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
import pytest

from tests.e2e.backends.http2_cases import ANSWER_SIZE, REPLIES, REQUEST_SIZE, SERVICE
from tests.e2e.harness import Mesh, Process, Route, Site, foreign, golang
from tests.e2e.harness.envoy import PROGRAM, envoy

OK: Final = [0, ANSWER_SIZE]
FAILED: Final = frozenset({"rst_after_header", "rst_during_data", "rst_after_data"})
CASES: Final = tuple(REPLIES)
TAKES_NO_PADDING: Final = frozenset({"grpcio", "ruby"})
"""gRPC's C core calls a padded DATA frame an error; through the splitter it never meets one."""
LOCAL: Final = (("grpc.use_local_subchannel_pool", 1),)

Outcomes = dict[str, list[list[int]]]
"""Of each case, the status code and the size of the answer of each of its calls."""
Client = Callable[[str], Awaitable[Outcomes]]
PAUSE: Final = 0.2
"""Seconds after a call of `goaway`, as its description has it: a request that is under way when GOAWAY comes, and is
larger than what anybody keeps to send it again, fails."""


async def grpcio(address: str) -> Outcomes:

    async def call(channel: grpc.aio.Channel, case: str) -> list[int]:
        try:
            answer = await channel.unary_unary(f"/{SERVICE}/{case}")(bytes(REQUEST_SIZE), timeout=20)
        except grpc.aio.AioRpcError as error:
            return [error.code().value[0], 0]
        return [0, len(answer)]

    seen: Outcomes = {}
    for case in CASES:
        async with grpc.aio.insecure_channel(address, options=LOCAL) as channel:
            seen[case] = [await call(channel, case)]
            if case == "goaway":
                await asyncio.sleep(PAUSE)
                seen[case].append(await call(channel, case))
                await asyncio.sleep(PAUSE)
            elif case == "max_streams":
                seen[case] += await asyncio.gather(*(call(channel, case) for _ in range(10)))
    return seen


def program(*argv: str) -> Client:
    """A client in another language: prints a line of JSON per case."""

    async def run(address: str) -> Outcomes:
        process = Process(argv[0], [*argv, address, str(PAUSE), *CASES])
        try:
            status = await process.ended(timeout=60)
        finally:
            await process.stop()
        assert status == 0, process.tail()
        lines = [json.loads(line) for line in process.lines if line.startswith("{")]
        return {line["case"]: line["outcomes"] for line in lines}

    return run


@pytest.fixture(scope="module")
def site(module_mesh: Mesh) -> Site:
    server = [sys.executable, "-m", "tests.e2e.backends.http2_cases"]
    return Site.alike(module_mesh, lambda port: [*server, str(port)], ready="ready")


@pytest.fixture(params=["grpcio", "grpc-go", "grpc-js", "ruby"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(name: str) -> Client:
    match name:
        case "grpc-go":
            return program(golang.interop(), "http2")
        case "grpc-js":
            return program(foreign.node(), str(foreign.NODE / "http2_cases.js"))
        case "ruby":
            return program(foreign.ruby(), str(foreign.RUBY / "http2_cases.rb"))
        case _:
            return grpcio


async def report(backend: str) -> dict[str, Any]:
    """What the server saw until now."""
    async with grpc.aio.insecure_channel(backend, options=LOCAL) as channel:
        answer = await channel.unary_unary(f"/{SERVICE}/report")(b"", timeout=10)
    seen: dict[str, Any] = json.loads(answer)
    return seen


def expected(client: str, way: str) -> Outcomes:
    """What the descriptions ask for; a reset before the trailers is INTERNAL in all four implementations."""
    outcomes = {case: [[grpc.StatusCode.INTERNAL.value[0], 0] if case in FAILED else OK] for case in CASES}
    if way == "direct" and client in TAKES_NO_PADDING:
        outcomes["data_frame_padding"] = outcomes["rst_after_header"]
    return outcomes | {"goaway": [OK] * 2, "max_streams": [OK] * 11}


async def test_every_case_ends_as_the_description_says_and_as_without_a_splitter(
    route: Route, name: str, client: Client
) -> None:
    """Also: no PING is left unanswered, no stream is opened above the limit, a GOAWAY is obeyed."""
    before = await report(route.backend)
    assert await client(route.address) == expected(name, route.way)
    after = await report(route.backend)
    first, second = after["cases"]["goaway"][len(before["cases"].get("goaway", ())) :]
    assert first != second, "the second call came on the connection that had said GOAWAY"
    assert after["too_many"] == 0
    async with asyncio.timeout(10):
        while after["pings"]:  # the last of them were sent behind the trailers
            await asyncio.sleep(0.01)
            after = await report(route.backend)


if PROGRAM.exists():  # no test at all elsewhere: nothing about the splitter is left out without it

    async def test_through_envoy_the_same_calls_succeed_and_the_same_fail(
        site: Site, name: str, client: Client, tmp_path: Path
    ) -> None:
        port = int((await site.backend("blue")).rpartition(":")[2])
        seen = await client(await envoy(site.mesh, tmp_path, port))
        through_us = expected(name, "blue")
        del through_us["no_df_padding_sanity_test"]  # Envoy may call so many small frames a flood
        for case, outcomes in through_us.items():
            assert [size for _, size in outcomes] == [size for _, size in seen[case]], case
