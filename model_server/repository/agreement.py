"""What a file declares and what its configuration says, made one: the model as it is served. Pure.

Both may say the same thing. Where they differ the model is refused, naming the field and both values, but for one
case: a dimension that is free in the file may be fixed by the configuration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from model_server.config import ModelConfigValue, TensorConfig
from model_server.errors import BrokenModelError
from model_server.models import ANY, Batching, Model, TensorSpec


def agreed(model: Model, wanted: ModelConfigValue) -> Model:
    """The model with its configuration, or BrokenModelError."""
    inputs = _tensors(model.name, "input", model.inputs, wanted.inputs, wanted.max_batch_size)
    outputs = _tensors(model.name, "output", model.outputs, wanted.outputs, wanted.max_batch_size)
    batching = None
    if wanted.dynamic_batching is not None and wanted.max_batch_size > 1:
        if not inputs:
            raise BrokenModelError(
                f"model {model.name!r}: dynamic_batching: a model without inputs has no rows"
            )
        delay = wanted.dynamic_batching.max_queue_delay_microseconds / 1e6
        batching = Batching(wanted.max_batch_size, delay)
    batched = wanted.max_batch_size > 0
    return replace(
        model,
        inputs=inputs,
        outputs=outputs,
        batching=batching,
        concurrency=wanted.instances,
        config=replace(
            wanted,
            name=model.name,
            platform=model.platform,
            inputs=_described(inputs, batched),
            outputs=_described(outputs, batched),
        ),
    )


def _tensors(
    model: str,
    what: str,
    specs: Mapping[str, TensorSpec],
    wanted: Sequence[TensorConfig],
    most: int,
) -> Mapping[str, TensorSpec]:
    found = dict(specs)
    for each in wanted:
        spec = found.get(each.name)
        if spec is None:
            raise BrokenModelError(
                f"model {model!r}: the configuration has {what} {each.name!r}, "
                f"the file has {', '.join(specs) or 'none'}"
            )
        found[each.name] = _tensor(model, what, spec, each, most)
    if most:
        for spec in found.values():
            if not spec.shape or spec.shape[0] != ANY:
                raise BrokenModelError(
                    f"model {model!r}: max_batch_size {most} needs a free first dimension of {what} "
                    f"{spec.name!r}, the file has shape {_shown(spec.shape)}"
                )
    return found


def _tensor(model: str, what: str, spec: TensorSpec, wanted: TensorConfig, most: int) -> TensorSpec:
    if wanted.datatype and wanted.datatype != spec.datatype.name:
        raise BrokenModelError(
            f"model {model!r}: {what} {spec.name!r}: data_type is {wanted.datatype} in the configuration, "
            f"{spec.datatype} in the file"
        )
    if not wanted.dims:
        return spec
    shape = (ANY, *wanted.dims) if most else wanted.dims
    # ONNX Runtime says an unknown rank as it says a scalar: nothing to compare
    fits = not spec.shape or (
        len(shape) == len(spec.shape)
        and all(theirs in (ANY, ours) for ours, theirs in zip(shape, spec.shape, strict=True))
    )
    if not fits:
        batch = " (after the batch dimension)" if most else ""
        raise BrokenModelError(
            f"model {model!r}: {what} {spec.name!r}: dims are {_shown(wanted.dims)}{batch} in the configuration, "
            f"the shape is {_shown(spec.shape)} in the file"
        )
    return replace(spec, shape=shape)


def _described(specs: Mapping[str, TensorSpec], batched: bool) -> tuple[TensorConfig, ...]:
    return tuple(
        TensorConfig(spec.name, spec.datatype.name, spec.shape[1:] if batched else spec.shape)
        for spec in specs.values()
    )


def _shown(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
