"""The rules of one inference: which model, which tensors, run, and what goes back. Knows no transport.

Everything that can be refused without touching the tensors' bytes is refused before the call waits for a
thread. Decoding, running and encoding then share one visit to a worker.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from model_server.datatypes import BY_NAME
from model_server.errors import BadRequestError, ModelFailedError
from model_server.models import Array, Model, TensorSpec
from model_server.repository import Repository
from model_server.tensors import WireTensor, datatype_of, decode, element_count, encode, shown
from model_server.workers import Workers

QUEUE: Final = "queue"
COMPUTE: Final = "compute"


class Observer(Protocol):
    """Whoever wants to know how long the phases of a call took; called from any thread, in order of time."""

    def phase(self, name: str, start: int, end: int) -> None:
        """`start` and `end` in nanoseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Request:
    """One ModelInfer, bulk untouched."""

    model: str
    inputs: tuple[WireTensor, ...]
    version: str = ""
    id: str = ""
    outputs: tuple[str, ...] = ()
    """In the order wanted; none means all, in the model's order."""


@dataclass(frozen=True, slots=True)
class Response:
    """The answer; `outputs` are all raw or all typed."""

    model: str
    version: str
    id: str
    outputs: tuple[WireTensor, ...]


class Inference:
    """Answers requests with the repository's models, on the workers' threads."""

    def __init__(self, repository: Repository, workers: Workers) -> None:
        self._repository = repository
        self._workers = workers

    async def infer(self, request: Request, observer: Observer) -> Response:
        """The answer, or a ModelServerError that says whose fault it is."""
        model = self._repository.find(request.model, request.version)
        names = wanted(model, request.outputs)
        match(model, request.inputs)
        work = partial(_work, model, names, request.inputs, observer, time.time_ns())
        outputs = await self._workers.run(work)
        return Response(model.name, model.version, request.id, outputs)


def _work(
    model: Model, names: Sequence[str], inputs: Sequence[WireTensor], observer: Observer, queued: int
) -> tuple[WireTensor, ...]:
    """In a worker: bytes to arrays, run, arrays to bytes."""
    started = time.time_ns()
    observer.phase(QUEUE, queued, started)
    try:
        feeds = {each.name: decode(each) for each in inputs}
        arrays = run(model, names, feeds)
        # Raw in, raw out; but all outputs share one form, and some datatypes have only the raw one
        raw = any(each.raw is not None for each in inputs) or any(
            model.outputs[name].datatype.field is None for name in names
        )
        return tuple(
            encode(name, model.outputs[name].datatype, array, raw=raw)
            for name, array in zip(names, arrays, strict=True)
        )
    finally:
        observer.phase(COMPUTE, started, time.time_ns())


def run(model: Model, names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
    """Run the model; if that fails although each input fits, look whether the inputs fit each other.

    Only then: ONNX Runtime goes on where one size can stand for another (1 against 3), and so do we.
    """
    try:
        return model.run(names, feeds)
    except ModelFailedError as error:
        sizes: dict[str, tuple[str, int]] = {}
        for name, array in feeds.items():
            for symbol, size in zip(model.inputs[name].symbols, array.shape, strict=False):
                other, expected = sizes.setdefault(symbol, (name, size)) if symbol else (name, size)
                if size != expected:
                    raise BadRequestError(
                        f"input {name!r}: expected {expected} as its dimension {symbol!r}, as in "
                        f"input {other!r}, received {size}"
                    ) from error
        raise


def wanted(model: Model, outputs: Sequence[str]) -> tuple[str, ...]:
    """The outputs to compute, in the order they go back."""
    if not outputs:
        return tuple(model.outputs)
    for number, name in enumerate(outputs):
        if name not in model.outputs:
            raise BadRequestError(
                f"output {name!r} is not an output of model {model.name!r}; "
                f"expected {', '.join(model.outputs)}"
            )
        if name in outputs[:number]:
            raise BadRequestError(f"output {name!r}: expected to be requested once, received twice")
    return tuple(outputs)


def match(model: Model, inputs: Sequence[WireTensor]) -> None:
    """Refuse what does not fit the model's signature: names, then datatype and shape of each."""
    given = set()
    for tensor in inputs:
        spec = model.inputs.get(tensor.name)
        if spec is None:
            raise BadRequestError(
                f"input {tensor.name!r} is not an input of model {model.name!r}; "
                f"expected {', '.join(model.inputs) or 'none'}"
            )
        if tensor.name in given:
            raise BadRequestError(f"input {tensor.name!r}: expected once, received twice")
        given.add(tensor.name)
        _match_one(tensor, spec)
    missing = [name for name in model.inputs if name not in given]
    if missing:
        raise BadRequestError(
            f"input {missing[0]!r} of model {model.name!r} is missing; expected "
            f"{', '.join(model.inputs)}, received {', '.join(each.name for each in inputs) or 'none'}"
        )


def _match_one(tensor: WireTensor, spec: TensorSpec) -> None:
    if tensor.datatype not in BY_NAME:
        datatype_of(tensor)
    if tensor.datatype != spec.datatype.name:
        raise BadRequestError(
            f"input {tensor.name!r}: expected datatype {spec.datatype}, received {tensor.datatype}"
        )
    element_count(tensor)
    if not spec.fits(tensor.shape):
        raise BadRequestError(
            f"input {tensor.name!r}: expected shape {shown(spec.shape)}, received {shown(tensor.shape)}"
        )
