"""Tensors of the benchmark's two datatypes out of the protocol's messages, as numpy holds them."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

DTYPES: Final[dict[str, np.dtype[Any]]] = {"FP32": np.dtype(np.float32), "INT64": np.dtype(np.int64)}
NAMES: Final = {dtype: name for name, dtype in DTYPES.items()}


def arrays(tensors: Any, buffers: Any) -> dict[str, npt.NDArray[Any]]:
    """Views of the buffers, by name: `inputs` and `raw_input_contents`, or the same of outputs."""
    return {
        each.name: np.frombuffer(raw, DTYPES[each.datatype]).reshape(tuple(each.shape))
        for each, raw in zip(tensors, buffers, strict=True)
    }
