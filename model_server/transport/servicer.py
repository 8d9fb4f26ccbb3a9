"""inference.GRPCInferenceService: each method converts, asks, and converts back; errors meet `status`.

No interceptors: grpc.aio's lose spans on cancellation, so every method goes through `_answer`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc

from mesh.pb import open_inference_pb2 as pb
from mesh.pb import open_inference_pb2_grpc as pb_grpc
from mesh.version import version
from model_server.errors import ModelServerError, NotReadyError
from model_server.inference import Inference
from model_server.repository import Repository
from model_server.tracing import Call, Tracing
from model_server.transport.callers import Callers
from model_server.transport.messages import read_request, write_response, write_specs
from model_server.transport.status import status_of

log = logging.getLogger(__name__)

NAME: Final = "inference.GRPCInferenceService"
SERVER_NAME: Final = "verdigris"


class InferenceServicer(pb_grpc.GRPCInferenceServiceServicer):
    """The transport's side of the server; `ready` says whether new calls are welcome."""

    def __init__(
        self,
        *,
        inference: Inference,
        repository: Repository,
        tracing: Tracing,
        ready: Callable[[], bool],
        callers: Callers = Callers(()),  # noqa: B008  # has no state
    ) -> None:
        self._inference = inference
        self._repository = repository
        self._tracing = tracing
        self._ready = ready
        self._callers = callers
        self._version = version()

    async def ServerLive(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(context, "ServerLive", pb.ServerLiveResponse, self._live, request)

    async def ServerReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(context, "ServerReady", pb.ServerReadyResponse, self._server_ready, request)

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(context, "ModelReady", pb.ModelReadyResponse, self._model_ready, request)

    async def ServerMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(
            context, "ServerMetadata", pb.ServerMetadataResponse, self._server_metadata, request
        )

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(
            context, "ModelMetadata", pb.ModelMetadataResponse, self._model_metadata, request
        )

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(context, "ModelInfer", pb.ModelInferResponse, self._infer, request)

    async def _live(self, request: Any, call: Call) -> Any:
        return pb.ServerLiveResponse(live=True)

    async def _server_ready(self, request: Any, call: Call) -> Any:
        return pb.ServerReadyResponse(ready=self._ready() and self._repository.loaded)

    async def _model_ready(self, request: Any, call: Call) -> Any:
        try:
            self._repository.find(request.name, request.version)
        except NotReadyError:
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=self._ready())

    async def _server_metadata(self, request: Any, call: Call) -> Any:
        return pb.ServerMetadataResponse(name=SERVER_NAME, version=self._version, extensions=[])

    async def _model_metadata(self, request: Any, call: Call) -> Any:
        model = self._repository.find(request.name, request.version)
        return pb.ModelMetadataResponse(
            name=model.name,
            versions=list(self._repository.versions(model.name)),
            platform=model.platform,
            inputs=write_specs(model.inputs.values()),
            outputs=write_specs(model.outputs.values()),
        )

    async def _infer(self, request: Any, call: Call) -> Any:
        response = await self._inference.infer(read_request(request), call)
        call.model(response.model, response.version)
        return write_response(response)

    async def _answer(
        self,
        context: Any,
        method: str,
        empty: Callable[[], Any],
        work: Callable[[Any, Call], Awaitable[Any]],
        request: Any,
    ) -> Any:
        """What `work` says, or its failure as a status; the call's span ends either way."""
        call = self._tracing.begin(f"{NAME}/{method}", context.invocation_metadata)
        code, details = grpc.StatusCode.OK, ""
        try:
            self._callers.check(context)
            return await work(request, call)
        except asyncio.CancelledError:
            # The client left or its deadline passed. To be raised on: gRPC leaks a call that swallows it
            code, details = grpc.StatusCode.CANCELLED, "the client cancelled or its deadline passed"
            raise
        except Exception as error:
            code, details = status_of(error)
            if code is grpc.StatusCode.INTERNAL:
                known = isinstance(error, ModelServerError)
                log.error("%s: %s", method, error or type(error).__name__, exc_info=None if known else error)
            # Not abort(): an aborted call is not waited for by a graceful stop (grpc/grpc#37239)
            context.set_code(code)
            context.set_details(details)
            return empty()  # not sent: the status is not OK
        finally:
            call.end(code.name, details)
