"""One real gRPC call: h2load counts HTTP statuses, and the status of a gRPC call is in its trailers."""

from collections.abc import Callable
from typing import Any

import grpc

from benchmarks.load import METHOD, LoadError
from benchmarks.process import HOST
from benchmarks.scenario import Scenario

DEADLINE = 10.0


def check(port: int, scenario: Scenario) -> None:
    """LoadError unless grpcio gets its own message back with status OK."""
    message = scenario.message[5:]
    with grpc.insecure_channel(f"{HOST}:{port}") as channel:
        call: Callable[..., Any] = channel.unary_unary(METHOD)
        try:
            answer = call(message, timeout=DEADLINE)
        except grpc.RpcError as error:
            raise LoadError(f"a gRPC call ended with {error.code()}: {error.details()}") from None
    if answer != message:
        raise LoadError(f"a gRPC call of {len(message)} bytes was answered with other {len(answer)} bytes")
