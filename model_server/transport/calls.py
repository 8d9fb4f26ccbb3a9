"""What every call goes through: its span, whether its caller is welcome, and its failure as a status.

A handler is given bytes and gives bytes, because gRPC's own deserializers would run before all of this: who may not
call would be told that the message is malformed, and a malformed message would leave a traceback in the log instead
of a status that says what was expected. No interceptors: grpc.aio's lose spans on cancellation.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import grpc

from model_server.errors import DeadlineError, ModelServerError
from model_server.tracing import Call, Tracing
from model_server.transport.callers import Callers
from model_server.transport.status import status_of

log = logging.getLogger(__name__)

NAME: Final = "inference.GRPCInferenceService"

Work: TypeAlias = Callable[[bytes, Call, Any], Awaitable[bytes]]
"""From a request, the call's observer and gRPC's context to the response; raises ModelServerError."""

Stream: TypeAlias = Callable[[Any], Awaitable[None]]
"""Reads requests from gRPC's context and writes responses to it until the client has no more."""


class ClientGoneError(Exception):
    """A stream cannot be read or written any more: its client has left, and the call's cancellation is on its way."""


CANCELLED: Final = ("CANCELLED", "the client cancelled or its deadline passed")


class Calls:
    """Makes gRPC's handlers from our work."""

    __slots__ = ("_callers", "_tracing")

    def __init__(self, tracing: Tracing, callers: Callers) -> None:
        self._tracing = tracing
        self._callers = callers

    def unary(self, method: str, work: Work) -> Any:
        """A handler whose answer is what `work` says."""
        # Everything it needs in its closure, and no coroutine between this one and `work`: it runs for each call
        name, begin, check = f"{NAME}/{method}", self._tracing.begin, self._callers.check

        async def answer(request: bytes, context: Any) -> bytes:
            call = begin(name, context.invocation_metadata)
            code, details = "OK", ""
            try:
                check(context)
                return await work(request, call, context)
            except asyncio.CancelledError:
                code, details = CANCELLED
                raise  # gRPC leaks a call that swallows it
            except Exception as error:
                code, details = fail(context, method, error)
                return b""  # not sent: the status is not OK
            finally:
                call.end(code, details)

        return grpc.unary_unary_rpc_method_handler(answer)

    def stream(self, method: str, work: Stream) -> Any:
        """A handler of a stream in both directions."""
        name, begin, check = f"{NAME}/{method}", self._tracing.begin, self._callers.check

        async def answer(requests: Any, context: Any) -> None:
            call = begin(name, context.invocation_metadata)
            code, details = "OK", ""
            try:
                check(context)
                await work(context)
            except ClientGoneError:
                code, details = CANCELLED  # nobody hears a status
            except asyncio.CancelledError:
                code, details = CANCELLED
                raise
            except Exception as error:
                code, details = fail(context, method, error)
            finally:
                call.end(code, details)

        return grpc.stream_stream_rpc_method_handler(answer)


def fail(context: Any, method: str, error: Exception) -> tuple[str, str]:
    """Give the call the status of its failure; code and details, for the span."""
    code, details = explain(method, error)
    # Not abort(): an aborted call is not waited for by a graceful stop (grpc/grpc#37239)
    context.set_code(code)
    context.set_details(details)
    return code.name, details


def explain(method: str, error: Exception) -> tuple[grpc.StatusCode, str]:
    """The status of a failure; what is ours to mend is in the log."""
    code, details = status_of(error)
    if code is grpc.StatusCode.INTERNAL:
        known = isinstance(error, ModelServerError)
        log.error("%s: %s", method, error or type(error).__name__, exc_info=None if known else error)
    return code, details


def deadline_of(context: Any, timeout: float | None = None) -> float | None:
    """When the call is over, by the monotonic clock, or None; DeadlineError if it is already. `timeout` in seconds is
    the client's other word on it."""
    left = context.time_remaining()
    if timeout is not None and (left is None or timeout < left):
        left = timeout
    if left is None:
        return None
    if left <= 0:
        raise DeadlineError(
            "expected a deadline to come, received one that has passed; the model was not run"
        )
    return time.monotonic() + float(left)
