"""grpc.health.v1 for the whole server and its services, as Consul, Kubernetes and `Watch` clients ask it.

Not grpcio-health-checking's own servicer, only its messages: there a `Watch` never ends, so that one watcher
makes every graceful stop take its whole deadline, and of two watchers the second is forgotten when the first
leaves.
"""

import asyncio
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc as pb_grpc

HEALTH_NAME: Final = "grpc.health.v1.Health"


class Health(pb_grpc.HealthServicer):  # type: ignore[misc]  # untyped
    """NOT_SERVING until `serving()`, then until `not_serving()`; `close()` ends the watches."""

    def __init__(self, *services: str) -> None:
        self._services = frozenset(("", *services))
        self._serving = False
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def ready(self) -> bool:
        return self._serving

    def serving(self) -> None:
        self._serving = True
        self._publish()

    def not_serving(self) -> None:
        self._serving = False
        self._publish()

    def close(self) -> None:
        """Each watcher hears the last status and the end of its stream."""
        self._closed = True
        self._publish()

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.service not in self._services:
            context.set_code(grpc.StatusCode.NOT_FOUND)
            context.set_details(f"unknown service {request.service!r}"[:200])
            return pb.HealthCheckResponse()
        return pb.HealthCheckResponse(status=self._status(request.service))

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802
        told = None
        while True:
            changed = self._changed
            status = self._status(request.service)
            if status != told:
                told = status
                await context.write(pb.HealthCheckResponse(status=status))
            elif self._closed:
                return
            else:
                await changed.wait()

    def _status(self, service: str) -> Any:
        if service not in self._services:
            return pb.HealthCheckResponse.SERVICE_UNKNOWN
        return pb.HealthCheckResponse.SERVING if self._serving else pb.HealthCheckResponse.NOT_SERVING

    def _publish(self) -> None:
        # A new event for what comes next: whoever waits for this one sees it set, whenever it looks
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
