"""The splitter, with a real Consul beside it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from benchmarks import certificate, witness
from benchmarks.load import METHOD
from benchmarks.peers.site import SPLIT, Site, Target, first_line, program
from benchmarks.process import HOST
from tests.consul_agent import ConsulAgent, consul_binary

SERVICE: Final = "benchmark"
NO_TRACES: Final = {"OTEL_TRACES_EXPORTER": "none"}


class Verdigris:
    """The splitter, with a real Consul that holds the endpoints and the traffic document."""

    name = "verdigris"

    def missing(self) -> str | None:
        if program("splitter") is None:
            return "no command splitter beside this Python (make setup)"
        return None if consul_binary() else "no Consul (make consul)"

    def version(self) -> str:
        return (
            f"commit {first_line('git', 'describe', '--always', '--dirty')}, Python {sys.version.split()[0]}"
        )

    def start(self, site: Site) -> Target:
        return self._run(site, dict.fromkeys(SPLIT, site.backend), {"split": SPLIT})

    def _run(
        self,
        site: Site,
        backends: Mapping[str, int],
        document: Mapping[str, Any],
        *,
        options: Sequence[str] = (),
        env: Mapping[str, str] = NO_TRACES,
    ) -> Target:
        consul = site.stack.enter_context(ConsulAgent())
        for color, backend in backends.items():
            instance = {"ID": f"echo-{color}", "Name": SERVICE, "Tags": ["verdigris", color]}
            put(f"{consul.url}/v1/agent/service/register", instance | {"Address": HOST, "Port": backend})
        put(f"{consul.url}/v1/kv/verdigris/{SERVICE}/traffic", document)
        port, admin = site.port(), site.port()
        argv = [str(program("splitter")), "--service", SERVICE, "--listen", f"{HOST}:{port}"]
        argv += ["--consul-addr", consul.address, "--admin", f"{HOST}:{admin}", "--default-color", "blue"]
        argv += ["--state-dir", str(site.directory / f"{self.name}-state"), *options]
        return replace(site.run(self.name, argv, port=port, env=env), admin=admin)


class TracedVerdigris(Verdigris):
    """Every call sampled, exported as OTLP/gRPC."""

    name = "verdigris-traced"

    def start(self, site: Site) -> Target:
        collector = witness.start("spans", f"{self.name}-collector", site.directory, site.stack)
        env = {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_TRACES_SAMPLER": "always_on",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{collector.port}",
        }
        target = self._run(site, dict.fromkeys(SPLIT, site.backend), {"split": SPLIT}, env=env)
        return replace(target, witness=witness.spans(collector, 2))


class MirroringVerdigris(Verdigris):
    """All calls go to one colour, and a copy of each to the other, which is a backend that counts."""

    name = "verdigris-mirror"

    def start(self, site: Site) -> Target:
        shadow = witness.start("echo", f"{self.name}-shadow", site.directory, site.stack)
        document = {
            "split": {"blue": 100},
            "mirror": [{"color": "green", "percent": 100}],
            "methods": {"safe": [f"{METHOD.rpartition('/')[0]}/*"]},
        }
        # As its peer: a copy, and no more. `benchmarks.shadows` has what recording costs
        backends = {"blue": site.backend, "green": shadow.port}
        target = self._run(site, backends, document, options=("--store", "off"))
        return replace(target, witness=witness.copies(shadow))


class VerdigrisWithTLS(Verdigris):
    """TLS towards the client; the backend is spoken to in plain text."""

    name = "verdigris-tls"

    def missing(self) -> str | None:
        if reason := super().missing() or certificate.missing():
            return reason
        return None if "--tls-cert" in help_text() else "the splitter has no option --tls-cert"

    def start(self, site: Site) -> Target:
        own = certificate.certificate(site.directory)
        options = ("--tls-cert", str(own.certificate), "--tls-key", str(own.key))
        target = self._run(site, dict.fromkeys(SPLIT, site.backend), {"split": SPLIT}, options=options)
        return replace(target, certificate=own.certificate)


@cache
def help_text() -> str:
    """What the splitter's --help says: which options it has."""
    argv = [str(program("splitter")), "--help"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30).stdout


def put(url: str, document: object) -> None:
    """One write to Consul."""
    request = urllib.request.Request(url, data=json.dumps(document).encode(), method="PUT")
    urllib.request.urlopen(request, timeout=10).close()
