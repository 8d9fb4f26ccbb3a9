"""Writes scripts: greetings, then frames that are legal one by one, mostly, in pieces of any length."""

from random import Random

from mesh.http2 import frames as f
from tests.mesh.http2.babbler import Babbler
from tests.mesh.http2.faults import FROM_CLIENT, FROM_UPSTREAM
from tests.mesh.http2.fuzzing.chance import ByteChance
from tests.mesh.http2.fuzzing.script import Script, Step

WINDOWS = (0, 1, 100, 65_535, 1 << 20)
PIECES = (9, 100, 1_000, 5_000, 100_000)
LARGEST_SETTING = (1 << 31) - 1


def write(chance: Random) -> Script:
    """A script of some hundred frames; of a `ByteChance`, as long as its bytes last."""
    babblers = chance.choice(("clients", "upstreams", "both"))
    clients, upstreams = chance.choice((1, 2, 3)), chance.choice((1, 2))
    cast = [f"client {number}" for number in range(clients)] if babblers != "upstreams" else []
    cast += [f"upstream {number}" for number in range(upstreams)] if babblers != "clients" else []
    windows = chance.choice(WINDOWS), chance.choice(WINDOWS)
    house, capacity = chance.choice(("relay", "splitter")), chance.choice((None, None, 3_000))
    steps = [Step("turn", seed=1)] * 2
    voices = {who: _Voice(chance, who) for who in cast}
    for who in cast:
        steps.append(Step("say", who, voices[who].greeting()))
    for _ in range(60):
        if isinstance(chance, ByteChance) and chance.spent:
            break
        who = chance.choice(cast)
        if chance.random() < 0.04:
            voices[who] = _Voice(chance, who)
            steps += [Step("again", who), Step("say", who, voices[who].greeting())]
        words = voices[who].words()
        at = 0
        while at < len(words):
            size = chance.choice(PIECES)
            steps.append(Step("say", who, words[at : at + size]))
            at += size
            if chance.random() < 0.2:
                steps.append(Step("turn", size=chance.choice((None, 100)), seed=chance.getrandbits(16)))
        steps.append(Step("turn", seed=chance.getrandbits(16)))
    return Script(house, babblers, clients, upstreams, windows, capacity, tuple(steps))


class _Voice:
    """What one babbler says on one connection."""

    def __init__(self, chance: Random, who: str) -> None:
        self._chance = chance
        self._opens = who.startswith("client")
        self._babbler = Babbler(chance, opens=self._opens, highest=-1 if self._opens else 15)
        self._faults = [words for words, _ in (FROM_CLIENT if self._opens else FROM_UPSTREAM).values()]

    def greeting(self) -> bytes:
        chance = self._chance
        key = chance.choice((f.INITIAL_WINDOW_SIZE, f.INITIAL_WINDOW_SIZE, f.MAX_CONCURRENT_STREAMS, 0xF0DD))
        value = chance.choice((0, 1, 100, 65_535, LARGEST_SETTING))
        words = (f.PREFACE if self._opens else b"") + f.settings({key: value})
        return words + (f.SETTINGS_ACK if chance.random() < 0.9 else b"")

    def words(self) -> bytes:
        """Some frames, rarely with one that is a fault or a few bytes damaged."""
        chance = self._chance
        if not self._opens and chance.random() < 0.2:
            self._babbler.highest += 2
        found = [self._babbler.frame() for _ in range(chance.choice((1, 5, 20, 40)))]
        if chance.random() < 0.03:
            found.insert(chance.randrange(len(found)), chance.choice(self._faults))
        if chance.random() < 0.03:
            at = chance.randrange(len(found))
            damaged = bytearray(found[at])
            damaged[chance.randrange(min(len(damaged), 14))] = chance.randrange(256)
            found[at] = bytes(damaged)
        if not self._opens and chance.random() < 0.02:
            found.append(f.goaway(chance.choice((0, 3, 31, f.MAX_STREAM_ID)), chance.choice((0, 0, 11))))
        return b"".join(found)
