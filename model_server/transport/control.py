"""Triton's calls for whoever runs the server: the repository, and what a model is configured as and has done."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from mesh.pb import model_config_pb2 as config_pb
from mesh.pb import open_inference_pb2 as pb
from model_server.config import ModelConfigValue, TensorConfig
from model_server.errors import BadRequestError, UnsupportedError
from model_server.models import Model
from model_server.tracing import Call
from model_server.transport.messages import parse

CONFIG: Final = "config"
"""Parameter of a load: the configuration to load with, as JSON, in place of the file's."""
FILE_PREFIX: Final = "file:"
"""Parameters of a load with the model's files in them."""
DEPENDENTS: Final = "unload_dependents"
"""Parameter of an unload; models here depend on no other, so there are none to unload."""


class Controlled(Protocol):
    """A repository that can be changed; `repository.Repository`."""

    def find(self, name: str, version: str = "") -> Model: ...
    def versions(self, name: str) -> Mapping[str, Model]: ...
    def models(self) -> Sequence[Model]: ...
    async def load(self, name: str, *, config: str | None = None) -> None: ...
    async def unload(self, name: str) -> None: ...
    def index(self, *, ready: bool = False) -> Sequence[Any]:
        """Entries of `name`, `version`, `state`, `reason`."""


class Counting(Protocol):
    """Whoever counts what models do; `scheduling.Scheduler`."""

    def statistics(self, model: Model) -> Any:
        """Triton's InferStatistics by their names, with `batches` beside."""


class Control:
    """The calls that control the repository, and those that show it."""

    __slots__ = ("_counting", "_repository")

    def __init__(self, repository: Controlled, counting: Counting) -> None:
        self._repository = repository
        self._counting = counting

    async def index(self, data: bytes, call: Call, context: Any) -> bytes:
        request = parse(pb.RepositoryIndexRequest, data)
        _only_repository(request.repository_name)
        return pb.RepositoryIndexResponse(
            models=[
                pb.RepositoryIndexResponse.ModelIndex(
                    name=each.name, version=each.version, state=each.state, reason=each.reason
                )
                for each in self._repository.index(ready=request.ready)
            ]
        ).SerializeToString()

    async def load(self, data: bytes, call: Call, context: Any) -> bytes:
        request = parse(pb.RepositoryModelLoadRequest, data)
        _only_repository(request.repository_name)
        await self._repository.load(request.model_name, config=read_load_parameters(request.parameters))
        return pb.RepositoryModelLoadResponse().SerializeToString()

    async def unload(self, data: bytes, call: Call, context: Any) -> bytes:
        request = parse(pb.RepositoryModelUnloadRequest, data)
        _only_repository(request.repository_name)
        for name in request.parameters:
            if name != DEPENDENTS:
                raise BadRequestError(f"parameter {name!r} of an unload: expected {DEPENDENTS} or none")
        await self._repository.unload(request.model_name)
        return pb.RepositoryModelUnloadResponse().SerializeToString()

    async def config(self, data: bytes, call: Call, context: Any) -> bytes:
        request = parse(pb.ModelConfigRequest, data)
        model = self._repository.find(request.name, request.version)
        return pb.ModelConfigResponse(config=write_config(model.config)).SerializeToString()

    async def statistics(self, data: bytes, call: Call, context: Any) -> bytes:
        """Of one version, of all versions of one model, or of every model."""
        request = parse(pb.ModelStatisticsRequest, data)
        find, versions = self._repository.find, self._repository.versions
        if request.version:
            models = [find(request.name, request.version)]
        else:
            names = [request.name] if request.name else [each.name for each in self._repository.models()]
            models = [model for name in names for model in versions(name).values()]
        return pb.ModelStatisticsResponse(
            model_stats=[write_statistics(each, self._counting.statistics(each)) for each in models]
        ).SerializeToString()


def _only_repository(name: str) -> None:
    if name:
        raise UnsupportedError(
            f"repository_name {name!r}: this server has one repository, expected it to be empty"
        )


def read_load_parameters(parameters: Mapping[str, Any]) -> str | None:
    """The configuration to load with, if one is given."""
    for name in parameters:
        if name.startswith(FILE_PREFIX):
            raise UnsupportedError(
                f"parameter {name!r}: models in a request are not supported, expected the file in the repository"
            )
        if name != CONFIG:
            raise BadRequestError(f"parameter {name!r} of a load: expected {CONFIG} or none")
    if CONFIG not in parameters:
        return None
    kind = parameters[CONFIG].WhichOneof("parameter_choice")
    if kind != "string_param":
        raise BadRequestError(
            f"parameter {CONFIG!r}: expected JSON as string_param, received {kind or 'nothing'}"
        )
    return str(parameters[CONFIG].string_param)


def write_config(value: ModelConfigValue) -> Any:
    """A ModelConfig."""
    config = config_pb.ModelConfig(
        name=value.name,
        platform=value.platform,
        backend=value.backend,
        max_batch_size=value.max_batch_size,
        input=[_tensor(config_pb.ModelInput, each) for each in value.inputs],
        output=[_tensor(config_pb.ModelOutput, each) for each in value.outputs],
        default_model_filename=value.default_model_filename,
        parameters={
            name: config_pb.ModelParameter(string_value=text) for name, text in value.parameters.items()
        },
    )
    policy = config.version_policy
    if value.version_policy.specific:
        policy.specific.versions.extend(value.version_policy.specific)
    elif value.version_policy.latest:
        policy.latest.num_versions = value.version_policy.latest
    else:
        policy.all.SetInParent()
    if value.dynamic_batching is not None:
        config.dynamic_batching.SetInParent()
        delay = value.dynamic_batching.max_queue_delay_microseconds
        config.dynamic_batching.max_queue_delay_microseconds = delay
    if value.instances:
        config.instance_group.add(kind="KIND_CPU", count=value.instances)
    if value.graph_level is not None:
        config.optimization.graph.level = value.graph_level
    return config


def _tensor(kind: Any, tensor: TensorConfig) -> Any:
    name = "STRING" if tensor.datatype == "BYTES" else tensor.datatype
    return kind(name=tensor.name, data_type=f"TYPE_{name}", dims=tensor.dims)


def write_statistics(model: Model, counted: Any) -> Any:
    """A ModelStatistics."""

    def durations(of: Any, *names: str) -> dict[str, Any]:
        return {name: _duration(getattr(of, name)) for name in names}

    steps = ("compute_input", "compute_infer", "compute_output")
    return pb.ModelStatistics(
        name=model.name,
        version=model.version,
        last_inference=counted.last_inference,
        inference_count=counted.inference_count,
        execution_count=counted.execution_count,
        inference_stats=pb.InferStatistics(**durations(counted, "success", "fail", "queue", *steps)),
        batch_stats=[
            pb.InferBatchStatistics(batch_size=each.size, **durations(each, *steps))
            for each in counted.batches
        ],
    )


def _duration(duration: Any) -> Any:
    return pb.StatisticDuration(count=duration.count, ns=duration.ns)
