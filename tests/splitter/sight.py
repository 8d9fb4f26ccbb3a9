"""What tests of control and knowledge look at: the time, whom a call reaches, which instances are known."""

from mesh.consul import Instance
from tests.splitter.rig import SAFE, Pair, Rig


class Clock:
    """A module's time, at which nothing waits."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_700_000_000.0 + self.now


async def color_of(at: Pair, *metadata: tuple[bytes, bytes]) -> str:
    """The colour that serves the next call on the client's one connection."""
    call = at.client.call(SAFE, *metadata)
    backend, request = await at.rig.request()
    request.answer()
    assert (await call.end()).status == 0
    return backend.color


def instances(rig: Rig) -> tuple[Instance, ...]:
    return tuple(rig.control.endpoints.instances.values())
