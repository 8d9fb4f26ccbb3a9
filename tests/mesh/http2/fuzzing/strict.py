"""Peers that keep the rules, at random: an upstream that answers, and a client that goes on with its calls."""

from random import Random
from typing import Any

from mesh.http2.client import ClientConnection
from mesh.http2.server import ServerConnection
from tests.mesh.http2.side import Side
from tests.mesh.http2.strict_peer import StrictClient, StrictUpstream

MOST_GIVEN_UP = 200
"""Calls that a client may cancel in no time without being suspected of a rapid reset."""


class Witness(StrictUpstream):
    """A strict upstream that does not know what the messages should hold."""

    compares = False

    def __init__(self, connection: ClientConnection, **options: Any) -> None:
        super().__init__(connection, **options)

    def talk(self, chance: Random) -> None:
        for side in list(self.sides.values()):
            if side.over or side.said_end or chance.random() < 0.5:
                continue
            if not side.said_headers:
                self.say_headers(side, [(":status", "200")], end=False)
            elif chance.random() < 0.2:
                self.say_headers(side, [("grpc-status", "0")], end=True)
            elif chance.random() < 0.1:
                self.say_reset(side, chance.choice((0, 2, 7, 8)))
            else:
                side.call = 1
                size = _room(self, side, 16_384)
                if size:  # empty frames are a flood, sooner or later
                    self.say_data(side, size, end=False)
        regrant(self)


class Caller(StrictClient):
    """A strict client that opens calls, goes on with them and gives some up."""

    compares = False

    def __init__(self, connection: ServerConnection, **options: Any) -> None:
        super().__init__(connection, **options)
        self._given_up = 0

    def talk(self, chance: Random) -> None:
        open_calls = sum(not side.over for side in self.sides.values())
        for _ in range(16 if not self.sides else chance.choice((0, 0, 1, 4)) if open_calls < 40 else 0):
            self.open(1, end=chance.random() < 0.3)
        for side in list(self.sides.values()):
            if side.over:
                continue
            if not side.said_end and chance.random() < 0.5:
                size, end = _room(self, side, chance.choice((1, 1_000, 16_384))), chance.random() < 0.2
                if size or end:  # empty frames are a flood, sooner or later
                    self.say_data(side, size, end=end)
            if chance.random() < 0.02 and self._given_up < MOST_GIVEN_UP:
                self._given_up += 1
                self.say_reset(side)
        regrant(self)


def _room(peer: StrictClient | StrictUpstream, side: Side, wanted: int) -> int:
    return max(0, min(wanted, side.send_window, peer.send_window))


def regrant(peer: StrictClient | StrictUpstream) -> None:
    """Grant again what was heard."""
    for side in peer.sides.values():
        if side.used and not side.over:
            peer.grant(side, side.used)
            side.used = 0
    if peer.used:
        peer.grant_connection(peer.used)
        peer.used = 0
