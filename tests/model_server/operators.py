"""ONNX's own operator tests as models to serve: which of them can be, what a local ONNX Runtime answers, and why
the others are left out.

The cases are those of `onnx.backend.test`: a graph of one operator (or of a few), its inputs, and an answer that is
correct within a tolerance. Here the answer that counts is a local session's, to the last bit.
"""

import ctypes
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_model_tests

KINDS: Final = ("node", "simple", "pytorch-converted", "pytorch-operator")
"""All but `real` and `light`: whole networks, which would have to be downloaded."""

CARRIED: Final = {
    "tensor(bool)": "BOOL",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(bfloat16)": "BF16",
    "tensor(string)": "BYTES",
}
"""Written down again, because the server's own table is what is tested."""

RUNS: Final = 3
"""Of the local session. One whose runs differ draws random numbers, and has no answer to be equal to."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """As the protocol says it; `raw` is laid out as raw_input_contents."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Case:
    """A model's file, one call's inputs, and what a local session answers."""

    name: str
    file: Path
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class LeftOut(Exception):
    """Why a case cannot be served, in words that many cases share."""


def collect(folder: Path) -> tuple[list[Case], Counter[str]]:
    """Every case that can be served, written to `folder`, and the others counted by reason."""
    cases, left_out = [], Counter[str]()
    for kind in KINDS:
        for test in _tests(kind):
            try:
                cases += _cases(test, folder)
            except LeftOut as reason:
                left_out[str(reason)] += 1
    return cases, left_out


def _tests(kind: str) -> Sequence[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases' own arithmetic divides by zero on purpose
        return load_model_tests(kind=kind)  # type: ignore[no-any-return]


def _cases(test: Any, folder: Path) -> Iterator[Case]:
    model, file = test.model, folder / f"{test.name}.onnx"
    if model is None:
        if test.model_dir is None:
            raise LeftOut("has to be downloaded")
        model = onnx.load(Path(test.model_dir) / "model.onnx")
    content = model.SerializeToString()
    local = Local(content)
    file.write_bytes(content)
    for number, inputs in enumerate(_data(test, model)):
        given = local.inputs(inputs)
        yield Case(f"{test.name}-{number}", file, given, local.answer(given))


def _data(test: Any, model: Any) -> Iterator[list[Any]]:
    """The inputs of each data set: arrays, as the case or its files hold them."""
    for inputs, _ in test.data_sets or ():
        yield [numpy_helper.to_array(each) if isinstance(each, TensorProto) else each for each in inputs]
    if not test.data_sets:
        for folder in sorted(Path(test.model_dir).glob("test_data_set_*")):
            files = sorted(folder.glob("input_*.pb"), key=lambda file: int(file.stem.partition("_")[2]))
            yield [_read(file) for file in files]


def _read(file: Path) -> Any:
    return numpy_helper.to_array(TensorProto.FromString(file.read_bytes()))


class Local:
    """The same model in this process; LeftOut where that, or the protocol, cannot have it."""

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise LeftOut(f"local ONNX Runtime cannot load it: {_kind(error)}") from None
        self._given = self._session.get_inputs()
        self._got = self._session.get_outputs()
        for each in (*self._given, *self._got):
            if each.type not in CARRIED:
                raise LeftOut(f"the protocol cannot carry {each.type}")

    def inputs(self, values: Sequence[Any]) -> tuple[Tensor, ...]:
        if len(values) != len(self._given) or any(value is None for value in values):
            raise LeftOut("an input is left empty, which the protocol has no word for")
        return tuple(
            Tensor(each.name, CARRIED[each.type], np.shape(value), raw_of(CARRIED[each.type], value))
            for each, value in zip(self._given, values, strict=True)
        )

    def answer(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Each run has to say the same."""
        runs = [self._run(inputs) for _ in range(RUNS)]
        if any(run != runs[0] for run in runs):
            raise LeftOut("local ONNX Runtime answers differently each time")
        return runs[0]

    def _run(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        names = [each.name for each in self._got]
        kinds = [CARRIED[each.type] for each in self._got]
        try:
            if {"BF16"} & {*kinds, *(each.datatype for each in inputs)}:
                values = self._session.run_with_ort_values(
                    names, {each.name: _ort_value(each) for each in inputs}
                )
                found = [(tuple(value.shape()), _memory(value)) for value in values]
            else:
                arrays = self._session.run(names, {each.name: _array(each) for each in inputs})
                found = [
                    (array.shape, raw_of(kind, array)) for kind, array in zip(kinds, arrays, strict=True)
                ]
        except Exception as error:
            raise LeftOut(f"local ONNX Runtime cannot run it: {_kind(error)}") from None
        return tuple(Tensor(name, kind, *each) for name, kind, each in zip(names, kinds, found, strict=True))


DTYPES: Final[dict[str, Any]] = {
    "BOOL": np.bool_,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BF16": np.uint16,
}


def _dtype(datatype: str) -> Any:
    return DTYPES.get(datatype) or np.dtype(datatype.lower())


def _array(tensor: Tensor) -> Any:
    if tensor.datatype == "BYTES":
        return np.array(list(_split(tensor.raw)), object).reshape(tensor.shape)
    return np.frombuffer(tensor.raw, _dtype(tensor.datatype)).reshape(tensor.shape)


def raw_of(datatype: str, value: Any) -> bytes:
    """An array, or a sequence of values, as the protocol lays it out."""
    if datatype != "BYTES":
        return np.asarray(value, None if isinstance(value, np.ndarray) else _dtype(datatype)).tobytes()
    texts = (
        each if isinstance(each, bytes) else str(each).encode()
        for each in np.ravel(np.asarray(value, object))
    )
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def _split(raw: bytes) -> Iterator[str]:
    position = 0
    while position < len(raw):
        start = position + 4
        position = start + int.from_bytes(raw[position:start], "little")
        yield raw[start:position].decode()


def _ort_value(tensor: Tensor) -> Any:
    make: Callable[..., Any] = onnxruntime.OrtValue.ortvalue_from_numpy
    if tensor.datatype != "BF16":
        return make(_array(tensor))
    return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(_array(tensor), TensorProto.BFLOAT16)


def _memory(value: Any) -> bytes:
    size = value.tensor_size_in_bytes()
    return ctypes.string_at(value.data_ptr(), size) if size else b""


def _kind(error: Exception) -> str:
    """What sort of refusal it is: the message itself names a node."""
    return str(error).split(" : ")[2] if str(error).startswith("[ONNXRuntimeError]") else type(error).__name__
