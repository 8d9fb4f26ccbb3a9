"""One real gRPC call: h2load counts HTTP statuses, and the status of a gRPC call is in its trailers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from benchmarks.load import METHOD, LoadError
from benchmarks.process import HOST
from benchmarks.scenario import Scenario

DEADLINE = 10.0


def check(port: int, scenario: Scenario, certificate: Path | None = None) -> None:
    """LoadError unless grpcio gets its own message back with status OK."""
    message = scenario.message[5:]
    with _channel(f"{HOST}:{port}", certificate) as channel:
        call: Callable[..., Any] = channel.unary_unary(METHOD)
        try:
            answer = call(message, timeout=DEADLINE)
        except grpc.RpcError as error:
            raise LoadError(f"a gRPC call ended with {error.code()}: {error.details()}") from None
    if answer != message:
        raise LoadError(f"a gRPC call of {len(message)} bytes was answered with other {len(answer)} bytes")


def _channel(address: str, certificate: Path | None) -> grpc.Channel:
    if certificate is None:
        return grpc.insecure_channel(address)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(certificate.read_bytes()))
