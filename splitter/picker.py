"""Decides which colour serves a call. Pure: no clock, no chance, no I/O; the counters are the only state.

A call with a key goes to the bucket `xxh3_64(salt, value) mod 10 000`; colours own contiguous ranges of buckets in
document order, so raising the last colour only ever moves users to it, and every sidecar agrees. A call without
one is dealt by an exact deficit counter: 20 calls at 10 % are 2. Health beats weights: the share of a colour that
is not available is redistributed pro rata over those that are.
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import xxhash

from mesh import contract
from mesh.traffic import GRAIN, Traffic

NO_BUCKET: Final = -1


def bucket_of(salt: bytes, value: bytes) -> int:
    """0 to 9 999: the same in every process, on every machine, for ever."""
    return int(xxhash.xxh3_64_intdigest(salt + b"\0" + value)) % GRAIN


class Dealer:
    """Deals positions in exact proportion to weights: at every moment, each is less than one call from its share.

    So any run of calls is less than two from it, and at most one where only two have weight. Tijdeman's rule for
    the chairman assignment problem: of those with a credit of at least 1/(2n-2) of a call, the one that would be
    the first to gather too much. To deal the richest instead drifts past one call for some weights.
    """

    __slots__ = ("_credits", "_enough", "_limit", "_price", "_weighted", "weights")

    def __init__(self, weights: Sequence[int]) -> None:
        self.weights = tuple(weights)
        shared = sum(weight > 0 for weight in self.weights)
        scale = max(2 * shared - 2, 1)  # so that 1/(2n-2) of a call is an integer
        self._price = sum(self.weights) * scale
        self._enough = sum(self.weights) if shared > 1 else 0
        self._limit = self._price - self._enough
        self._credits = [0] * len(self.weights)
        self._weighted = tuple(
            (position, weight * scale) for position, weight in enumerate(self.weights) if weight
        )

    def __bool__(self) -> bool:
        return bool(self._weighted)

    def deal(self) -> int:
        """The next position; the weights must not all be 0."""
        credits, enough, limit = self._credits, self._enough, self._limit
        best, soonest = -1, 0.0
        for position, weight in self._weighted:
            credit = credits[position] = credits[position] + weight
            if credit >= enough:
                due = (limit - credit) / weight
                if best < 0 or due < soonest:
                    best, soonest = position, due
        credits[best] -= self._price
        return best


class Pick(NamedTuple):
    """A decision: a colour and why; `bucket` is `NO_BUCKET` for a call that was not keyed."""

    color: str
    reason: str
    bucket: int = NO_BUCKET


class Picker:
    """One document and one set of available colours, in the form that `pick` reads.

    A colour with weight 0 takes over only when no weighted colour is available and the document says `fallback`:
    the old colour of a blue/green cut, kept warm for the way back.
    """

    def __init__(
        self, traffic: Traffic, available: Collection[str], *, reason: str = contract.REASON_SPLIT
    ) -> None:
        self.colors = tuple(share.color for share in traffic.split)
        self.salt = traffic.key.salt.encode() if traffic.key else b""
        self.overrides = tuple(
            (frozenset((name.encode(), value.encode()) for name, value in override.metadata), override.color)
            for override in traffic.overrides
        )
        self._fallback = traffic.fallback
        self._available = frozenset(available)
        self._up = tuple(color in self._available for color in self.colors)
        weights = [share.weight for share in traffic.split]
        self._bounds = tuple(accumulate(weights))
        self._dealer = Dealer(weights)
        self._picks = tuple(Pick(color, reason) for color in self.colors)
        rest = [weight if up else 0 for weight, up in zip(weights, self._up, strict=True)]
        if not any(rest) and traffic.fallback:
            rest = [int(up) for up in self._up]
        self._rest_bounds = tuple(accumulate(rest))
        self._rest_dealer = Dealer(rest)

    def inherit(self, previous: "Picker") -> None:
        """Go on counting where `previous` stood, if the weights are the same: an endpoint's change is no new deal."""
        if previous.colors == self.colors and previous._dealer.weights == self._dealer.weights:
            self._dealer = previous._dealer
            if previous._rest_dealer.weights == self._rest_dealer.weights:
                self._rest_dealer = previous._rest_dealer

    def pick(self, key: bytes | None, metadata: Collection[tuple[bytes, bytes]] = ()) -> Pick | None:
        """The colour for a call, or None if no colour can take it.

        `key`: the value of the document's key in the call, if it has one. `metadata`: the call's, needed only for
        a document with overrides.
        """
        for wanted, color in self.overrides:
            if wanted.issubset(metadata):
                if color in self._available:
                    return Pick(color, contract.REASON_OVERRIDE)
                if not self._fallback:
                    return None
                break
        if key is None:
            position = self._dealer.deal()
            if self._up[position]:
                return self._picks[position]
            if not self._rest_dealer:
                return None
            return Pick(self.colors[self._rest_dealer.deal()], contract.REASON_REDISTRIBUTED)
        bucket = bucket_of(self.salt, key)
        position = bisect_right(self._bounds, bucket)
        if self._up[position]:
            return Pick(self.colors[position], contract.REASON_KEY, bucket)
        total = self._rest_bounds[-1]
        if not total:
            return None
        # The lost range is stretched over what is left, so the users of the other colours stay where they are.
        low = self._bounds[position - 1] if position else 0
        scaled = (bucket - low) * total // (self._bounds[position] - low)
        color = self.colors[bisect_right(self._rest_bounds, scaled)]
        return Pick(color, contract.REASON_REDISTRIBUTED, bucket)

    def others(self, color: str) -> list[str]:
        """Where a call that failed on `color` may go instead: available colours, the heaviest first."""
        if not self._fallback:
            return []
        weights = dict(zip(self.colors, self._dealer.weights, strict=True))
        return sorted(
            (c for c in self.colors if c != color and c in self._available), key=lambda c: -weights[c]
        )


class Sampler:
    """Takes `weight` of every 10 000, exactly and evenly: the mirror's counter."""

    __slots__ = ("_credit", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self._credit = 0

    def take(self) -> bool:
        """Whether this one is among them."""
        self._credit += self.weight
        if self._credit >= GRAIN:
            self._credit -= GRAIN
            return True
        return False
