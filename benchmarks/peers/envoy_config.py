"""Envoy's configuration as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.process import HOST

EXTENSIONS: Final = "envoy.extensions"
TYPES: Final = f"type.googleapis.com/{EXTENSIONS}"
UNLIMITED: Final = 1_000_000
"""Envoy's circuit breakers would refuse the 1 025th call at once."""


@dataclass(frozen=True, slots=True)
class Config:
    """Calls that come in at `port` go by `route` to the `clusters`, which are local ports."""

    port: int
    clusters: Mapping[str, int]
    route: Mapping[str, Any]
    manager: Mapping[str, Any] = field(default_factory=dict)
    """More of the HTTP connection manager."""
    transport: Mapping[str, Any] | None = None
    """The transport socket towards clients."""
    runtime: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        manager = {
            "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "in",
            "codec_type": "HTTP2",
            "generate_request_id": False,
            "route_config": {
                "virtual_hosts": [
                    {
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{"match": {"prefix": "/"}, "route": {**self.route, "timeout": "0s"}}],
                    }
                ]
            },
            "http_filters": [
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {
                        "@type": f"{TYPES}.filters.http.router.v3.Router",
                        "suppress_envoy_headers": True,
                    },
                }
            ],
            **self.manager,
        }
        chain: dict[str, Any] = {"filters": [{"name": "http", "typed_config": manager}]}
        if self.transport is not None:
            chain["transport_socket"] = self.transport
        layers = [{"name": "static", "static_layer": dict(self.runtime)}]
        return {
            **({"layered_runtime": {"layers": layers}} if self.runtime else {}),
            "static_resources": {
                "listeners": [{"address": _address(self.port), "filter_chains": [chain]}],
                "clusters": [_cluster(name, port) for name, port in self.clusters.items()],
            },
        }


def tls(certificate: str, key: str) -> dict[str, Any]:
    """A transport socket that speaks TLS, and HTTP/2 by ALPN."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "tls_certificates": [
                    {"certificate_chain": {"filename": certificate}, "private_key": {"filename": key}}
                ],
            },
        },
    }


def _cluster(name: str, port: int) -> dict[str, Any]:
    http2 = {
        "@type": f"{TYPES}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    limits = ("max_connections", "max_pending_requests", "max_requests")
    return {
        "name": name,
        "type": "STATIC",
        "typed_extension_protocol_options": {f"{EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions": http2},
        "circuit_breakers": {"thresholds": [dict.fromkeys(limits, UNLIMITED)]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": HOST, "port_value": port}}
