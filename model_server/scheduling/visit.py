"""The work of one visit to a thread: bytes to arrays, run, arrays to bytes; for one call, or for several joined.

Whatever goes wrong with a call is its own outcome. Calls are joined only to be quicker: if that fails in any way, each
runs alone, so that nobody's answer depends on the company.
"""

import time
from collections.abc import Mapping, Sequence

from model_server.codec import decode, encode
from model_server.errors import BadRequestError, ModelFailedError
from model_server.models import Array, Model
from model_server.scheduling.job import Execution, Job
from model_server.scheduling.joining import join, split, uneven
from model_server.tensors import WireTensor


def visit(
    model: Model, names: Sequence[str], inputs: Sequence[WireTensor], run: Execution
) -> tuple[WireTensor, ...]:
    """The answer of one call; `run` learns the times of the steps."""
    feeds = {each.name: decode(each) for each in inputs}
    run.decoded = time.monotonic_ns()
    arrays = outputs_of(model, names, feeds)
    run.ran = time.monotonic_ns()
    return written(model, names, inputs, arrays)


def alone(job: Job) -> None:
    """Run one call, and leave its outcome in it."""
    run = job.execution = Execution(job.rows or 1)
    before = time.thread_time_ns() if job.size >= 0 else 0
    try:
        job.outputs = visit(job.model, job.names, job.inputs, run)
        if job.size >= 0:
            run.cpu = time.thread_time_ns() - before
    except Exception as error:
        job.error = error
    run.end()


def together(jobs: Sequence[Job]) -> str:
    """Run several calls of one model as one, and leave its outcome in each. Says why this model's calls cannot be
    joined, if they cannot; all of them have been run even so."""
    run = Execution()
    members, feeds = [], []
    for job in jobs:
        try:
            feeds.append({each.name: decode(each) for each in job.inputs})
            members.append(job)
        except Exception as error:
            job.error, job.execution = error, run
    run.rows = sum(job.rows for job in members)
    problem = ""
    try:
        if len(members) > 1:
            model, names = jobs[0].model, jobs[0].names
            joined = join(feeds)
            run.decoded = time.monotonic_ns()
            arrays = model.run(names, joined)
            ran = time.monotonic_ns()
            problem = uneven(names, arrays, run.rows)
            if not problem:
                run.ran = ran
                _share(members, arrays, run)
                return ""
    except Exception:
        pass  # somebody's fault, perhaps: each will hear its own
    finally:
        run.end()
    for job in members:
        # The times of the failed attempt are the queue's: nothing was done for this call in them
        if not job.is_over(time.monotonic_ns()):
            alone(job)
    return problem


def _share(members: Sequence[Job], arrays: Sequence[Array], run: Execution) -> None:
    for job, own in zip(members, split(arrays, [job.rows for job in members]), strict=True):
        job.execution = run
        try:
            job.outputs = written(job.model, job.names, job.inputs, own)
        except Exception as error:
            job.error = error


def outputs_of(model: Model, names: Sequence[str], feeds: Mapping[str, Array]) -> Sequence[Array]:
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


def written(
    model: Model, names: Sequence[str], inputs: Sequence[WireTensor], arrays: Sequence[Array]
) -> tuple[WireTensor, ...]:
    """The outputs as they travel: raw, and in values too where no input was raw, if every output has values.

    Whoever sends values may expect them back (KServe, MLServer) or raw bytes (Triton, whatever it was sent)."""
    typed = all(each.raw is None for each in inputs) and not any(
        model.outputs[name].datatype.field is None for name in names
    )
    return tuple(
        encode(name, model.outputs[name].datatype, array, typed=typed)
        for name, array in zip(names, arrays, strict=True)
    )
