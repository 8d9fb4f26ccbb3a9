"""The rules of one inference: which model, which tensors, run, and what goes back. Knows no transport.

Everything that can be refused without touching the tensors' bytes is refused before the call waits for its turn.
Decoding, running and encoding are then the scheduler's.
"""

from collections.abc import Sequence

from mesh.datatypes import BY_NAME
from model_server.errors import BadRequestError
from model_server.models import ANY, Model, TensorSpec
from model_server.repository import Repository
from model_server.scheduling.scheduler import Observer, Scheduler
from model_server.tensors import WireTensor, datatype_of, element_count, shown


class Request:
    """One ModelInfer, bulk untouched. Never changed."""

    __slots__ = ("id", "inputs", "model", "outputs", "version")

    def __init__(
        self,
        model: str,
        inputs: tuple[WireTensor, ...],
        version: str = "",
        id: str = "",
        outputs: tuple[str, ...] = (),
    ) -> None:
        self.model = model
        self.inputs = inputs
        self.version = version
        self.id = id
        self.outputs = outputs
        """In the order wanted; none means all, in the model's order."""


class Response:
    """The answer; `outputs` are all raw, and all typed besides or none. Never changed."""

    __slots__ = ("id", "model", "outputs", "version")

    def __init__(self, model: str, version: str, id: str, outputs: tuple[WireTensor, ...]) -> None:
        self.model = model
        self.version = version
        self.id = id
        self.outputs = outputs


class Inference:
    """Answers requests with the repository's models, when the scheduler says."""

    def __init__(self, repository: Repository, scheduler: Scheduler) -> None:
        self._repository = repository
        self._scheduler = scheduler

    async def infer(self, request: Request, observer: Observer, *, deadline: float | None = None) -> Response:
        """The answer, or a ModelServerError that says whose fault it is; `deadline` as `time.monotonic()`."""
        model = self._repository.find(request.model, request.version)
        try:
            names = wanted(model, request.outputs)
            match(model, request.inputs)
        except BadRequestError as error:
            self._scheduler.refuse(model, error)
            raise
        outputs = await self._scheduler.run(
            model, names, request.inputs, observer=observer, deadline=deadline
        )
        return Response(model.name, model.version, request.id, outputs)


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
    if len(given) < len(model.inputs):
        missing = [name for name in model.inputs if name not in given]
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
    if not fits(spec.shape, tensor.shape):
        raise BadRequestError(
            f"input {tensor.name!r}: expected shape {shown(spec.shape)}, received {shown(tensor.shape)}"
        )


def fits(declared: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a tensor of this shape may be given where a model declares that one.

    ONNX Runtime describes an unknown rank as it describes a scalar, by `()`: there the model has to tell.
    """
    if not declared:
        return True
    if len(shape) != len(declared):
        return False
    for want, got in zip(declared, shape, strict=True):  # noqa: SIM110  # of each call; all() costs a generator
        if want not in (ANY, got):
            return False
    return True
