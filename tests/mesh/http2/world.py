"""Simulated clients and upstreams around a relay: strict about windows, careless about time.

Phase one, `riot`: at random, calls start, peers talk, read, grant, change their minds, give up; bytes travel in
pieces. Phase two, `settle`: nobody starts anything new, everybody reads and grants as little as is fair; until nothing
moves any more. What then has not arrived never will.
"""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.mesh.http2.relay import Front, Upstream, unsettled
from tests.mesh.http2.side import Side
from tests.mesh.http2.strict_peer import StrictClient, StrictPeer, StrictUpstream


@dataclass
class Call:
    """What is to happen in one call."""

    number: int
    request: int
    answer: int
    style: str = "both"
    """`after`: the answer follows the whole request. `both`: they overlap. `early`: the answer ends first, and the
    rest of the request is refused with NO_ERROR."""
    request_end: str = "data"
    answer_end: str = "trailers"
    side: Side | None = field(default=None, repr=False)
    served: Side | None = field(default=None, repr=False)
    given_up: bool = field(default=False, repr=False)
    """A side reset it: what arrives is a prefix."""


@dataclass
class Plan:
    """The circumstances of one run."""

    seed: int
    calls: list[Call]
    client_windows: list[int] = field(default_factory=lambda: [65_535])
    upstream_windows: list[int] = field(default_factory=lambda: [65_535])
    connection_window: int = 65_535
    capacity: int | None = None
    steps: int = 1_000
    resets: bool = False
    new_windows: tuple[int, ...] = ()
    stingy: bool = False
    """Windows are granted only when they are exhausted, and few bytes at a time."""
    bulk: bool = False
    """Large messages in large frames, and grants to match."""


class World:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.random = Random(plan.seed)
        self.upstreams: list[StrictUpstream] = []
        self.clients: list[StrictClient] = []
        for window in plan.upstream_windows:
            self.upstreams.append(StrictUpstream(Upstream(), **self._options(window)))
        for window in plan.client_windows:
            self.clients.append(StrictClient(Front(self._choose), **self._options(window)))
        self.peers: list[StrictPeer] = [*self.clients, *self.upstreams]
        self.waiting = list(plan.calls)
        self.started: dict[int, Call] = {}
        self._known: dict[StrictUpstream, int] = dict.fromkeys(self.upstreams, 0)

    def _options(self, window: int) -> dict[str, Any]:
        plan = self.plan
        return {
            "initial_window": window,
            "connection_window": plan.connection_window,
            "capacity": plan.capacity,
        }

    def _choose(self, call: bytes) -> Upstream:
        upstream = self.upstreams[int(call) % len(self.upstreams)].connection
        assert isinstance(upstream, Upstream)
        return upstream

    async def run(self) -> None:
        for upstream in self.upstreams:  # usable once it has acknowledged our SETTINGS
            await asyncio.sleep(0)
            upstream.hear()
            upstream.deliver()
        for _ in range(self.plan.steps):
            self._riot()
            if self.random.random() < 0.6:
                await asyncio.sleep(0)
                self.check()
        await self.settle()
        self.check()

    # At random

    def _riot(self) -> None:
        chance = self.random
        peer = chance.choice(self.peers)
        action = chance.random()
        pieces = (20_000, 70_000, 300_000) if self.plan.bulk else (1, 9, 50, 3_000, 40_000)
        if action < 0.04 and self.waiting:
            self._start(chance.choice(self.clients))
        elif action < 0.36:
            self._talk(peer, generous=self.plan.bulk)
        elif action < 0.62:
            peer.deliver(chance.choice(pieces))
        elif action < 0.85:
            peer.hear(chance.choice(pieces))
            self._meet()
        elif action < 0.97:
            self._grant(peer, all_sides=False)
        elif action < 0.98:
            peer.say(6, 0, 0, b"ping-ing")
        elif action < 0.99:
            if self.plan.new_windows and len(peer.unacknowledged) < 3:
                self._change_window(peer, chance.choice(self.plan.new_windows))
        elif self.plan.resets:
            self._give_up(peer)

    def _change_window(self, peer: StrictPeer, value: int) -> None:
        worst = max([value, *(v for v in peer.unacknowledged)]) - peer.initial_window
        if all(side.recv_window + worst <= (1 << 31) - 1 for side in peer.sides.values()):
            peer.change_window(value)

    def _start(self, client: StrictClient) -> None:
        call = self.waiting.pop(0)
        end = not call.request and call.request_end == "headers"
        call.side = client.open(call.number, end=end, split=self.random.choice((0, 0, 1, 7)))
        self.started[call.number] = call

    def _give_up(self, peer: StrictPeer) -> None:
        open_sides = [side for side in peer.sides.values() if side.call in self.started and not side.over]
        if open_sides:
            side = self.random.choice(open_sides)
            self.started[side.call].given_up = True
            peer.say_reset(side, self.random.choice((8, 2, 7, 0)))

    def _meet(self) -> None:
        """Let the calls know their streams at the upstreams."""
        for upstream in self.upstreams:
            sides = upstream.sides
            if len(sides) > self._known[upstream]:
                for stream_id in list(sides)[self._known[upstream] :]:
                    self.started[sides[stream_id].call].served = sides[stream_id]
                self._known[upstream] = len(sides)

    def _talk(self, peer: StrictPeer, *, generous: bool) -> bool:
        """One frame of a message, on one stream or (generous) as much as the windows admit on all."""
        sides = [s for s in peer.sides.values() if not s.said_end and not s.reset and s.call in self.started]
        if not sides:
            return False
        if not generous:
            return self._say_some(peer, self.random.choice(sides))
        moved = False
        while talking := [side for side in sides if self._say_some(peer, side)]:
            sides = [side for side in talking if not side.said_end]
            moved = True
        return moved

    def _say_some(self, peer: StrictPeer, side: Side) -> bool:
        call, chance = self.started[side.call], self.random
        total, how = (call.answer, call.answer_end) if peer.answers else (call.request, call.request_end)
        if peer.answers and not self._may_answer(call, side):
            return False
        if not side.said_headers:
            pairs = [(":status", "200"), ("x-answer", str(call.number))]
            peer.say_headers(side, pairs, end=False, split=chance.choice((0, 0, 3)))
            return True
        left = total - side.said
        room = min(side.send_window, peer.send_window)
        if left:
            padding = chance.choice((-1, -1, -1, -1, 0, 17, 255))
            if room <= padding + 1:
                padding = -1
            largest = chance.choice((5_000, 16_384) if self.plan.bulk else (1, 100, 5_000, 16_384))
            size = min(left, room - padding - 1, 16_384 - padding - 1, largest)
            if size <= 0:
                return False
            peer.say_data(side, size, end=size == left and how == "data", padding=padding)
        elif how == "trailers":
            peer.say_headers(side, [("x-end", "0")], end=True)
        else:
            peer.say_data(side, 0, end=True)
        if peer.answers and side.said_end and call.style == "early" and not side.heard_end:
            peer.say_reset(side, 0)
        return True

    @staticmethod
    def _may_answer(call: Call, side: Side) -> bool:
        return call.style != "after" or side.heard_end

    # Windows

    def _grant(self, peer: StrictPeer, *, all_sides: bool) -> bool:
        """Grant something again, on all streams that need it or on one."""
        moved = False
        sides = [side for side in peer.sides.values() if not side.heard_end and not side.reset]
        if not all_sides and sides:
            sides = [self.random.choice(sides)]
        for side in sides:
            size = self._grantable(side.used, side.recv_window)
            if size:
                side.used = max(0, side.used - size)
                peer.grant(side, size)
                moved = True
        size = self._grantable(peer.used, peer.recv_window)
        if size:
            peer.used = max(0, peer.used - size)
            peer.grant_connection(size)
            moved = True
        return moved

    def _grantable(self, used: int, window: int) -> int:
        if not self.plan.stingy:
            return used if used > 0 else (self.random.randint(1, 3_000) if window <= 0 else 0)
        return (
            0
            if window > 0
            else -window + self.random.choice((20_000, 60_000) if self.plan.bulk else (1, 100, 2_000))
        )

    # Until nothing moves

    async def settle(self) -> None:
        while self.waiting:
            self._start(self.random.choice(self.clients))
        quiet = 0
        while quiet < 3:
            moved = False
            for peer in self.peers:
                moved |= self._talk(peer, generous=True)
                moved |= bool(peer.deliver())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.check()
            for peer in self.peers:
                moved |= bool(peer.hear())
                self._meet()
                moved |= self._grant(peer, all_sides=True)
            quiet = 0 if moved else quiet + 1

    # What always holds

    def check(self) -> None:
        connections = [peer.connection for peer in self.peers]
        assert not any(unsettled(*connections).values()), unsettled(*connections)
        for peer in self.peers:
            connection = peer.connection
            assert not connection.blocked or not connection.writable or connection.send_window <= 0
            for stream in connection.streams.values():
                most = connection.limits.stream_window
                assert stream.queued + max(0, stream.peer.recv_window if stream.peer else 0) <= most, stream
                # Of two neighbours at most one is half full; then the head in part, trailers, a reset.
                most = stream.queued // 8_192 + 5
                assert len(stream.queue or ()) <= most, "tiny pieces were queued one by one"

    def check_end(self) -> None:
        """Everything that was not given up has arrived, nothing was left behind, and both sides count alike."""
        for peer in self.peers:
            connection = peer.connection
            assert peer.goaway is None
            assert not connection.streams, list(connection.streams.values())
            assert not connection.blocked
            assert connection.window - 4 * (1 << 20) < connection.recv_window <= connection.window
            assert peer.send_window == connection.recv_window
            assert peer.recv_window == connection.send_window
        for call in self.started.values():
            assert call.side is not None
            if call.given_up:
                continue
            served = call.served
            assert served is not None, f"{call} never arrived"
            if call.style != "early":
                assert served.heard_end, call
                assert served.heard == call.request
                assert served.heard_reset is None, call
                assert call.side.heard_reset is None, call
            assert call.side.heard_end, call
            assert call.side.heard == call.answer, call
