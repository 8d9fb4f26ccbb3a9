"""The composition root: makes the parts, starts them in order, and takes them down in order."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from mesh import contract, lifecycle, telemetry
from mesh import traffic as document
from mesh.consul import Consul
from mesh.follow import follow
from splitter.admin import application
from splitter.control import Control
from splitter.lastgood import LastGood
from splitter.metrics import SplitterCollector
from splitter.observer import Observer
from splitter.record import Recorder
from splitter.settings import Settings
from splitter.spans import SpanEncoder
from splitter.switch import ClientConnection, Switch
from splitter.table import build
from splitter.tracing import NoTracer, Tracer

log = logging.getLogger(__name__)


class _Stop(Exception):  # ends the task group; nothing failed
    pass


class App:
    """One sidecar. `run` serves until a stop signal; `say` is told each address that we listen on."""

    def __init__(self, settings: Settings, *, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say

    async def run(self) -> None:
        """Raises OSError if a port cannot be had."""
        tracer = _tracer(self._settings)
        try:
            async with Consul(self._settings.consul) as consul:
                await self._run(consul, tracer)
        finally:
            tracer.close()

    async def _run(self, consul: Consul, tracer: Tracer | NoTracer) -> None:
        settings = self._settings
        traffic = document.default(settings.default_color)
        nothing_yet = build(
            service=settings.service, revision=0, traffic=traffic, has_document=False, pools=()
        )
        switch = Switch(nothing_yet, Observer(tracer))
        admin = web.AppRunner(web.Application())
        try:
            async with asyncio.TaskGroup() as group:
                stop = group.create_task(lifecycle.until_signal(), name="until signal")
                await asyncio.sleep(0)  # it begins: whoever reads our first line may send a signal
                status: dict[str, Any] = {"admin": None}
                recorder = Recorder(
                    consul,
                    service=settings.service,
                    sidecar=settings.sidecar,
                    status=lambda: {
                        **control.describe(),
                        "endpoints": control.endpoints.counts(),
                        **status,
                    },
                )
                control = Control(
                    service=settings.service,
                    default_color=settings.default_color,
                    switch=switch,
                    group=group,
                    last_good=LastGood(settings.state_dir, settings.service),
                    on_news=recorder.on_news,
                    on_seen=recorder.on_seen,
                )
                admin = web.AppRunner(
                    application(control, switch, _registry(control, switch)), access_log=None
                )
                status["admin"] = await self._start_admin(admin)
                self._follow(consul, control, group)
                group.create_task(tracer.run(), name="encode spans")
                ready = group.create_task(control.ready.wait(), name="first table")
                await asyncio.wait((stop, ready), return_when=asyncio.FIRST_COMPLETED)
                if not stop.done():
                    group.create_task(recorder.run(), name="status and history")
                    await self._serve(switch, stop)
                raise _Stop
        except* _Stop:
            pass
        finally:
            await admin.cleanup()

    @staticmethod
    def _follow(consul: Consul, control: Control, group: asyncio.TaskGroup) -> None:
        key = contract.traffic_key(control.service)
        document_loop = follow(
            control.watched("document", partial(consul.get, key)),
            publish=control.on_document,
            on_error=control.on_consul_error,
        )
        instances_loop = follow(
            control.watched("instances", partial(consul.instances, control.service)),
            publish=control.on_instances,
            on_error=control.on_consul_error,
        )
        group.create_task(document_loop, name="follow document")
        group.create_task(instances_loop, name="follow instances")

    async def _start_admin(self, runner: web.AppRunner) -> str | None:
        await runner.setup()
        address = self._settings.admin
        if address is None:
            return None
        await web.TCPSite(runner, address.host, address.port).start()
        host, port = runner.addresses[0][:2]
        self._say(f"admin on {host}:{port}")
        return f"{host}:{port}"

    async def _serve(self, switch: Switch, stop: "asyncio.Task[Any]") -> None:
        """Listen only now that there is a table; on the signal stop listening, and let calls finish."""
        loop = asyncio.get_running_loop()
        listen = self._settings.listen
        server = await loop.create_server(
            lambda: ClientConnection(switch), listen.host, listen.port, backlog=1_024
        )
        host, port = server.sockets[0].getsockname()[:2]
        self._say(f"listening on {host}:{port}")
        try:
            signal = await stop
            log.info("%s: draining %d calls", signal.name, switch.in_flight)
        finally:
            server.close()
        switch.drain()
        try:
            async with asyncio.timeout(self._settings.drain):
                await switch.empty.wait()
        except TimeoutError:
            log.warning("%d calls did not finish within %g s", switch.in_flight, self._settings.drain)
            for client in list(switch.clients):
                client.close()
        switch.mirrors.stop()


def _registry(control: Control, switch: Switch) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(SplitterCollector(control, switch))
    return registry


def _tracer(settings: Settings) -> Tracer | NoTracer:
    sink = telemetry.span_sink(settings.trace_file)
    if sink is None:
        return NoTracer()
    resource = telemetry.resource_for("splitter", {"service.instance.id": settings.sidecar})
    encoder = SpanEncoder(service=settings.service, resource=resource)
    return Tracer(encoder=encoder, sink=sink, sampler=telemetry.sampler_from_env())
