"""A model's configuration as its operator writes it: config.pbtxt, or JSON in a request to load; both are
Triton's ModelConfig.

Every field of it is in one of three classes. Obeyed: it becomes part of a `ModelConfigValue`. Refused: it would
change what a client gets, and this server does not do it. The rest (placement, hints, metrics) changes at most the
speed, and is told once in the log. A field that no ModelConfig has is refused like any other slip of the pen.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NoReturn

from google.protobuf import json_format, text_format

from mesh.pb import POOL
from mesh.pb import model_config_pb2 as pb
from model_server.config import (
    BACKEND,
    PLATFORM,
    BatchingConfig,
    ModelConfigValue,
    TensorConfig,
    VersionPolicy,
)
from model_server.repository.names import fault

log = logging.getLogger(__name__)

LARGEST: Final = 2**20
"""Characters of a configuration."""

OBEYED: Final = frozenset(
    (
        "name",
        "platform",
        "backend",
        "version_policy",
        "max_batch_size",
        "input.name",
        "input.data_type",
        "input.dims",
        "output.name",
        "output.data_type",
        "output.dims",
        "dynamic_batching.max_queue_delay_microseconds",
        "instance_group.count",
        "default_model_filename",
        "optimization.graph.level",
        "parameters",
    )
)
REFUSED: Final = frozenset(
    (
        "batch_input",
        "batch_output",
        "sequence_batching",
        "ensemble_scheduling",
        "model_operations",
        "model_transaction_policy.decoupled",
        "model_repository_agents",
        "input.reshape",
        "input.is_shape_tensor",
        "input.allow_ragged_batch",
        "input.optional",
        "input.is_non_linear_format_io",
        "output.reshape",
        "output.is_shape_tensor",
        "output.is_non_linear_format_io",
        "dynamic_batching.priority_levels",
        "dynamic_batching.default_priority_level",
        "dynamic_batching.default_queue_policy",
        "dynamic_batching.priority_queue_policy",
        "instance_group.passive",
    )
)
GRAPH_LEVELS: Final = (-1, 0, 1, 2)
LONGEST_DELAY: Final = 999_999_999
"""A quarter of an hour; what is far beyond it no clock can wait for."""
THREADS: Final = re.compile("[0-9]{1,3}")


class BadConfigError(ValueError):
    """A configuration that cannot be obeyed: where and why."""


def read_text(text: str, base: ModelConfigValue) -> ModelConfigValue:
    """`base`, with what a config.pbtxt says of it; BadConfigError with the line of a slip."""
    message = pb.ModelConfig()
    _check_size(text)
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        line = error.GetLine()
        said = str(error).removeprefix(f"{line}:{error.GetColumn()} : ")
        raise BadConfigError(f"line {line}: {said}" if line else said) from None
    except (ValueError, RecursionError) as error:  # a number of an enum that is no int32 comes without a line
        raise BadConfigError(" ".join(str(error).split())) from None
    return read_message(message, base)


def read_json(text: str, base: ModelConfigValue) -> ModelConfigValue:
    """The same from JSON, as `tritonclient` sends it."""
    message = pb.ModelConfig()
    _check_size(text)
    if not text.lstrip().startswith("{"):  # an empty list would pass for an empty object
        raise BadConfigError("JSON: must be an object")
    try:
        json_format.Parse(text, message, descriptor_pool=POOL)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise BadConfigError(f"JSON: {' '.join(str(error).split())}") from None
    return read_message(message, base)


def read_message(message: Any, base: ModelConfigValue) -> ModelConfigValue:
    """Only what the message sets changes `base`."""
    _sort(message, base.name)
    for field, value, only in (
        ("name", message.name, base.name),
        ("platform", message.platform, PLATFORM),
        ("backend", message.backend, BACKEND),
    ):
        if value not in ("", only):
            _refuse(field, f"must be {only!r} or nothing", repr(value))
    if message.max_batch_size < 0:
        _refuse("max_batch_size", "must be 0 or more", message.max_batch_size)
    batching = base.dynamic_batching
    if message.HasField("dynamic_batching"):
        delay = message.dynamic_batching.max_queue_delay_microseconds
        if delay > LONGEST_DELAY:
            _refuse("max_queue_delay_microseconds", f"must be at most {LONGEST_DELAY}", delay)
        batching = BatchingConfig(delay)
    most = message.max_batch_size or base.max_batch_size
    if batching is not None and most == 0:
        _refuse("dynamic_batching", "needs max_batch_size above 0", "it is 0")
    return replace(
        base,
        version_policy=_policy(message, base.version_policy),
        max_batch_size=most,
        inputs=tuple(_tensors("input", message.input)),
        outputs=tuple(_tensors("output", message.output)),
        dynamic_batching=batching,
        instances=sum(_counts(message)) or base.instances,
        default_model_filename=_filename(message.default_model_filename, base.default_model_filename),
        graph_level=_graph_level(message) or base.graph_level,
        parameters=_parameters(message.parameters),
    )


def _sort(message: Any, model: str) -> None:
    """Refuse what is refused; tell what is neither that nor obeyed."""
    others = []
    for path in sorted(set(_paths(message))):
        if path in REFUSED:
            raise BadConfigError(f"{path} is not supported by this server")
        if path not in OBEYED:
            others.append(path)
    if others:
        log.info("model %s: its configuration says %s, which changes nothing here", model, ", ".join(others))


def _paths(message: Any, above: str = "") -> Iterator[str]:
    """The fields that are set, by the path to the first that is in a class, or else to a value."""
    for field, value in message.ListFields():
        path = f"{above}{field.name}"
        inside = field.message_type
        if path in REFUSED or path in OBEYED or inside is None or inside.GetOptions().map_entry:
            yield path
        else:
            values = (value,) if hasattr(value, "ListFields") else value
            for each in values:
                yield from _paths(each, f"{path}.")


def _policy(message: Any, default: VersionPolicy) -> VersionPolicy:
    if not message.HasField("version_policy"):
        return default
    policy = message.version_policy
    match policy.WhichOneof("policy_choice"):
        case "latest":
            return VersionPolicy(latest=policy.latest.num_versions or 1)
        case "all":
            return VersionPolicy()
        case "specific":
            if not policy.specific.versions:
                _refuse("version_policy.specific", "must name a version", "none")
            return VersionPolicy(specific=tuple(policy.specific.versions))
    return default


def _tensors(what: str, tensors: Any) -> Iterator[TensorConfig]:
    seen = set()
    for each in tensors:
        if not each.name or each.name in seen:
            _refuse(f"{what}.name", "must be said, and once", repr(each.name))
        seen.add(each.name)
        if any(size < 1 and size != -1 for size in each.dims):
            _refuse(f"{what} {each.name!r} dims", "must be above 0, or -1", list(each.dims))
        yield TensorConfig(each.name, _datatype(each.data_type), tuple(each.dims))


def _datatype(number: int) -> str:
    """The protocol's name; empty for one that is not said."""
    if not number:
        return ""
    name: str = pb.DataType.Name(number) if number in pb.DataType.values() else str(number)
    return {"TYPE_STRING": "BYTES"}.get(name, name.removeprefix("TYPE_"))


def _counts(message: Any) -> Iterator[int]:
    for group in message.instance_group:
        if group.count < 0:
            _refuse("instance_group.count", "must be 1 or more", group.count)
        yield group.count or 1


def _filename(name: str, default: str) -> str:
    if not name:
        return default
    if fault(name):
        _refuse("default_model_filename", fault(name), repr(name))
    return name


def _graph_level(message: Any) -> int | None:
    level: int = message.optimization.graph.level
    if level not in GRAPH_LEVELS:
        _refuse("optimization.graph.level", f"must be one of {', '.join(map(str, GRAPH_LEVELS))}", level)
    return level or None


def _parameters(parameters: Any) -> Mapping[str, str]:
    said = {name: value.string_value for name, value in parameters.items()}
    threads = said.get("intra_op_thread_count")
    if threads is not None and not THREADS.fullmatch(threads):
        _refuse("parameters intra_op_thread_count", "must be 0 (the server's) to 999", repr(threads))
    return said


def _check_size(text: str) -> None:
    if len(text) > LARGEST:
        _refuse("configuration", f"must have at most {LARGEST} characters", len(text))


def _refuse(field: str, rule: str, value: object) -> NoReturn:
    raise BadConfigError(f"{field} {rule}, received {value}")
