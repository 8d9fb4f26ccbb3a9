"""A model as the rest of the server sees it: a name, a signature, and something that runs.

`onnx_model` makes them from files; `fake_model` makes one from a Python function, for tests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from mesh.datatypes import BY_NAME, Datatype
from model_server.config import ModelConfigValue, TensorConfig

Array: TypeAlias = npt.NDArray[Any]
Run: TypeAlias = Callable[[Sequence[str], Mapping[str, Array]], Sequence[Array]]
"""Outputs by name, in the order asked for, from inputs by name. Called in any thread, by several at once."""

ANY: Final = -1
"""A dimension that may have any size."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output: what the model declares of it."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    symbols: tuple[str, ...] = ()
    """The name of each dimension, if it has one: what has the same name has, in ONNX, the same size."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How calls of a model are joined into one run. A model without it never has its calls joined."""

    most: int
    """Rows of one run at most."""
    delay: float = 0.0
    """Seconds a call may wait for others, only while others of this model are under way."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Model:
    """One version of one model, loaded. Never changes; another version is another value, and so is a reload:
    two models are equal if they are the same.
    """

    name: str
    version: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    run: Run
    abort: Callable[[], None] = lambda: None
    """Make every run that has begun fail soon. The model is of no use afterwards."""
    platform: str = "onnxruntime_onnx"
    batching: Batching | None = None
    """None: its calls are never joined."""
    concurrency: int = 0
    """Runs at a time; 0: as many as there are threads."""
    config: ModelConfigValue = ModelConfigValue()  # noqa: RUF009  # frozen
    """What it is served as."""
    steady: bool = False
    """The time of a run follows from the sizes of its inputs, not from what is in them, and it is spent in the
    thread that runs it. Only then may a short one run on the event loop."""

    def zeros(self) -> dict[str, Array]:
        """The smallest inputs that fit, for a first run: zeros (or empty strings), free dimensions 1."""
        return {
            spec.name: np.full(
                tuple(1 if size == ANY else size for size in spec.shape),
                "" if spec.datatype.name == "BYTES" else 0,
                spec.datatype.dtype,
            )
            for spec in self.inputs.values()
        }


def fake_model(
    run: Run,
    *,
    name: str = "fake",
    version: str = "1",
    inputs: Mapping[str, tuple[str, tuple[int, ...]]],
    outputs: Mapping[str, tuple[str, tuple[int, ...]]],
    abort: Callable[[], None] = lambda: None,
    batching: Batching | None = None,
    concurrency: int = 0,
    steady: bool = False,
) -> Model:
    """A model around `run`; tensors as `{"X": ("FP32", (-1, 4))}`."""

    def specs(tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> dict[str, TensorSpec]:
        return {each: TensorSpec(each, BY_NAME[kind], shape) for each, (kind, shape) in tensors.items()}

    def described(tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> tuple[TensorConfig, ...]:
        return tuple(TensorConfig(each, kind, shape) for each, (kind, shape) in tensors.items())

    return Model(
        name,
        version,
        specs(inputs),
        specs(outputs),
        run,
        abort,
        platform="fake",
        batching=batching,
        concurrency=concurrency,
        config=ModelConfigValue(
            name, platform="fake", backend="fake", inputs=described(inputs), outputs=described(outputs)
        ),
        steady=steady,
    )
