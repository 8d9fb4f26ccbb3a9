"""A stored request is sent as it was, whatever its kind, and what comes back is an answer."""

import struct
import zlib
from collections.abc import AsyncIterator

import grpc.aio
import pytest

from shadow.pair import Answer, Outcome, Pair, PairId
from shadow.replay.call import OPTIONS, Sent, Target, metadata, send
from tests.shadow.replay.server import SERVICE, Kinds, serving


def framed(*messages: bytes) -> bytes:
    return b"".join(struct.pack(">BI", 0, len(each)) + each for each in messages)


def stored(method: str, *messages: bytes, encoding: str = "", body: bytes | None = None) -> Pair:
    request = framed(*messages) if body is None else body
    return Pair(
        PairId("splitter-1", 1), "kinds", f"/{SERVICE}/{method}", 0, 1, "shadow", Answer("blue", "OK"), Answer("green"),
        request=request, encoding=encoding, metadata=(("x-user-id", "547"), ("user-agent", "grpc-java")),
    )  # fmt: skip


@pytest.fixture
def kinds() -> Kinds:
    return Kinds()


@pytest.fixture
async def target(kinds: Kinds) -> AsyncIterator[Target]:
    async with serving(kinds) as address:
        yield Target(address, "green", "v3")


async def sent(target: Target, pair: Pair, *, timeout: float = 10.0) -> Sent:
    async with grpc.aio.insecure_channel(target.address, options=OPTIONS) as channel:
        return await send(channel, target, pair, timeout=timeout)


@pytest.mark.parametrize(
    ("method", "messages", "answers"),
    [
        ("Unary", [b"ab"], [b"ab!"]),
        ("Unary", [b""], [b"!"]),
        ("Down", [b"abc"], [b"a", b"b", b"c"]),
        ("Up", [b"ab", b"c"], [b"abc"]),
        ("Up", [], [b""]),
        ("Both", [b"a", b"b"], [b"aa", b"bb"]),
    ],
)
async def test_each_kind_of_call_is_sent_from_its_stored_messages(
    target: Target, method: str, messages: list[bytes], answers: list[bytes]
) -> None:
    got = await sent(target, stored(method, *messages))
    assert (got.outcome, got.answer.status, got.answer.body) == (Outcome.COMPARED, "OK", framed(*answers))
    assert (got.answer.color, got.answer.endpoint, got.answer.version) == ("green", target.address, "v3")
    assert got.answer.latency > 0


async def test_a_request_that_was_compressed_is_sent_as_what_it_meant(target: Target, kinds: Kinds) -> None:
    small = zlib.compress(b"ab")
    await sent(target, stored("Unary", encoding="deflate", body=struct.pack(">BI", 1, len(small)) + small))
    assert kinds.requests == [[b"ab"]]


async def test_metadata_is_kept_and_the_call_says_that_it_is_a_shadow(target: Target, kinds: Kinds) -> None:
    await sent(target, stored("Unary", b"a"))
    (got,) = kinds.metadata
    assert (got["x-user-id"], got["x-verdigris-role"]) == ("547", "shadow")
    assert "grpc-java" not in str(got["user-agent"])


def test_what_a_client_may_not_send_is_left_out_and_binary_values_are_bytes_again() -> None:
    kept = metadata(
        (
            ("x-trace-bin", "AAH/"), ("x-short-bin", "AAE"), ("x-bad-bin", "!"), ("x-two-bin", "AAE,AAH/"),
            (":path", "/a"), ("Upper", "x"), ("x-text", "grüße"), ("x-verdigris-role", "primary"),
            ("traceparent", "00-1"), ("grpc-timeout", "1S"), ("ok", "1"),
        )
    )  # fmt: skip
    assert kept == (
        ("x-trace-bin", b"\x00\x01\xff"),
        ("x-short-bin", b"\x00\x01"),
        ("x-two-bin", b"\x00\x01"),
        ("x-two-bin", b"\x00\x01\xff"),
        ("ok", "1"),
        ("x-verdigris-role", "shadow"),
    )


async def test_a_status_is_an_answer(target: Target) -> None:
    got = await sent(target, stored("Fails", b"a"))
    assert (got.outcome, got.answer.status) == (Outcome.COMPARED, "INVALID_ARGUMENT")
    assert (got.answer.message, got.answer.body) == ("no such user", b"")


async def test_a_call_that_takes_too_long_has_timed_out(target: Target) -> None:
    got = await sent(target, stored("Hangs", b"a"), timeout=0.2)
    assert got.outcome is Outcome.TIMED_OUT


async def test_a_call_whose_connection_is_gone_has_failed(kinds: Kinds) -> None:
    async with serving(kinds) as address:
        pass
    got = await sent(Target(address, "green"), stored("Unary", b"a"))
    assert (got.outcome, got.reason) == (Outcome.FAILED, "connection")
