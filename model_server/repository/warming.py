"""The first runs of a model, before anybody is served by it. They take as long as they take: for a thread."""

import logging
from collections.abc import Mapping

import numpy as np

from model_server.errors import BrokenModelError, ModelServerError
from model_server.models import Array, Model

log = logging.getLogger(__name__)


def warm(model: Model) -> None:
    """Run twice: ONNX Runtime prepares lazily in the first run, and plans its memory with what it saw there.

    A model may have every right to refuse zeros, so a failure is told and not fatal. But a model whose calls are to
    be joined, and that answers one row and not two, is refused with BrokenModelError: the mistake is ours to
    find, not the callers'.
    """
    try:
        zeros = model.zeros()
        model.run(tuple(model.outputs), zeros)
        model.run(tuple(model.outputs), zeros)
    except (ModelServerError, MemoryError, ValueError) as error:
        log.warning("model %s version %s was not warmed with zeros: %s", model.name, model.version, error)
        return
    if model.batching is not None:
        _check_rows(model, {name: np.concatenate((each, each)) for name, each in zeros.items()})


def _check_rows(model: Model, two: Mapping[str, Array]) -> None:
    try:
        answers = model.run(tuple(model.outputs), two)
    except ModelServerError as error:
        raise BrokenModelError(
            f"model {model.name!r}: dynamic_batching: it runs one row of zeros and not two: {error}"
        ) from error
    for name, answer in zip(model.outputs, answers, strict=True):
        if answer.shape[:1] != (2,):
            raise BrokenModelError(
                f"model {model.name!r}: dynamic_batching: for two rows of zeros output {name!r} has shape "
                f"{list(answer.shape)}, expected two rows"
            )
