"""What an endpoint is told first: the client's header block, with our trace and, if need be, a deadline of ours."""

from typing import TYPE_CHECKING

from mesh.http2.blocks import edited

if TYPE_CHECKING:
    from splitter.request import Request
    from splitter.tracing import Context


def outgoing(
    block: bytes,
    request: "Request",
    trace: "Context | None",
    parent: bytes,
    *,
    timeout: bytes = b"",
    mark: bytes = b"",
) -> bytes:
    """The block for one leg. `parent`: its `traceparent` field, where there is a trace; `timeout`: the field that takes
    the place of the client's, empty: the client's stays; `mark`: a field besides."""
    drop, append = request.strays, mark + timeout
    if timeout and request.timeout is not None:
        drop += (request.timeout,)
    if trace is not None:
        append += parent
        if request.traceparent is not None:
            drop += (request.traceparent,)
        if request.tracestate and not trace.parent_id:  # the trace begins here
            drop += request.tracestate
    return edited(block, drop=drop, append=append) if drop or append else block
