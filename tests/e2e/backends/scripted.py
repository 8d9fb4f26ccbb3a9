"""A grpcio server without a .proto whose methods each do one thing that a proxy may get wrong.

    python -m tests.e2e.backends.scripted PORT [graceful] [gzip]

`graceful`: SIGTERM lets the calls in flight finish, as a server in production would. `gzip`: answers are
compressed. Every method takes and gives raw messages and says in `x-backend` which server answered. A call that another
call asks about carries its name in `x-id`.
"""

import json
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc

SERVICE: Final = "verdigris.test.Scripted"
OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
)
DETAILS_BIN: Final = bytes(range(256))

Messages = Iterator[bytes]


class Scripted:
    """The methods; what is remembered of a call is kept under its `x-id`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ended = defaultdict[str, threading.Event](threading.Event)
        self._released = defaultdict[str, threading.Event](threading.Event)
        self._sent, self._attempts = defaultdict[str, int](int), defaultdict[str, int](int)

    def handler(self, method: str) -> Callable[[Messages, grpc.ServicerContext], Messages] | None:
        behavior = getattr(self, method.lower(), None)
        if behavior is None:
            return None

        def serve(requests: Messages, context: grpc.ServicerContext) -> Messages:
            context.send_initial_metadata((("x-backend", self._name),))
            yield from behavior(requests, context)

        # A refusal is trailers alone, and a client's retry ends where initial metadata begins
        return behavior if method in ("Refuse", "Flaky") else serve

    def echo(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """Every message back, as it comes."""
        yield from requests

    def once(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """The message back, and the whole answer in one write: a kill comes before it or after it, never between."""
        context.set_trailing_metadata((("x-backend", self._name),))
        return request

    def count(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """One answer: how many messages and bytes came."""
        sizes = [len(request) for request in requests]
        yield json.dumps([len(sizes), sum(sizes)]).encode()

    def pour(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """As many messages of that size as the request says, each as soon as the last was taken."""
        count, size = json.loads(next(requests))
        for number in range(count):
            yield number.to_bytes(4, "big").ljust(size, b"\xab")
            self._sent[identity(context)] += 1

    def sent(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """How many messages `pour` has got rid of."""
        yield json.dumps(self._sent[next(requests).decode()]).encode()

    def swallow(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """Reads nothing until released, then counts like `count`."""
        self._released[identity(context)].wait()
        yield from self.count(requests, context)

    def release(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        self._released[next(requests).decode()].set()
        yield b""

    def hold(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """Answers once, then nothing until the call is over."""
        over = self._ended[identity(context)]
        context.add_callback(over.set)
        yield b"held"
        over.wait()

    def ended(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """Answers as soon as the held call of that name is over: true, or false if it lives on after 5 s."""
        yield json.dumps(self._ended[next(requests).decode()].wait(5)).encode()

    def remaining(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """The seconds left until the deadline that the client set."""
        yield json.dumps(context.time_remaining()).encode()

    def metadata(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """The metadata as it arrived: names, and values in hex."""
        pairs = [
            (name, value if isinstance(value, bytes) else value.encode()) for name, value in received(context)
        ]
        yield json.dumps([[name, value.hex()] for name, value in pairs]).encode()

    def refuse(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """The status that `x-code` and `x-details` ask for, at once, without reading a message."""
        asked = dict(received(context))
        code = next(code for code in grpc.StatusCode if code.value[0] == int(asked["x-code"]))
        context.set_trailing_metadata((("x-backend", self._name), ("grpc-status-details-bin", DETAILS_BIN)))
        context.set_code(code)
        context.set_details(bytes.fromhex(asked["x-details"]).decode())
        return iter(())

    def stumble(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """One message, then the status that `x-code` and `x-details` ask for."""
        yield b"first"
        yield from self.refuse(requests, context)

    def flaky(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """On the first attempt UNAVAILABLE, with the push-back `x-pushback`; on the second an answer."""
        name, asked = identity(context), dict(received(context))
        self._attempts[name] += 1
        if self._attempts[name] == 1:
            context.set_trailing_metadata((("grpc-retry-pushback-ms", str(asked["x-pushback"])),))
            context.abort(grpc.StatusCode.UNAVAILABLE, "come again")
        yield json.dumps([self._attempts[name], asked.get("grpc-previous-rpc-attempts")]).encode()


def identity(context: grpc.ServicerContext) -> str:
    """The name the caller gave to this call."""
    return str(dict(received(context))["x-id"])


def received(context: grpc.ServicerContext) -> list[tuple[str, Any]]:
    """The call's metadata in order; binary values are bytes."""
    return [(name, value) for name, value in context.invocation_metadata()]


class AnyMethod(grpc.GenericRpcHandler):
    """Serves every method of `Scripted` but `Once` as a stream both ways: on the wire the four kinds are one."""

    def __init__(self, scripted: Scripted) -> None:
        self._scripted = scripted

    def service(self, details: Any) -> grpc.RpcMethodHandler | None:
        service, _, method = details.method.lstrip("/").partition("/")
        if service == SERVICE and method == "Once":
            return grpc.unary_unary_rpc_method_handler(self._scripted.once)
        behavior = self._scripted.handler(method) if service == SERVICE else None
        return None if behavior is None else grpc.stream_stream_rpc_method_handler(behavior)


def main(made: Callable[[str], Scripted] = Scripted) -> None:
    port = int(sys.argv[1])
    compression = grpc.Compression.Gzip if "gzip" in sys.argv else None
    server = grpc.server(ThreadPoolExecutor(max_workers=256), options=OPTIONS, compression=compression)
    server.add_generic_rpc_handlers((AnyMethod(made(f"127.0.0.1:{port}")),))
    assert server.add_insecure_port(f"127.0.0.1:{port}") == port
    server.start()
    if "graceful" in sys.argv:
        signal.signal(signal.SIGTERM, lambda *_: server.stop(grace=2))
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
