"""Whatever one peer says, nothing raises, nothing is an error of ours, and the peer behind the relay hears only legal
HTTP/2 and loses nothing.

One side talks nonsense: random bytes, random frames, or the frames of real calls with a few of them damaged. The
other is strict (see `strict_peer`): it notices every frame that it must not be sent.
"""

import asyncio
import logging
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mesh.http2 import frames as f
from tests.mesh.http2.babbler import Babbler
from tests.mesh.http2.relay import Front, Upstream, unsettled
from tests.mesh.http2.side import Side
from tests.mesh.http2.strict_peer import PREFACE, StrictClient, StrictUpstream
from tests.mesh.http2.wire import Wire

MANY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a shorter seed is no simpler
)
seeds = st.integers(0, 1 << 64)


@pytest.fixture(autouse=True)
def no_internal_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A mistake of ours is caught and logged, so look there."""
    caplog.set_level(logging.ERROR)
    yield
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def pieces(chance: Random, words: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(words):
        size = chance.choice((1, 9, 100, 5_000, 100_000))
        yield words[at : at + size]
        at += size


class Witness(StrictUpstream):
    """A strict upstream that does not know what the messages should hold, and answers at random."""

    compares = False

    def __init__(self, connection: Upstream, chance: Random, **options: int | None) -> None:
        super().__init__(connection, **options)  # type: ignore[arg-type]
        self.chance = chance

    def answer(self) -> None:
        for side in list(self.sides.values()):
            if side.over or side.said_end or self.chance.random() < 0.5:
                continue
            if not side.said_headers:
                self.say_headers(side, [(":status", "200")], end=False)
            elif self.chance.random() < 0.2:
                self.say_headers(side, [("grpc-status", "0")], end=True)
            elif self.chance.random() < 0.1:
                self.say_reset(side, self.chance.choice((0, 2, 8)))
            else:
                size = min(16_384, side.send_window, self.send_window)
                if size > 0:
                    side.call = 1
                    self.say_data(side, size, end=False)

    def regrant(self) -> None:
        for side in self.sides.values():
            if side.used and not side.over:
                self.grant(side, side.used)
                side.used = 0
        if self.used:
            self.grant_connection(self.used)
            self.used = 0


async def client_talks_nonsense(seed: int) -> None:
    chance = Random(seed)
    back = Upstream()
    window = chance.choice((0, 100, 65_535, 1 << 20))
    witness = Witness(back, chance, initial_window=window, connection_window=1 << 20)
    await asyncio.sleep(0)
    witness.hear()
    witness.deliver()
    for _ in range(3):
        front = Front(lambda call: back)
        wire = Wire(front, capacity=chance.choice((None, 3_000)))
        words = PREFACE + f.settings({f.INITIAL_WINDOW_SIZE: chance.choice((0, 100, 65_535))})
        words += chance.choice((f.SETTINGS_ACK, f.SETTINGS_ACK, b""))
        words += Babbler(chance, opens=True, highest=-1).words()
        for piece in pieces(chance, words):
            wire.say(piece)
            if chance.random() < 0.3:
                await asyncio.sleep(0)
                wire.take(chance.choice((None, 100)))
                witness.hear()
                witness.answer()
                witness.regrant()
                witness.deliver()
        wire.cut_off()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not front.streams
        assert not front.blocked
    for side in witness.sides.values():  # whatever is still queued for it may come
        side.used += 1 << 20
    for _ in range(4):
        await asyncio.sleep(0)
        witness.hear()
        witness.regrant()
        witness.deliver()
    assert witness.goaway is None
    assert not back.streams, "legs outlived their calls"
    assert not any(unsettled(back).values())


async def upstream_talks_nonsense(seed: int) -> None:
    chance = Random(seed)
    back: list[Upstream] = []
    client = StrictClient(Front(lambda call: back[0]), initial_window=chance.choice((0, 100, 65_535, 1 << 20)),
                          connection_window=1 << 20)  # fmt: skip
    client.compares = False
    for _ in range(3):
        back[:] = [Upstream()]
        wire = Wire(back[0], capacity=chance.choice((None, 3_000)))
        wire.say(f.settings({f.INITIAL_WINDOW_SIZE: chance.choice((0, 100, 65_535))}) + f.SETTINGS_ACK)
        for _ in range(30):
            client.open(1, end=chance.random() < 0.3)
        client.deliver()
        for piece in pieces(chance, Babbler(chance, opens=False, highest=59).words()):
            wire.say(piece)
            if chance.random() < 0.3:
                await asyncio.sleep(0)
                wire.take(chance.choice((None, 100)))
                client.hear()
                talk(client, chance)
                client.deliver()
        wire.cut_off()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        client.deliver()
    for side in client.sides.values():  # whatever is still queued for it may come
        side.used += 1 << 20
    for _ in range(4):
        await asyncio.sleep(0)
        client.hear()
        talk(client, chance)
        client.deliver()
    assert client.goaway is None
    assert not [
        side for side in client.sides.values() if not side.over and not (side.heard_end or side.said_end)
    ]
    assert not any(unsettled(client.connection).values())


def talk(client: StrictClient, chance: Random) -> None:
    """A client that goes on with its calls, gives some up, and grants what it reads."""

    def says(side: Side) -> bool:
        return not side.over and not side.said_end and chance.random() < 0.5

    for side in list(client.sides.values()):
        if says(side):
            size = min(chance.choice((0, 1, 1_000, 16_384)), side.send_window, client.send_window)
            client.say_data(side, max(size, 0), end=chance.random() < 0.2)
        if not side.over and chance.random() < 0.02:
            client.say_reset(side)
        if side.used and not side.over:
            client.grant(side, side.used)
            side.used = 0
    if client.used:
        client.grant_connection(client.used)
        client.used = 0


@MANY
@given(seeds)
def test_a_client_that_talks_nonsense_harms_nobody_else(seed: int) -> None:
    asyncio.run(client_talks_nonsense(seed))


@MANY
@given(seeds)
def test_an_upstream_that_talks_nonsense_harms_no_client(seed: int) -> None:
    asyncio.run(upstream_talks_nonsense(seed))


async def random_bytes(words: list[bytes], opening: bytes, connection: Front | Upstream) -> None:
    wire = Wire(connection)
    wire.say(opening)
    for each in words:
        wire.say(each)
    await asyncio.sleep(0)
    wire.take()
    wire.cut_off()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=80), max_size=6), st.sampled_from((b"", PREFACE, PREFACE + f.settings({}),
       PREFACE + f.settings({}) + f.SETTINGS_ACK)), st.booleans())  # fmt: skip
def test_random_bytes_never_raise(words: list[bytes], opening: bytes, serves: bool) -> None:
    async def run() -> None:
        back = Upstream()
        if serves:
            await random_bytes(words, opening, Front(lambda call: back))
        else:
            await random_bytes(words, opening.removeprefix(PREFACE), back)

    asyncio.run(run())
