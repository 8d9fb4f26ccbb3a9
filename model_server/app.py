"""One model server from start to end: constructs the parts, and keeps the order in which they come and go."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import grpc.aio
from grpc_health.v1 import health_pb2_grpc

from mesh import contract
from mesh.address import Address, outgoing_host
from mesh.consul import Consul
from mesh.lifecycle import until_signal
from mesh.pb import open_inference_pb2_grpc
from mesh.telemetry import tracer_provider
from mesh.tls_live import LiveTLS
from mesh.version import version
from model_server.errors import ServerDiedError, StartError
from model_server.inference import Inference
from model_server.onnx_model import open_model
from model_server.registration import ConsulRegistration, Identity, Registration, Unregistered
from model_server.repository import Repository
from model_server.settings import Settings
from model_server.tracing import tracing_of
from model_server.transport.callers import Callers
from model_server.transport.health import HEALTH_NAME, Health
from model_server.transport.malformed import Registry
from model_server.transport.server import add_reflection, bind
from model_server.transport.servicer import NAME, InferenceServicer
from model_server.workers import Workers

log = logging.getLogger(__name__)

CONSUL_GOODBYE: Final = 2.0
"""Seconds for deregistering: a Consul that is away must not hold up the end."""


async def serve(settings: Settings, *, announce: Callable[[Address], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is called with the address once every model is ready.

    BrokenModelError or StartError when it cannot start, ServerDiedError when gRPC's server ends by itself.
    """
    # The port first: that it is taken should be said before minutes of loading
    tls = LiveTLS(settings.tls, "--tls") if settings.tls else None
    server, listening = bind(settings.listen, max_message=settings.max_message, tls=tls)
    advertised = advertise(settings, listening)
    repository = Repository(settings.models, partial(open_model, threads=settings.intra_op_threads))
    workers = Workers(settings.threads, queue=settings.queue)
    health = Health(NAME)
    async with tracing_provider(settings, advertised) as provider:
        tracing = tracing_of(
            provider,
            service=settings.service,
            color=settings.color,
            address=advertised.host,
            port=advertised.port,
        )
        servicer = InferenceServicer(
            inference=Inference(repository, workers),
            repository=repository,
            tracing=tracing,
            ready=lambda: health.ready,
            callers=Callers(tls.client_names if tls else ()),
        )
        registry = Registry(server)
        open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(  # type: ignore[no-untyped-call]
            servicer, registry
        )
        health_pb2_grpc.add_HealthServicer_to_server(health, registry)
        add_reflection(server, (NAME, HEALTH_NAME))
        await server.start()
        try:
            beside = [_alive(server)] if tls is None else [_alive(server), tls.watch()]
            await _until_stopped(
                settings, server, repository, health, advertised, beside, lambda: announce(listening)
            )
        finally:
            await server.stop(None)
            workers.close()


async def _alive(server: grpc.aio.Server) -> None:
    """Returns when the server was stopped. ServerDiedError when its loop ended by an exception of its own, which a
    request with a `:path` that is not UTF-8 is enough for: from then on it answers nobody. It says so once its last
    connection has closed, which gRPC makes sure of within twenty seconds; it listens no more from the start."""
    try:
        # Shielded: whoever cancels this wait cancels what `stop` waits for too
        await asyncio.shield(server.wait_for_termination())
    except Exception as error:
        raise ServerDiedError(f"gRPC's server has ended: {type(error).__name__}: {error}") from error


async def _until_stopped(
    settings: Settings,
    server: grpc.aio.Server,
    repository: Repository,
    health: Health,
    advertised: Address,
    beside: Iterable[Coroutine[Any, Any, None]],
    announce: Callable[[], None],
) -> None:
    async with single_failures(), asyncio.TaskGroup() as tasks:
        others = [tasks.create_task(each) for each in beside]
        stopped = tasks.create_task(until_signal())
        loading = tasks.create_task(repository.load())
        await asyncio.wait((stopped, loading), return_when=asyncio.FIRST_COMPLETED)
        if not loading.done():
            # What its thread has begun cannot be stopped: the process ends with it, or with the next signal
            for task in (loading, *others):
                task.cancel()
            return
        # (A load that failed has cancelled this body.)
        async with registration_of(settings, repository, advertised) as registration:
            health.serving()
            # Only now: whoever finds us in Consul finds models that are loaded and warm
            keeping = tasks.create_task(registration.keep())
            announce()
            try:
                signal = await stopped
            except asyncio.CancelledError:
                await registration.withdraw(CONSUL_GOODBYE)  # nobody is served any more: say so at once
                raise
            log.info("%s: stopping", signal.name)
            await drain(settings, server, repository, health, registration)
            for task in (keeping, *others):
                task.cancel()
            await asyncio.wait((keeping,))  # before the client it uses is closed


async def drain(
    settings: Settings,
    server: grpc.aio.Server,
    repository: Repository,
    health: Health,
    registration: Registration,
) -> None:
    """The order of the end. Each step is for those whom the one before did not reach."""
    # 1. Whoever asks for our health stops sending: Consul's next check, Kubernetes, watchers at once
    health.not_serving()
    # 2. Sidecars learn it from Consul, within milliseconds
    await registration.withdraw(CONSUL_GOODBYE)
    # 3. What they sent before they knew is answered as ever
    await asyncio.sleep(settings.linger)
    # 4. GOAWAY: clients that know no Consul connect elsewhere. Calls in flight have until the deadline
    health.close()
    cut = asyncio.get_running_loop().call_later(settings.drain, repository.abort)
    await server.stop(settings.drain)
    cut.cancel()


def advertise(settings: Settings, listening: Address) -> Address:
    """The address to register: what the operator says, else what we listen on, else our side of the way to
    Consul (listening everywhere is no address)."""
    if settings.advertise is not None:
        return Address(settings.advertise.host, settings.advertise.port or listening.port)
    if not listening.is_wildcard or settings.consul is None:
        return listening
    consul = Address(settings.consul.host, settings.consul.port)
    try:
        return Address(outgoing_host(consul), listening.port)
    except OSError as error:
        raise StartError(
            f"cannot tell which address to register for {settings.listen}: no way to Consul at {consul} "
            f"({error}); give --advertise HOST:PORT"
        ) from error


@asynccontextmanager
async def registration_of(
    settings: Settings, repository: Repository, advertised: Address
) -> AsyncIterator[Registration]:
    if settings.consul is None:
        yield Unregistered()
        return
    identity = Identity(
        settings.service, settings.color, advertised.host, advertised.port, repository.models()
    )
    async with Consul(settings.consul) as consul:
        yield ConsulRegistration(consul, identity, check_tls=settings.check_tls if settings.tls else None)


@asynccontextmanager
async def single_failures() -> AsyncIterator[None]:
    """What a task group wraps as itself: the caller tells failures apart by their type."""
    try:
        yield
    except ExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


@asynccontextmanager
async def tracing_provider(settings: Settings, advertised: Address) -> AsyncIterator[Any]:
    """OpenTelemetry's provider, or one that does nothing; flushed at the end."""
    provider = tracer_provider(
        service_name=f"{settings.service}-{settings.color}",
        resource={
            "service.version": version(),
            "service.instance.id": str(advertised),
            contract.ATTR_SERVICE: settings.service,
            contract.ATTR_COLOR: settings.color,
        },
        trace_file=settings.trace_file,
    )
    try:
        yield provider
    finally:
        await asyncio.to_thread(provider.shutdown)
