"""Where a call is decided: at its first header block, by the table of that moment, in one function.

Control publishes tables by assigning `Switch.table`; the data path reads that reference once per call, so the next
call on any connection obeys a new document and a call in flight finishes where it began.
"""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

from mypy_extensions import mypyc_attr

from mesh.http2.blocks import Malformed, fields
from mesh.http2.frames import ConnectionFault
from mesh.http2.server import ServerConnection
from splitter import answers
from splitter.budget import RetryBudget
from splitter.call import Call
from splitter.mirror import Mirrors
from splitter.request import RequestReader
from splitter.wiring import PLAIN, Wiring

if TYPE_CHECKING:
    from asyncio import BaseTransport

    from splitter.observer import Observer
    from splitter.pool import Pool
    from splitter.table import Table, Target


@mypyc_attr(allow_interpreted_subclasses=True)
class ClientConnection(ServerConnection):
    """One client of the sidecar."""

    def __init__(self, switch: "Switch") -> None:
        wiring = switch.wiring
        super().__init__(
            limits=wiring.limits,
            token=wiring.token,
            caretaker=wiring.caretaker,
            offenders=wiring.offenders,
        )
        self.switch = switch
        self.reader = RequestReader(wiring.limits)

    def connection_made(self, transport: "BaseTransport") -> None:
        super().connection_made(transport)
        switch = self.switch
        if transport.get_extra_info("peercert"):
            self.reader = RequestReader(switch.wiring.limits, trusted=True)
        if self.fault is not None:  # one too many
            return
        switch.clients.add(self)
        if switch.draining:
            self.drain()

    def on_stream_fault(self, reason: str) -> None:
        self.switch.observer.stream_fault("client", reason)

    def on_fault(self, fault: ConnectionFault) -> None:
        super().on_fault(fault)
        self.switch.observer.fault("client", fault.reason)

    def on_call(self, stream_id: int, block: bytes, end: int) -> None:
        self.switch.open(self, stream_id, block, end)

    def on_closed(self) -> None:
        switch = self.switch
        switch.clients.discard(self)
        if switch.draining and not switch.clients:
            switch.empty.set()


class Switch:
    """The data path's only object with state that outlives a call: the table, the budget, the shadows, the clients."""

    def __init__(
        self,
        table: "Table",
        observer: "Observer",
        *,
        wiring: Wiring = PLAIN,
        mirrors: Mirrors | None = None,
    ) -> None:
        self.table = table
        self.wiring = wiring
        self.observer = observer
        self.mirrors = mirrors if mirrors is not None else Mirrors()
        self.clients: set[ClientConnection] = set()
        self.draining = False
        self.empty = asyncio.Event()
        """Set when the last client has gone while draining."""
        self.calls = 0
        self._budget = RetryBudget(now=monotonic())

    @property
    def in_flight(self) -> int:
        """Calls of all clients under way."""
        return sum(len(client.streams) for client in self.clients)

    def drain(self) -> None:
        """Tell every client to go elsewhere; calls in flight finish."""
        self.draining = True
        if not self.clients:
            self.empty.set()
        for client in list(self.clients):
            client.drain()

    def open(self, connection: ClientConnection, stream_id: int, block: bytes, end: int) -> None:
        """A new call: read, decide, send on. `blocks.BadBlock` and `Malformed` are the wire's to handle."""
        self.calls += 1
        table = self.table
        request = connection.reader.read(block, table.key_name)
        picker = table.picker
        metadata: set[tuple[bytes, bytes]] = set()
        if picker.overrides:
            metadata = {field[:2] for field in fields(block, 0, self.wiring.limits)}
        if end and request.length:
            raise Malformed("the message is shorter than its content-length")
        # From here on nothing raises: the call is on its connection
        call = Call(connection, stream_id, switch=self, table=table, block=block, request=request, end=end)
        if request.length is not None:
            call.left = request.length
        connection.streams[stream_id] = call
        tracer = self.observer.tracer
        if tracer.enabled:
            call.trace = tracer.begin(request.traceparent[1] if request.traceparent else None)
        pick = picker.pick(request.key, metadata)
        target = table.targets.get(pick[0]) if pick is not None else None
        pool = target.choose() if target is not None else None
        if pick is None or target is None or pool is None:
            self._refuse(call)
            return
        _, call.reason, call.bucket = pick
        call.send_to(target, pool)
        if table.mirrors and call.safe and not call.done and not request.shadow:
            for rule in table.mirrors:
                if (rule.color == pick.color) == rule.noise and rule.sampler.take():
                    self.mirrors.start(self, call, rule)

    def decide_again(self, call: Call) -> bool:
        """A call that nobody has processed, and whose endpoint has no use for it: obey the document of now, if it has
        changed since the call was decided. False if it has not, or leads nowhere."""
        table = self.table
        if table.traffic is call.table.traffic:
            return False
        request = cast("ClientConnection", call.connection).reader.read(call.block, table.key_name)
        metadata = {field[:2] for field in fields(call.block, 0, self.wiring.limits)}
        pick = table.picker.pick(request.key, metadata)
        target = table.targets.get(pick[0]) if pick is not None else None
        pool = target.choose() if target is not None else None
        if pick is None or target is None or pool is None:
            return False
        call.table, call.request, call.safe = table, request, table.is_safe(call.path)
        _, call.reason, call.bucket = pick
        call.attempts = 0
        call.send_to(target, pool, True)
        return True

    def alternative(self, call: Call, *, again: bool, full: bool, free: bool) -> "tuple[Target, Pool] | None":
        """Where a call that failed on `call.pool` may be sent again: another endpoint of its colour; the same one
        if `again`, over another connection if need be; another colour; None if nowhere, or the budget is spent.

        `full`: the endpoint only had no room, so another is better only if it has. `free`: it costs no budget.
        """
        choice = self._elsewhere(call, again=again, full=full)
        if choice is None:
            return None
        if not free and not self._budget.take(now=monotonic(), calls=self.calls):
            self.observer.resend_refused("budget")
            return None
        return choice

    def _elsewhere(self, call: Call, *, again: bool, full: bool) -> "tuple[Target, Pool] | None":
        table, failed = self.table, call.pool
        again = again and failed.usable and not failed.retired
        target = table.targets.get(call.target.color)
        if target is not None:
            pool = target.other(failed)
            if pool is not None and not (full and again and pool.acquire() is None):
                return target, pool
            if again:
                return target, failed
        for color in table.picker.others(call.target.color):
            target = table.targets[color]
            pool = target.choose()
            if pool is not None and pool is not failed:
                return target, pool
        return None

    def _refuse(self, call: Call) -> None:
        table = self.table
        wanted = ", ".join(table.picker.colors)
        message = f"no healthy endpoint of service {table.service} for {wanted} (revision {table.revision})"
        answers.answer(call, answers.UNAVAILABLE, message)
        call.finish("UNAVAILABLE")
