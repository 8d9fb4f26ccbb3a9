"""Calls that are wrong before any request can be read from them: each ends as it has to, and the next good call on the
same connection is answered. Most are grpcio's to refuse; that it does, and lives on, is what is looked at."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.model_server.raw_http2 import Connection, framed
from tests.model_server.served import Served
from tests.model_server.test_infer import SUM, both

GOOD = both().SerializeToString()
INVALID, DEADLINE, EXHAUSTED, UNIMPLEMENTED, INTERNAL = "3", "4", "8", "12", "13"
RESET = "HTTP none"
"""RST_STREAM at once: it is not even a call."""

BAD: dict[str, tuple[dict[str, Any], set[str], list[str]]] = {
    "a request cut short": ({"body": framed(GOOD[:-7])}, {INVALID}, ["ModelInferRequest"]),
    "bytes that are no message": (
        {"body": framed(b"\xff" * 100)},
        {INVALID},
        ["ModelInferRequest"],
    ),
    "an unknown method": (
        {"body": framed(GOOD), "_path": "/inference.GRPCInferenceService/Guess"},
        {UNIMPLEMENTED},
        ["Method not found"],
    ),
    "an unknown service": (
        {"body": framed(GOOD), "_path": "/guess.Service/ModelInfer"},
        {UNIMPLEMENTED},
        ["Method not found"],
    ),
    "a path that is no method": ({"body": framed(GOOD), "_path": "/"}, {UNIMPLEMENTED}, ["Method not found"]),
    "a length above the limit": (
        {"body": framed(GOOD, length=2**31)},
        {EXHAUSTED},
        ["larger than max", "2147483648 vs. 1048576"],
    ),
    "a compressed message in no compression": (
        {"body": framed(GOOD, flag=1)},
        {INTERNAL},
        ["Compression bit set but no encoding configured"],
    ),
    "a gzip message that is none": (
        {"body": framed(GOOD, flag=1), "grpc_encoding": "gzip"},
        {INTERNAL},
        ["Decompression failed"],
    ),
    "a compression nobody knows": (
        {"body": framed(GOOD, flag=1), "grpc_encoding": "guess"},
        {INTERNAL, UNIMPLEMENTED},
        ["grpc-encoding"],
    ),
    "a deadline that is no time": (
        {"body": framed(GOOD), "grpc_timeout": "soon"},
        {INTERNAL},
        ["grpc-timeout"],
    ),
    "a deadline that has passed": ({"body": framed(GOOD), "grpc_timeout": "0n"}, {DEADLINE}, []),
    "binary metadata that is not base64": (
        {"body": framed(GOOD), "x_guess-bin": "***"},
        {INTERNAL},
        ["x-guess-bin"],
    ),
    "a header in capitals": ({"body": framed(GOOD), "X_Guess": "a"}, {INTERNAL}, ["X-Guess"]),
    "GET": ({"body": framed(GOOD), "_method": "GET"}, {RESET}, []),
    "no method": ({"body": framed(GOOD), "without": ":method"}, {RESET}, []),
    "no scheme": ({"body": framed(GOOD), "without": ":scheme"}, {RESET}, []),
    "no te": ({"body": framed(GOOD), "without": "te"}, {RESET}, []),
}

NEVER_WHOLE = {
    "no message": b"",
    "half a prefix": bytes(3),
    "a prefix alone": framed(b"", length=10),
    "a message shorter than its length": framed(GOOD, length=len(GOOD) + 1),
}
"""The client ends its side in the middle of a message. grpcio never answers (its handler returns without a word):
RFC 9113 leaves the stream to the client's deadline. What counts is that nobody else waits."""


@pytest.fixture(scope="module")
def port(models: dict[str, Path]) -> Iterator[int]:
    with Served("--linger", "0", "--max-message-mib", "1", models={"simple": models["simple"]}) as server:
        yield server.port


def assert_answered(connection: Connection) -> None:
    answer = connection.call(framed(GOOD))
    assert answer.status == "0"
    assert SUM.tobytes() in answer.body


@pytest.mark.parametrize("case", BAD)
def test_a_call_that_cannot_be_read_is_refused_and_the_next_one_answered(port: int, case: str) -> None:
    sent, codes, words = BAD[case]
    with Connection(port) as connection:
        answer = connection.call(**sent)
        assert answer.status in codes, answer
        for word in words:
            assert word in answer.headers["grpc-message"]
        assert_answered(connection)


@pytest.mark.parametrize("case", NEVER_WHOLE)
def test_a_message_that_never_ends_holds_up_nobody(port: int, case: str) -> None:
    with Connection(port) as connection:
        connection.send(NEVER_WHOLE[case])
        assert_answered(connection)


def test_streams_that_nobody_ends_leave_room_on_the_connections_of_others(port: int) -> None:
    """As many as one connection may hold open; others have room of their own."""
    with Connection(port) as connection, Connection(port) as other:
        for _ in range(256):
            connection.send(b"")
        assert_answered(other)


@pytest.mark.parametrize("content_type", ["application/json", "application/grpc-web", "text/html"])
def test_another_content_type_is_refused_or_read_as_what_it_is(port: int, content_type: str) -> None:
    """gRPC's protocol says 415; grpcio does not look, and the request is as good as any."""
    with Connection(port) as connection:
        answer = connection.call(framed(GOOD), content_type=content_type)
        assert answer.status in ("0", "HTTP 415")
        assert_answered(connection)


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", bytes(64)]
)
def test_what_is_not_even_http2_is_hung_up_on_and_others_are_answered(port: int, garbage: bytes) -> None:
    with Connection(port) as good, socket.create_connection(("127.0.0.1", port), timeout=20) as bad:
        bad.sendall(garbage)
        assert_answered(good)
        while bad.recv(4_096):
            pass
        assert_answered(good)


def test_a_large_message_through_grpcio_is_refused_by_its_size(port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        infer: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.RpcError) as refusal:
            infer(bytes(2**20 + 1))
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert infer(GOOD)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("/inference.GRPCInferenceService/ModelInfer", "ModelInferRequest"),
        ("/grpc.health.v1.Health/Check", "HealthCheckRequest"),
        ("/grpc.health.v1.Health/Watch", "HealthCheckRequest"),
    ],
)
def test_bytes_that_are_no_message_are_the_client_s_fault_and_no_traceback(
    method: str, message: str, channel: Any, stub: Any, server: Served
) -> None:
    """UNKNOWN or INTERNAL would be held against this server by sidecars: one client could have it left out."""
    before = server.log
    streams = method.endswith("Watch")
    garbage = channel.unary_stream(method) if streams else channel.unary_unary(method)
    with pytest.raises(grpc.RpcError) as refusal:
        list(garbage(b"\xff" * 100, timeout=10)) if streams else garbage(b"\xff" * 100, timeout=10)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert message in refusal.value.details()
    assert stub.ModelInfer(both()).raw_output_contents[0] == SUM.tobytes()
    assert server.log == before
