"""The grpc.aio server: its options with their reasons, its port, and reflection."""

import socket
from collections.abc import Iterable
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

from mesh.address import Address
from mesh.listening import CannotListen
from mesh.pb import model_config_pb2, open_inference_pb2
from mesh.tls import Pem, ServerTLS
from mesh.tls_live import LiveTLS
from model_server.errors import StartError
from model_server.transport.malformed import Registry

STREAMS: Final = 256
"""Calls at a time on one connection. C-core's default is no limit, so that one connection may hold all our
memory; RFC 9113 section 6.5.2 advises no less than 100. A sidecar carries many clients on one connection and
opens another when this one is full; gRPC's own clients wait."""

PENDING: Final = 1 << 20
"""Calls that have arrived and that grpc.aio has not taken up yet. C-core's default cancels some at random above 1 000,
and all above 3 000, health checks too; the bound that answers RESOURCE_EXHAUSTED is the queue's."""

PING_GAP_MS: Final = 1_000
"""A peer may ping this often. C-core's default of five minutes sends a sidecar that pings every ten seconds,
to find dead connections soon, away with ENHANCE_YOUR_CALM (too_many_pings). A flood is still cut off."""

PING_AFTER_MS: Final = 60_000
PING_TIMEOUT_MS: Final = 20_000
"""Our own pings: a peer that vanished without a word gives its connection back within 80 seconds."""


def options(max_message: int) -> list[tuple[str, int]]:
    """Channel arguments of the server; `max_message` in bytes, for either direction."""
    return [
        ("grpc.max_receive_message_length", max_message),
        ("grpc.max_send_message_length", max_message),
        # On by default: a second server on the same port would start, and take half of the calls
        ("grpc.so_reuseport", 0),
        ("grpc.max_concurrent_streams", STREAMS),
        # Its overload protection counts streams that have ended and are not freed yet, so that a client with exactly as
        # many open as it may have is refused some
        ("grpc.http.overload_protection", 0),
        ("grpc.server.max_pending_requests", PENDING),
        ("grpc.server.max_pending_requests_hard_limit", 2 * PENDING),
        ("grpc.http2.min_ping_interval_without_data_ms", PING_GAP_MS),
        # Without it, pings on a connection without calls may come every two hours only
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", PING_AFTER_MS),
        ("grpc.keepalive_timeout_ms", PING_TIMEOUT_MS),
    ]


def bind(
    listen: Address, *, max_message: int, tls: LiveTLS[ServerTLS] | None = None
) -> tuple[grpc.aio.Server, Address]:
    """A server that is not started yet, and the address it got; StartError if that cannot be had."""
    server = grpc.aio.server(options=options(max_message))
    try:
        if tls is None:
            port = server.add_insecure_port(str(listen))
        else:
            port = server.add_secure_port(str(listen), credentials(tls))
    except RuntimeError as error:
        raise StartError(_why(listen, str(error))) from error
    if not port:  # how some releases of grpcio say it
        raise StartError(_why(listen, "the address is in use or not ours"))
    return server, Address(listen.host, port)


def _why(listen: Address, otherwise: str) -> str:
    """What the system says when it is asked for the address: gRPC keeps that to itself."""
    try:
        for family, kind, _, _, where in socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(where)
    except OSError as error:
        return str(CannotListen("--listen", listen, error))
    return str(CannotListen("--listen", listen, OSError(otherwise)))


def credentials(tls: LiveTLS[ServerTLS]) -> grpc.ServerCredentials:
    """Credentials that follow `tls`: gRPC asks at each handshake, in a thread of its own, whether there are others.

    Its defaults are ours: TLS 1.2 and 1.3 with authenticated encryption, ALPN `h2` required.
    """
    given = tls.pem

    def newest() -> Any:
        nonlocal given
        pem = tls.pem
        if pem is given:
            return None  # the same as before
        given = pem
        return _configuration(pem)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(given), newest, require_client_authentication=tls.settings.client_ca is not None
    )


def _configuration(pem: Pem) -> Any:
    return grpc.ssl_server_certificate_configuration([(pem.key, pem.cert)], pem.ca or None)


def add_reflection(server: grpc.aio.Server, services: Iterable[str]) -> None:
    """Let clients ask for our .proto files; they stand in more than one pool, and reflection reads one."""
    pool = DescriptorPool()
    modules: tuple[Any, ...] = (model_config_pb2, open_inference_pb2, health_pb2, reflection_pb2)
    for module in modules:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    reflecting = reflection.aio.ReflectionServicer((*services, reflection.SERVICE_NAME), pool)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(reflecting, Registry(server))
