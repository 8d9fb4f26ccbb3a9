"""What a model is served as: the facts that ModelConfig answers, as plain values.

Field by field Triton's ModelConfig, of which only what this server obeys is here; `repository.pbtxt` reads it
from a file or a message, the transport writes it into one. No protobuf here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

PLATFORM: Final = "onnxruntime_onnx"
BACKEND: Final = "onnxruntime"
FILE: Final = "model.onnx"
"""The name of a model's file in a version's folder, unless its configuration says another."""


@dataclass(frozen=True, slots=True)
class TensorConfig:
    """One input or output."""

    name: str
    datatype: str
    """As the protocol says it (FP32, BYTES); a message says TYPE_FP32, TYPE_STRING."""
    dims: tuple[int, ...]
    """Without the batch dimension where `max_batch_size` is above 0; -1 is any size."""


@dataclass(frozen=True, slots=True)
class VersionPolicy:
    """Which versions of a folder are served: the `latest` n, or the `specific` ones, or (neither) all."""

    latest: int = 0
    specific: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchingConfig:
    """`dynamic_batching`."""

    max_queue_delay_microseconds: int = 0


@dataclass(frozen=True, slots=True)
class ModelConfigValue:
    """What one model is served as."""

    name: str = ""
    platform: str = PLATFORM
    backend: str = BACKEND
    version_policy: VersionPolicy = VersionPolicy()  # frozen
    max_batch_size: int = 0
    """Rows of one run at most; 0: the first dimension is no batch dimension."""
    inputs: tuple[TensorConfig, ...] = ()
    outputs: tuple[TensorConfig, ...] = ()
    dynamic_batching: BatchingConfig | None = None
    """None: calls are never joined."""
    instances: int = 0
    """`instance_group` count: runs at a time; 0: as many as there are threads."""
    default_model_filename: str = FILE
    graph_level: int | None = None
    """`optimization.graph.level`: -1 basic, 1 extended, 2 none (ONNX Runtime backend of Triton); None: the server's."""
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
