"""Plays a script, and notices whatever must not happen, whoever talks nonsense.

Nothing raises; nothing is logged as an error of ours; peers that keep the rules hear nothing illegal; babblers hear
whole frames of a legal size; afterwards no stream, queue, call or credit is left behind.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from mesh.http2.client import ClientConnection
from mesh.http2.inlet import Inlet
from mesh.http2.server import ServerConnection
from tests.mesh.http2.fuzzing.house import Relay, Splitter
from tests.mesh.http2.fuzzing.script import Script, Step
from tests.mesh.http2.fuzzing.strict import Caller, Witness
from tests.mesh.http2.relay import unsettled
from tests.mesh.http2.strict_peer import PREFACE, frame
from tests.mesh.http2.wire import Wire, cut

MIB = 1 << 20


class _Babbler:
    """One end of a connection that says what the script says."""

    def __init__(self, connection: Inlet, capacity: int | None) -> None:
        self.connection = connection
        self.wire = Wire(connection, capacity=capacity)
        self._heard = b""
        self._opening = PREFACE if isinstance(connection, ClientConnection) else b""

    def hear(self, size: int | None) -> None:
        self._heard += self.wire.take(size)
        if self._opening and len(self._heard) >= len(self._opening):
            assert self._heard.startswith(self._opening)
            self._heard, self._opening = self._heard[len(self._opening) :], b""
        if not self._opening:
            found, self._heard = cut(self._heard)
            assert all(len(each.payload) <= 16_384 for each in found), "a frame is too large"
            assert int.from_bytes(self._heard[:3], "big") <= 16_384 or len(self._heard) < 3


class Stage:
    def __init__(self, script: Script) -> None:
        self._script = script
        self._house = Relay(script.upstreams) if script.house == "relay" else Splitter(script.upstreams)
        self._babblers: dict[str, _Babbler] = {}
        self._strict: dict[str, Caller | Witness] = {}
        self._connections: list[Inlet] = []
        for number in range(script.upstreams):
            self._connect(f"upstream {number}")
        for number in range(script.clients):
            self._connect(f"client {number}")

    def _connect(self, who: str) -> None:
        script = self._script
        side, number = who.split()
        connection: ServerConnection | ClientConnection
        connection = self._house.front() if side == "client" else self._house.back(int(number))
        self._connections.append(connection)
        if script.babblers in (f"{side}s", "both"):
            self._babblers[who] = _Babbler(connection, script.capacity)
        elif isinstance(connection, ServerConnection):
            self._strict[who] = Caller(
                connection, initial_window=script.windows[0], connection_window=MIB, capacity=script.capacity
            )
        else:
            self._strict[who] = Witness(connection, initial_window=script.windows[1], connection_window=MIB)

    async def play(self) -> None:
        await asyncio.sleep(0)
        for step in self._script.steps:
            await self._take(step)
        await self._end()

    async def _take(self, step: Step) -> None:
        if step.do == "say":
            if self._babblers[step.who].wire.closing:
                await self._again(step.who)
                self._babblers[step.who].wire.say(_greeting(step.who))
            self._babblers[step.who].wire.say(step.words)
            self._house.tend()
        elif step.do == "again":
            await self._again(step.who)
        else:
            await self._turn(Random(step.seed), step.size)

    async def _again(self, who: str) -> None:
        self._babblers[who].wire.cut_off()
        await _settle()
        self._connect(who)

    async def _turn(self, chance: Random, size: int | None = None) -> None:
        await asyncio.sleep(0)
        for babbler in self._babblers.values():
            babbler.hear(size)
        for peer in self._strict.values():
            peer.hear()
            assert peer.goaway is None, f"GOAWAY {peer.goaway} for a peer that kept every rule"
            assert not peer.wire.lost, "a peer that kept every rule was cut off"
            peer.talk(chance)
            peer.deliver()
        self._house.tend()

    async def _end(self) -> None:
        """The babblers hang up; what they leave has to go away by itself. Then the others hang up too."""
        for babbler in self._babblers.values():
            babbler.wire.cut_off()
        await _settle()
        for peer in self._strict.values():  # whatever is still queued for it may come
            for side in peer.sides.values():
                side.used += MIB
        for seed in range(4):
            await self._turn(Random(seed))
        if self._script.babblers == "clients":
            backs = [peer.connection for peer in self._strict.values()]
            legs = [stream for back in backs for stream in back.streams.values()]
            assert not legs or self._script.house == "splitter", f"legs outlived their calls: {legs}"
            assert not any(unsettled(*backs).values())
        for peer in self._strict.values():
            peer.wire.cut_off()
        await _settle()
        for connection in self._connections:
            assert not connection.streams, f"{connection!r} keeps {list(connection.streams.values())}"
            assert not connection.blocked
            assert not connection.out
        assert not any(self._house.settled().values()), self._house.settled()


async def _settle() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def _greeting(who: str) -> bytes:
    ours = frame(4, 0, 0) + frame(4, 1, 0)
    return PREFACE + ours if who.startswith("client") else ours


class _Errors(logging.Handler):
    """A mistake of ours is caught and logged, so look there."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record)


@contextmanager
def no_internal_error() -> Iterator[None]:
    """Raise what was logged as an error."""
    handler, root = _Errors(), logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
    for record in handler.found:
        error = record.exc_info[1] if record.exc_info else None
        raise AssertionError(f"logged: {record.getMessage()}: {error!r}") from error


def play(script: Script) -> None:
    """Raises whatever went wrong."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        wrong: list[BaseException | str] = []
        loop.set_exception_handler(
            lambda _, context: wrong.append(context.get("exception") or context["message"])
        )
        await Stage(script).play()
        assert not wrong, wrong

    with no_internal_error():
        asyncio.run(run())
