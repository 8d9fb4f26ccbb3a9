"""What grpcio's client and a server see of a call through the splitter is what they see of it directly.

The server is one that works on the wire (`backends.witness`), so compression, `:authority`, `user-agent`,
`grpc-timeout`, order and duplicates are compared too. Two differences are by design: `traceparent` towards
the server, `x-verdigris-color` towards the client.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio
import pytest

from mesh import contract
from tests.e2e.harness import Mesh, Route, Site

AUTHORITY: Final = "recommender.example:8080"
CHANNEL: Final = (
    ("grpc.default_authority", AUTHORITY),
    ("grpc.primary_user_agent", "somebody/1.2"),
)
METADATA: Final = (
    ("x-user-id", "user 17"),
    ("x-twice", "1"),
    ("x-between", "%"),
    ("x-twice", "2"),
    ("x-empty", ""),
    ("x-long", "v" * 2000),
    ("x-bytes-bin", bytes(range(256))),
    ("x-bytes-bin", b"\x00\x01"),
)
MESSAGES: Final = (b"", b"a", b"\x00\xff" * 2000)
ZEROS: Final = bytes(20_000)
TIMEOUT: Final = 30
ECHO, REFUSE = "/verdigris.test.Witness/Echo", "/verdigris.test.Witness/Refuse"

Pairs = list[tuple[str, str | bytes]]


@dataclass(frozen=True)
class View:
    """A finished call: what the client got, and what the server said it got."""

    answers: list[bytes]
    code: grpc.StatusCode
    details: str | None
    initial: Pairs
    trailing: Pairs
    seen_fields: Pairs
    seen_messages: list[Any]
    timeout: int | None


def view(
    answers: list[bytes], code: grpc.StatusCode, details: str | None, initial: Any, trailing: Any
) -> View:
    """Take the server's words out of the trailers, and out of both what the splitter is allowed to add."""
    seen = json.loads(dict(trailing)["x-seen-bin"])
    return View(
        answers,
        code,
        details,
        without(initial, contract.HEADER_COLOR),
        without(trailing, contract.HEADER_COLOR, "x-seen-bin"),
        without(seen["fields"], "traceparent", "grpc-timeout"),
        seen["messages"],
        seconds(dict(seen["fields"]).get("grpc-timeout")),
    )


def without(metadata: Any, *names: str) -> Pairs:
    return [(name, value) for name, value in metadata or () if name not in names]


def seconds(timeout: str | None) -> int | None:
    """A `grpc-timeout` in whole seconds: no two calls are the same millisecond from their deadline."""
    units = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "S": 1, "M": 60, "H": 3600}
    return None if timeout is None else round(int(timeout[:-1]) * units[timeout[-1]])


@dataclass(frozen=True)
class Call:
    """One call to make: its messages, method, compression, and whether it has a deadline."""

    messages: tuple[bytes, ...] = MESSAGES
    method: str = ECHO
    code: grpc.StatusCode = grpc.StatusCode.OK
    compression: grpc.Compression | None = None
    timeout: float | None = TIMEOUT

    @property
    def metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return (*METADATA, ("x-code", str(self.code.value[0])))


def sync_view(address: str, call: Call) -> View:
    with grpc.insecure_channel(address, options=CHANNEL) as channel:
        running = channel.stream_stream(call.method)(
            iter(call.messages), metadata=call.metadata, timeout=call.timeout, compression=call.compression
        )
        answers: list[bytes] = []
        try:
            answers.extend(running)
        except grpc.RpcError:
            assert call.code is not grpc.StatusCode.OK, running.details()
        return view(
            answers,
            running.code(),
            running.details(),
            running.initial_metadata(),
            running.trailing_metadata(),
        )


async def aio_view(address: str, call: Call) -> View:
    async def requests() -> AsyncIterator[bytes]:
        for message in call.messages:
            yield message

    async with grpc.aio.insecure_channel(address, options=CHANNEL) as channel:
        running = channel.stream_stream(call.method)(
            requests(), metadata=call.metadata, timeout=call.timeout, compression=call.compression
        )
        answers: list[bytes] = []
        try:
            async for answer in running:
                answers.append(answer)  # noqa: PERF401  # what came before an error counts
        except grpc.aio.AioRpcError:
            assert call.code is not grpc.StatusCode.OK, await running.details()
        return view(
            answers,
            await running.code(),
            await running.details(),
            await running.initial_metadata(),
            await running.trailing_metadata(),
        )


CALLS: Final = {
    "messages and metadata": Call(),
    "no message at all": Call(messages=()),
    "gzip": Call(messages=(ZEROS, b"a", ZEROS), compression=grpc.Compression.Gzip),
    "deflate": Call(messages=(ZEROS,), compression=grpc.Compression.Deflate),
    "no deadline": Call(timeout=None),
    "an error after answers": Call(code=grpc.StatusCode.DATA_LOSS),
    "an error alone": Call(code=grpc.StatusCode.FAILED_PRECONDITION, method=REFUSE),
}


@pytest.fixture(scope="module")
def site(module_mesh: Mesh) -> Site:
    witness = [sys.executable, "-m", "tests.e2e.backends.witness"]
    return Site.alike(module_mesh, lambda port: [*witness, str(port)], ready="ready")


async def sync_client(address: str, call: Call) -> View:
    return await asyncio.to_thread(sync_view, address, call)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("client", [sync_client, aio_view], ids=["sync", "aio"])
async def test_client_and_server_see_the_same_call(route: Route, client: Any, call: Call) -> None:
    """Status, details, metadata, bytes and compression of messages, authority, user agent, deadline."""
    reference = await client(route.backend, call)
    assert await client(route.address, call) == reference

    fields = dict(reference.seen_fields)
    assert reference.code is call.code
    assert reference.details == ("" if call.code is grpc.StatusCode.OK else "50% of it, €\n")
    assert reference.answers == ([] if call.method == REFUSE else list(call.messages) or [b""])
    assert reference.timeout == call.timeout
    assert fields[":authority"] == AUTHORITY
    assert fields["user-agent"].startswith("somebody/1.2 ")
    assert fields["te"] == "trailers"
    compressed = [flag for flag, _ in reference.seen_messages]
    assert any(compressed) == (call.compression is not None)


async def test_metadata_keeps_duplicates_and_every_byte(route: Route) -> None:
    """Towards the server, in initial metadata and in trailers."""
    seen = await aio_view(route.address, Call())
    for name in ("x-user-id", "x-twice", "x-between", "x-empty", "x-long"):
        sent = [value for key, value in METADATA if key == name]
        assert [value for key, value in seen.seen_fields if key == name] == sent
    for received in (seen.initial, seen.trailing):
        assert [value for name, value in received if name == "x-twice"] == ["first", "second"]
        assert [value for name, value in received if name == "x-bytes-bin"] == [bytes(range(256)), b"\0\1"]
    assert dict(seen.trailing)["grpc-status-details-bin"] == bytes(range(256))
