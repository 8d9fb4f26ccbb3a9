"""The one way in which every peer opens a model, so that what differs is the server. Imports nothing of ours: MLServer
has an environment of its own."""

from pathlib import Path
from typing import Any

import onnxruntime


def open_session(model: Path | bytes) -> Any:
    """On one thread, as `model-server` runs by default; everything else is ONNX Runtime's default."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    content = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
