"""One stored request, sent again as the bytes that it was, and what came back.

A unary call and a stream are the same on the wire: messages, the end of the stream, messages, trailers. So each of the
four kinds is sent as a stream of its stored messages, and nobody needs to know which kind its method is.
"""

import base64
import binascii
import re
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio

from mesh import contract
from shadow.messages import framing
from shadow.pair import Answer, Outcome, Pair

OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),  # an answer is to be counted once
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
)
_PREFIX: Final = struct.Struct(">BI")
_NAME: Final = re.compile(r"[0-9a-z_.-]+")
_LEFT_OUT: Final = frozenset(
    {"user-agent", "te", "content-type", "traceparent", "tracestate", contract.HEADER_ROLE}
)
"""What gRPC says itself, and the trace that the first call belongs to: it would get spans of today."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests are sent."""

    address: str
    color: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came back."""

    answer: Answer
    outcome: Outcome
    reason: str = ""


def metadata(stored: Iterable[tuple[str, str]]) -> tuple[tuple[str, str | bytes], ...]:
    """What the client had sent, as far as a client may, and that this is a shadow."""
    kept: list[tuple[str, str | bytes]] = []
    for name, value in stored:
        if not _NAME.fullmatch(name) or name in _LEFT_OUT or name.startswith("grpc-"):
            continue
        if name.endswith("-bin"):
            try:
                kept += [(name, _decoded(each)) for each in value.split(",")]  # as repeated ones were joined
            except (binascii.Error, ValueError):
                continue
        elif value.isascii() and value.isprintable():
            kept.append((name, value))
    return (*kept, (contract.HEADER_ROLE, contract.ROLE_SHADOW))


def _decoded(value: str) -> bytes:
    value = value.strip(" ")
    return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)


async def send(channel: grpc.aio.Channel, target: Target, pair: Pair, *, timeout: float) -> Sent:
    """Send the request of `pair`; never raises for what the target does. `timeout` in seconds."""
    messages = framing.split(pair.request or b"", pair.encoding).messages
    ask: Any = channel.stream_stream(pair.method)
    began = time.perf_counter_ns()
    call = ask(iter(messages), metadata=metadata(pair.metadata), timeout=timeout)
    parts: list[bytes] = []
    status, told = "OK", ""
    try:
        async for message in call:
            parts += (_PREFIX.pack(0, len(message)), message)
    except grpc.aio.AioRpcError as error:
        status, told = error.code().name, error.details() or ""
    latency = time.perf_counter_ns() - began
    answer = Answer(
        color=target.color,
        status=status,
        message=told,
        latency=latency,
        endpoint=target.address,
        version=target.version,
        body=b"".join(parts),
    )
    if status == "DEADLINE_EXCEEDED" and latency >= timeout * 1e9:
        return Sent(answer, Outcome.TIMED_OUT)
    if status == "UNAVAILABLE" and channel.get_state() is not grpc.ChannelConnectivity.READY:
        return Sent(answer, Outcome.FAILED, "connection")  # nobody said so: there is no connection
    return Sent(answer, Outcome.COMPARED)
