"""inference.GRPCInferenceService: which of its methods is answered by what."""

from collections.abc import Callable
from typing import Any, Protocol

import grpc
import grpc.aio

from model_server.tracing import Tracing
from model_server.transport.about import About, Models
from model_server.transport.absent import ABSENT, absent
from model_server.transport.callers import Callers
from model_server.transport.calls import NAME, Calls, Work
from model_server.transport.control import Control, Controlled, Counting
from model_server.transport.infer import Infer, Infers


class Repository(Models, Controlled, Protocol):
    """All that the service wants of the repository."""


def add_service(
    server: grpc.aio.Server,
    *,
    inference: Infers,
    repository: Repository,
    counting: Counting,
    tracing: Tracing,
    ready: Callable[[], bool],
    callers: Callers = Callers(()),  # noqa: B008  # has no state
) -> Callable[[], None]:
    """Let a server that is not started yet answer the protocol; `ready` says whether new calls are welcome. What comes
    back is to be called when the server stops: it ends streams that are open, after what they have under way.

    Added first, it is found first: gRPC asks its handlers in the order they were added, for each call. Not as
    registered methods, which generated code adds too: grpc.aio has a task waiting for each of those, and begins all of
    these waits anew with every call. That costs a call 14 to 30 µs for the 21 methods of this service.
    """
    calls = Calls(tracing, callers)
    infer = Infer(inference)
    handlers: dict[str, Any] = {
        method: calls.unary(method, work)
        for method, work in works(infer, About(repository, ready), Control(repository, counting)).items()
    }
    handlers["ModelStreamInfer"] = calls.stream("ModelStreamInfer", infer.many)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))
    return infer.close


def works(infer: Infer, about: About, control: Control) -> dict[str, Work]:
    """Each method with one answer to one request."""
    return {
        "ModelInfer": infer.one,
        "ServerLive": about.live,
        "ServerReady": about.ready,
        "ModelReady": about.model_ready,
        "ServerMetadata": about.metadata,
        "ModelMetadata": about.model_metadata,
        "ModelConfig": control.config,
        "ModelStatistics": control.statistics,
        "RepositoryIndex": control.index,
        "RepositoryModelLoad": control.load,
        "RepositoryModelUnload": control.unload,
        **{method: absent(method) for method in ABSENT},
    }
