"""Opens an ONNX file with ONNX Runtime as a `Model`; its failures become ours, with the reason.

ONNX Runtime releases the interpreter's lock while it loads and runs, so both belong in a thread.
"""

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from mesh.datatypes import BF16, BY_ONNX, BYTES
from model_server.config import ModelConfigValue
from model_server.errors import BadRequestError, BrokenModelError, ModelFailedError
from model_server.models import ANY, Array, Model, TensorSpec
from model_server.onnx_graph import is_steady

ONNX_BFLOAT16: Final = 16
"""TensorProto.BFLOAT16 (onnx.proto)."""
FATAL: Final = 4
"""ONNX Runtime's log level: what it would print to stderr comes as an exception too, and is logged by us."""
NO_VERSION: Final = 2**63 - 1
"""What ONNX Runtime reports for a file without a model_version."""


CPU: Final = "CPUExecutionProvider"
OPTIMIZATIONS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "off": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
        "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
        "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
        "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    }
)
"""How much of a graph ONNX Runtime may rewrite before it runs."""
GRAPH_LEVELS: Final = MappingProxyType({-1: "basic", 1: "extended", 2: "off"})
"""`optimization.graph.level` of a configuration, as Triton's ONNX Runtime backend reads it."""
THREADS_PARAMETER: Final = "intra_op_thread_count"
"""The parameter of a configuration, also that backend's."""


def available_providers() -> tuple[str, ...]:
    """The execution providers that this build of ONNX Runtime has, the fastest first."""
    return tuple(onnxruntime.get_available_providers())


def open_model(
    name: str,
    file: Path,
    *,
    version: str | None = None,
    wanted: ModelConfigValue = ModelConfigValue(),  # noqa: B008  # frozen
    threads: int = 1,
    providers: Sequence[str] = (CPU,),
    optimization: str = "all",
) -> Model:
    """Load `file`; BrokenModelError with the reason if that is impossible. Takes as long as it takes.

    `version` None takes the file's own (`model_version` of its ModelProto), or 1. `threads` share the work of
    one run; 1 is best for small models, where many calls run side by side. What `wanted` says of threads and
    optimization comes first.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(wanted.parameters.get(THREADS_PARAMETER, 0)) or threads
    options.graph_optimization_level = OPTIMIZATIONS[GRAPH_LEVELS.get(wanted.graph_level or 0, optimization)]
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL
    # A pool that spins between runs burns the cores that the calls need
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(file, options, providers=[*providers])
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise BrokenModelError(f"model {name!r}: {file} cannot be loaded: {reason(error)}") from error
    missing = [each for each in providers if each not in session.get_providers()]
    if missing:  # ONNX Runtime goes on without it, and would be slow in silence
        raise BrokenModelError(f"model {name!r}: ONNX Runtime could not start {missing[0]}")
    inputs = _specs(name, "input", session.get_inputs())
    outputs = _specs(name, "output", session.get_outputs())
    if {BF16, BYTES} <= {spec.datatype for spec in (*inputs.values(), *outputs.values())}:
        # ONNX Runtime takes strings only as numpy arrays, and BF16 never as one
        raise BrokenModelError(f"model {name!r}: BF16 beside BYTES cannot be served")
    runner = Runner(name, session, inputs, outputs)
    return Model(
        name,
        version or _own_version(session),
        inputs,
        outputs,
        runner.run,
        runner.abort,
        # Only then does all of a run happen in the thread that asks for it
        # Of strings, the longest may decide, and no shape says how long that is
        steady=options.intra_op_num_threads == 1
        and tuple(providers) == (CPU,)
        and all(spec.datatype is not BYTES for spec in inputs.values())
        and is_steady(file),
    )


class Runner:
    """Runs one session. Called from several threads at once; keeps nothing between runs."""

    __slots__ = ("_inputs", "_name", "_options", "_outputs", "_session", "_values")

    def __init__(
        self,
        name: str,
        session: Any,
        inputs: Mapping[str, TensorSpec],
        outputs: Mapping[str, TensorSpec],
    ) -> None:
        self._name = name
        self._session = session
        self._inputs = inputs
        self._outputs = outputs
        # One for all runs: it is how `abort` reaches them
        self._options = onnxruntime.RunOptions()
        self._options.log_severity_level = FATAL
        self._values = any(spec.datatype is BF16 for spec in (*inputs.values(), *outputs.values()))

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        try:
            if self._values:
                return self._run_values(names, feeds)
            return self._session.run(names, feeds, self._options)  # type: ignore[no-any-return]
        except state.InvalidArgument as error:
            # The model's own view of the inputs: an index beyond its table, an unknown rank it cannot take
            raise BadRequestError(f"model {self._name!r} refuses the inputs: {reason(error)}") from error
        except Exception as error:
            raise ModelFailedError(f"model {self._name!r} failed: {reason(error)}") from error

    def abort(self) -> None:
        """Checked between the nodes of a graph, so a run ends with the node it is in."""
        self._options.terminate = True

    def _run_values(self, names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
        """As `run`, through ONNX Runtime's own values: for BF16, which numpy has no type for."""
        values = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(array, ONNX_BFLOAT16)
            if self._inputs[name].datatype is BF16
            else onnxruntime.OrtValue.ortvalue_from_numpy(array)
            for name, array in feeds.items()
        }
        answers = self._session.run_with_ort_values(names, values, self._options)
        return [
            _bits(answer) if self._outputs[name].datatype is BF16 else answer.numpy()
            for name, answer in zip(names, answers, strict=True)
        ]


def _bits(value: Any) -> Array:
    """The 16 bits of each BF16 element; copied, because the value's memory goes with it."""
    size = value.tensor_size_in_bytes()
    raw = ctypes.string_at(value.data_ptr(), size) if size else b""
    return np.frombuffer(raw, BF16.dtype).reshape(value.shape())


def _specs(model: str, what: str, arguments: Sequence[Any]) -> dict[str, TensorSpec]:
    specs = {}
    for each in arguments:
        datatype = BY_ONNX.get(each.type)
        if datatype is None:
            raise BrokenModelError(
                f"model {model!r}: {what} {each.name!r} is a {each.type}, "
                f"which the Open Inference Protocol cannot carry; expected one of {', '.join(BY_ONNX)}"
            )
        # A free dimension is a name or nothing
        shape = tuple(size if isinstance(size, int) and size >= 0 else ANY for size in each.shape)
        symbols = tuple(size if isinstance(size, str) else "" for size in each.shape)
        specs[each.name] = TensorSpec(each.name, datatype, shape, symbols)
    return specs


def _own_version(session: Any) -> str:
    version = session.get_modelmeta().version
    return str(version) if 0 < version < NO_VERSION else "1"


def reason(error: Exception) -> str:
    """What ONNX Runtime says, on one line and without its prefix (`[ONNXRuntimeError] : 2 : FAIL : `)."""
    text = " ".join(str(error).split())
    parts = text.split(" : ", 3)
    return parts[3] if len(parts) == 4 and parts[0] == "[ONNXRuntimeError]" else text or type(error).__name__
