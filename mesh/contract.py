"""The names both sides of the mesh agree on: tags, service meta, keys, metadata, span attributes.

One word per thing: what stands here is what stands in Consul, in metadata, in spans, in metrics and in logs.
"""

import re
from typing import Final

# Consul: registration
TAG: Final = "verdigris"
COLOR: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
"""What a colour looks like (to be matched whole)."""
SERVICE: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
"""What a service name looks like (to be matched whole): a DNS label, as Consul recommends."""
META_MODEL: Final = "model"
META_MODEL_VERSION: Final = "model_version"
META_PROTOCOL: Final = "protocol"
PROTOCOL_OIP: Final = "oip-v2"
DEFAULT_COLOR: Final = "blue"

# Consul: keys
KEY_ROOT: Final = "verdigris"


def traffic_key(service: str) -> str:
    """The one key an operator edits."""
    return f"{KEY_ROOT}/{service}/traffic"


def status_prefix(service: str) -> str:
    """Under it, one key per running sidecar."""
    return f"{KEY_ROOT}/{service}/status/"


def history_prefix(service: str) -> str:
    """Under it, one key per revision that any sidecar saw."""
    return f"{KEY_ROOT}/{service}/history/"


def history_key(service: str, revision: int) -> str:
    """Zero-padded, so that Consul's own listing is in order of time."""
    return f"{history_prefix(service)}{revision:012d}"


# Metadata on the wire
HEADER_COLOR: Final = "x-verdigris-color"
"""Towards the client: which colour answered."""
HEADER_ROLE: Final = "x-verdigris-role"
"""Towards the model, on a shadow leg only."""
ROLE_PRIMARY: Final = "primary"
ROLE_SHADOW: Final = "shadow"
ROLE_FALLBACK: Final = "fallback"
ROLE_NOISE: Final = "noise"
"""A shadow of the primary's own colour: how much that disagrees with itself."""

# Why a call went where it went
REASON_SPLIT: Final = "split"
REASON_KEY: Final = "key"
REASON_OVERRIDE: Final = "override"
REASON_REDISTRIBUTED: Final = "redistributed"
REASON_FALLBACK: Final = "fallback"
REASON_DEFAULT: Final = "default"

# Span attributes: current RPC semantic conventions, then ours
ATTR_RPC_SYSTEM: Final = "rpc.system.name"
ATTR_RPC_METHOD: Final = "rpc.method"
ATTR_RPC_STATUS: Final = "rpc.response.status_code"
ATTR_SERVER_ADDRESS: Final = "server.address"
ATTR_SERVER_PORT: Final = "server.port"
ATTR_SERVICE: Final = "verdigris.service"
ATTR_COLOR: Final = "verdigris.color"
ATTR_ROLE: Final = "verdigris.role"
ATTR_REVISION: Final = "verdigris.revision"
ATTR_REASON: Final = "verdigris.reason"
ATTR_OUTCOME: Final = "verdigris.outcome"
"""What became of a shadow; its status is always one of gRPC's."""
ATTR_BUCKET: Final = "verdigris.bucket"

# Methods that may run twice: a shadow or a resend of them changes nothing
SAFE_METHODS: Final = tuple(
    f"/inference.GRPCInferenceService/{name}"
    for name in (
        "ServerLive",
        "ServerReady",
        "ModelReady",
        "ServerMetadata",
        "ModelMetadata",
        "ModelInfer",
        "ModelStreamInfer",
        "ModelConfig",
        "ModelStatistics",
        "RepositoryIndex",
    )
)
