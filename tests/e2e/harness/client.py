"""A plain grpcio client of the scripted backend, that notices which colour answered."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import grpc
import grpc.aio

from mesh import contract
from tests.e2e.backends.scripted import OPTIONS, SERVICE

ECHO = f"/{SERVICE}/Echo"
SAFE = {"safe": [f"/{SERVICE}/*"]}
"""What a document says so that the scripted methods may be mirrored and sent again."""


@dataclass(slots=True)
class Tally:
    """What became of many calls."""

    colors: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    users: dict[str, set[str]] = field(default_factory=dict)


class Client:
    """One channel, that is one connection, to one address."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self._echo = self._channel.unary_unary(ECHO)
        self.channel = self._channel

    async def color(self, payload: bytes = b"hello", *, user: str | None = None, timeout: float = 10) -> str:
        """Call once; the colour that answered. Raises AioRpcError, and AssertionError for another payload."""
        metadata = (("x-user-id", user),) if user is not None else ()
        call = self._echo(payload, metadata=metadata, timeout=timeout)
        assert await call == payload
        initial = await call.initial_metadata()
        return str(initial[contract.HEADER_COLOR])

    async def tally(self, count: int, *, users: Iterable[str] | None = None) -> Tally:
        """Call so many times, one after the other, or once per user; failures are kept, not raised."""
        tally = Tally()
        for user in users if users is not None else (None for _ in range(count)):
            try:
                color = await self.color(user=user)
            except grpc.aio.AioRpcError as error:
                tally.failures.append(f"{error.code().name}: {error.details()}")
            else:
                tally.colors[color] += 1
                if user is not None:
                    tally.users.setdefault(color, set()).add(user)
        return tally

    async def close(self) -> None:
        await self._channel.close()

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
