"""The three ways to one kind of backend: directly, through the splitter to blue, and to green."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Self

from tests.e2e.harness.mesh import Argv, Backend, Mesh, Splitter

COLORS: Final = ("blue", "green")
WAYS: Final = ("direct", *COLORS)


@dataclass(slots=True)
class Route:
    """An address to call, and where its calls end up."""

    way: str
    address: str
    backend: str
    silent: bool = False
    """To be set by a test whose client ends its call before it has sent anything."""

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0]

    @property
    def port(self) -> str:
        return self.address.rpartition(":")[2]


@dataclass(slots=True)
class Site:
    """A mesh with one backend of each colour, alike; what a test does not use is not started."""

    mesh: Mesh
    serve: Callable[[str], Awaitable[Backend]]
    """Of a colour, starts its backend."""
    _splitter: Splitter | None = field(default=None)

    @classmethod
    def alike(cls, mesh: Mesh, argv: Argv, *, ready: str | None = None) -> Self:
        """Both colours run the same command."""
        return cls(mesh, lambda color: mesh.backend(color, argv, ready=ready))

    async def backend(self, color: str) -> str:
        """The address of a colour's backend itself."""
        if color not in self.mesh.backends:
            await self.serve(color)
        return self.mesh.backends[color].address

    async def splitter(self) -> Splitter:
        """The splitter before both colours."""
        if self._splitter is None:
            for color in COLORS:
                await self.backend(color)
            self._splitter = await self.mesh.splitter()
        return self._splitter

    @asynccontextmanager
    async def route(self, way: str) -> AsyncIterator[Route]:
        """Pin all calls to `way`; on the way out, prove that none of them went anywhere else."""
        if way == "direct":
            address = await self.backend("blue")
            yield Route(way, address, address)
            return
        splitter, backend = await self.splitter(), await self.backend(way)
        (other,) = (color for color in COLORS if color != way)
        await self.mesh.put({"split": {way: 100, other: 0}, "fallback": False})
        before = (await splitter.table())["counts"]
        route = Route(way, splitter.address, backend)
        yield route
        after = (await splitter.table())["counts"]
        assert route.silent or after.get(way, 0) > before.get(way, 0), (
            f"no call of this test was counted as {way}"
        )
        assert after.get(other, 0) == before.get(other, 0), f"calls of this test went to {other}"
