"""One process's data path from its parts: switch, control, tracer and watchdog, and how it begins and ends.

It is told facts (`learn`), takes calls (`serve`), and says what it does (`status`, `figures`, `table`). Where facts
come from, and who asks, is the business of `splitter.app` or `splitter.worker`.
"""

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, cast

from mesh import contract, telemetry
from mesh import traffic as document
from mesh.build import COMPILED
from mesh.http2.caretaker import Caretaker
from mesh.http2.offenders import Offenders
from mesh.tls_accept import TLSAcceptor
from mesh.tls_live import LiveTLS
from mesh.traffic import GRAIN
from splitter import figures, memory
from splitter.control import Control
from splitter.facts import Facts
from splitter.figures import Figures
from splitter.mirror import Mirrors
from splitter.observer import Observer
from splitter.recording import NoRecording, Recording
from splitter.settings import Settings
from splitter.spans import SpanEncoder
from splitter.switch import ClientConnection, Switch
from splitter.table import build
from splitter.tracing import NoTracer, Tracer
from splitter.watchdog import Watchdog
from splitter.wiring import Wiring

BACKLOG: Final = 1_024
CLOSED_WITHIN: Final = 1.0

log = logging.getLogger(__name__)

Listen = Callable[[Callable[[], asyncio.Protocol]], Awaitable[Sequence[asyncio.Server]]]
"""Start to listen, with a connection of this factory for each client."""


class DataPath:
    """`group` owns its tasks, `on_news` is called when its status has changed.

    `instance` names it in traces; by `token` the sidecar knows itself, so all its processes have the same.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        instance: str,
        token: int,
        group: asyncio.TaskGroup,
        on_news: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._group = group
        traffic = document.default(settings.default_color)
        self._tracer = _tracer(settings, instance)
        self._tls = LiveTLS(settings.tls, "--tls") if settings.tls else None
        self._upstream_tls = (
            LiveTLS(settings.upstream_tls, "--upstream-tls") if settings.upstream_tls else None
        )
        self._acceptor: TLSAcceptor | None = None
        self.recording = _recording(settings, instance)
        nothing_yet = build(
            service=settings.service, revision=0, traffic=traffic, has_document=False, pools=()
        )
        self._caretaker = Caretaker(limits=settings.limits)
        offenders = Offenders(rate=settings.limits.reset_rate)
        wiring = Wiring(settings.limits, token, self._caretaker, offenders)
        mirrors = Mirrors(captures=self.recording.captures)
        self.switch = Switch(nothing_yet, Observer(self._tracer), wiring=wiring, mirrors=mirrors)
        self.control = Control(
            facts=Facts(traffic), switch=self.switch, group=group, tls=self._upstream_tls, on_news=on_news
        )
        self.watchdog = Watchdog(settings.watchdog)

    def start(self) -> None:
        """Begin what runs beside the calls."""
        self.watchdog.start()
        self._group.create_task(self._tracer.run(), name="encode spans")
        self._group.create_task(self._caretaker.run(), name="look after silent peers")
        self._group.create_task(self.recording.run(), name="keep a recorder")
        self._group.create_task(memory.keep_low(self._present), name="give memory back")
        for live in (self._tls, self._upstream_tls):
            if live is not None:
                self._group.create_task(live.watch(), name=f"follow {live!r}")

    def learn(self, facts: Facts) -> None:
        """Obey these from now on."""
        self.recording.learn(facts)
        self.control.learn(facts)

    def close(self) -> None:
        """Deliver the last spans; when no task runs any more."""
        self.watchdog.stop()
        self._tracer.close()

    def _present(self) -> int:
        """What takes memory: connections and calls."""
        return len(self._caretaker) + self.switch.in_flight

    # What it shows

    def obstacle(self) -> str:
        """Why it takes no calls; empty if it can."""
        return obstacle(self.switch, self.control)

    def status(self) -> dict[str, Any]:
        """What stands in the status key."""
        return {**self.control.describe(), "endpoints": self.control.endpoints.counts()}

    def figures(self) -> Figures:
        """What is counted here."""
        tls = {"client": self._tls, "upstream": self._upstream_tls}
        refused = self._acceptor.refused if self._acceptor is not None else {}
        return (
            figures.of(self.switch, self.control, self.watchdog)
            | figures.of_pairs(self.recording)
            | figures.of_tls(tls, refused)
        )

    def table(self) -> dict[str, Any]:
        """The status, and what the data path does with it."""
        return {
            **described(self.switch, self.control),
            "recorders": self.recording.describe(),
            "compiled": COMPILED,
        }

    # Serving

    async def serve(self, listen: Listen, stop: Awaitable[str], *, said: Callable[[str], None]) -> None:
        """Listen until `stop` says why, and let calls finish; `said` is told the address. OSError if it is taken."""
        switch = self.switch
        accept = cast("Callable[[], asyncio.Protocol]", partial(ClientConnection, switch))
        acceptor = self._acceptor = TLSAcceptor(self._tls, accept) if self._tls is not None else None
        servers = await listen(accept if acceptor is None else acceptor.accept)
        host, port = servers[0].sockets[0].getsockname()[:2]
        said(f"{host}:{port}")
        try:
            log.info("%s: draining %d calls", await stop, switch.in_flight)
        finally:
            for server in servers:
                server.close()
            if acceptor is not None:
                acceptor.close()
        switch.drain()
        try:
            async with asyncio.timeout(self._settings.drain):
                await switch.empty.wait()
        except TimeoutError:
            log.warning("%d calls did not finish within %g s", switch.in_flight, self._settings.drain)
            for client in list(switch.clients):
                client.close()
            with contextlib.suppress(
                TimeoutError
            ):  # they say so in a moment: then their calls have ended too
                async with asyncio.timeout(CLOSED_WITHIN):
                    await switch.empty.wait()
        switch.mirrors.stop()
        await self.recording.finish()


def new_token() -> int:
    """A sidecar's own, in all likelihood; never 0, which is none."""
    return secrets.randbelow(0xFFFF_FFFF) + 1


def obstacle(switch: Switch, control: Control) -> str:
    """Why this data path takes no calls; empty if it can."""
    if switch.draining:
        return "draining"
    return "" if control.ready.is_set() else "waiting for the first answer of Consul"


def described(switch: Switch, control: Control) -> dict[str, Any]:
    """`/table`: the status, and what the data path does with it."""
    traffic = control.traffic
    counts: dict[str, int] = {}
    for (_, color, _, _), series in switch.observer.calls.items():
        counts[color or "(none)"] = counts.get(color or "(none)", 0) + series.count
    return {
        **control.describe(),
        "document": json.loads(document.to_json(traffic)),
        "split": {share.color: share.weight * 100 / GRAIN for share in traffic.split},
        "endpoints": control.endpoints.describe(),
        "shadow_endpoints": control.shadow_endpoints.describe(),
        "counts": counts,
        "mirrored": _begun(switch, contract.ROLE_SHADOW),
        "noise": _begun(switch, contract.ROLE_NOISE),
        "clients": len(switch.clients),
        "in_flight": switch.in_flight,
    }


def _recording(settings: Settings, instance: str) -> Recording | NoRecording:
    if settings.store is None:
        return NoRecording()
    if settings.state_dir is not None:
        with contextlib.suppress(OSError):  # the recorder will say what is wrong with it
            settings.state_dir.mkdir(parents=True, exist_ok=True)
    options = [f"--retain-age={settings.retain_age:g}"] if settings.retain_age is not None else []
    options += [f"--retain-size={settings.retain_size}"] if settings.retain_size is not None else []
    options += [f"--redactor={name}" for name in settings.redactors]
    source = f"{instance}-{secrets.token_hex(3)}"
    return Recording(service=settings.service, source=source, store=settings.store, options=options)


def _begun(switch: Switch, role: str) -> dict[str, int]:
    """Shadows of this role, by colour."""
    return {color: number for (color, each), number in switch.mirrors.started.items() if each == role}


def _tracer(settings: Settings, instance: str) -> Tracer | NoTracer:
    sink = telemetry.span_sink(settings.trace_file)
    if sink is None:
        return NoTracer()
    resource = telemetry.resource_for("splitter", {"service.instance.id": instance})
    encoder = SpanEncoder(service=settings.service, resource=resource)
    return Tracer(encoder=encoder, sink=sink, sampler=telemetry.sampler_from_env())
