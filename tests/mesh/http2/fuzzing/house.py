"""What stands between clients and upstreams: the smallest relay, or the splitter's switch without its sockets."""

from mesh import traffic
from mesh.http2.client import ClientConnection
from mesh.http2.server import ServerConnection
from splitter.endpoint import Endpoint
from splitter.observer import Observer
from splitter.pool import Pool
from splitter.switch import ClientConnection as Client
from splitter.switch import Switch
from splitter.table import build
from splitter.tracing import NoTracer
from splitter.upstream import Upstream
from tests.mesh.http2 import relay

DOCUMENT = b"""{"split": {"blue": 50, "green": 50}, "methods": {"safe": ["/a.B/*"]},
                "mirror": [{"color": "green", "percent": 50}, {"color": "blue", "percent": 20}]}"""


class Relay:
    """Calls go to the first upstream that has room."""

    def __init__(self, upstreams: int) -> None:
        self._backs: list[relay.Upstream | None] = [None] * upstreams

    def front(self) -> ServerConnection:
        return relay.Front(self._choose)

    def back(self, number: int) -> ClientConnection:
        self._backs[number] = back = relay.Upstream()
        return back

    def _choose(self, call: bytes) -> relay.Upstream:
        backs = [back for back in self._backs if back is not None]
        return next((back for back in backs if back.has_room), backs[0])

    def tend(self) -> None:
        """Nothing is to be done between two steps."""

    def settled(self) -> dict[str, int]:
        """What has to be zero when nobody is connected any more."""
        return {}


class Splitter:
    """Table, picker, calls, legs, shadows: everything but connecting. Half of the calls go to each of two colours,
    whose endpoints are the upstreams in turn; shadows ride on connections of a pool of their own."""

    def __init__(self, upstreams: int) -> None:
        colors = ("blue", "green")
        self._pools = [Pool(Endpoint(colors[each % 2], "127.0.0.1", 1 + each)) for each in range(upstreams)]
        self._shadows = [Pool(pool.endpoint) for pool in self._pools[1:]]
        table = build(service="fuzzed", revision=1, traffic=traffic.parse(DOCUMENT), has_document=True,
                      pools=self._pools, shadow_pools=self._shadows)  # fmt: skip
        self._switch = Switch(table, Observer(NoTracer()))
        self._made: list[Upstream] = []

    def front(self) -> ServerConnection:
        return Client(self._switch)

    def back(self, number: int) -> ClientConnection:
        """Every other connection of the last upstream carries shadows, where there are two."""
        shadow = number and sum(made.pool in self._shadows for made in self._made) * 2 < len(self._made)
        back = Upstream(self._shadows[number - 1] if shadow else self._pools[number])
        self._made.append(back)
        return back

    def tend(self) -> None:
        """What a pool does when a connection of its has become usable."""
        for back in self._made:
            if back.acknowledged and back.transport is not None and back not in back.pool.connections:
                back.pool.connections.append(back)
                back.pool.serve_waiting()

    def settled(self) -> dict[str, int]:
        """Shadows are not asked: they outlive their calls, for as long as the document lets them."""
        return {
            "clients": len(self._switch.clients),
            "calls in flight": self._switch.in_flight,
            "streams at endpoints": sum(
                len(back.streams) for pool in self._pools for back in pool.connections
            ),
        }
