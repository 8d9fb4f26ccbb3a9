"""What goes into the store and what comes out of it, as values."""

from collections.abc import Mapping
from dataclasses import dataclass

from mesh import contract
from shadow.comparison.difference import Comparison
from shadow.pair import Outcome, Pair


@dataclass(frozen=True, slots=True)
class Recorded:
    """A pair for the store."""

    pair: Pair
    comparison: Comparison | None = None
    """None where there was nothing to compare: the shadow failed, timed out, or was dropped."""
    keep_payload: bool = True
    """Request, metadata and both answers; else only what is known about them."""


@dataclass(frozen=True, slots=True)
class Count:
    """Shadows that have no pair of their own, because they were dropped before one existed.

    `number` is a total: of all of this kind since the beginning of `source`. Told twice, it counts once.
    """

    source: str
    """As `PairId.source`."""
    service: str
    color: str
    """The shadow's."""
    role: str
    revision: int
    outcome: Outcome
    reason: str
    number: int
    at: int
    """When that was the total: nanoseconds of Unix time."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which pairs: of a service, of one shadow of it, of a period. None stands for any."""

    service: str | None
    color: str | None = None
    """The shadow's; of noise, the primary's own."""
    role: str | None = contract.ROLE_SHADOW
    since_ns: int | None = None
    until_ns: int | None = None
    """Not included."""
    source: str | None = None
    """One life of one data path, or one run of a replay."""


@dataclass(frozen=True, slots=True)
class Account:
    """So many shadows had this outcome. All accounts of a scope together are all shadows that were begun in it."""

    color: str
    role: str
    outcome: Outcome
    reason: str
    number: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A pair as it was kept. Its bodies are None where they were not, or where they are forgotten."""

    pair: Pair
    comparison: Comparison | None


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that the store has pairs of."""

    service: str
    color: str
    role: str
    pairs: int
    first: int
    last: int
    """When its first and its last pair began: nanoseconds of Unix time."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One side's endpoint, and how many pairs it answered."""

    color: str
    endpoint: str
    version: str
    pairs: int


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the pairs of a scope come from. What is numbered has the most frequent first."""

    pairs: int = 0
    first: int | None = None
    last: int | None = None
    """Nanoseconds of Unix time."""
    sources: tuple[tuple[str, int], ...] = ()
    revisions: tuple[tuple[int, int], ...] = ()
    methods: tuple[tuple[str, int], ...] = ()
    primary: tuple[Instance, ...] = ()
    shadow: tuple[Instance, ...] = ()
    roles: tuple[tuple[str, int], ...] = ()
    """Of the service in this period, whatever the scope's colour and role."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The pairs of one piece of a period. Latencies: nanoseconds by quantile (`p50`, `p99`); nan where none is."""

    begin: int
    end: int
    """Nanoseconds of Unix time; not included, but in the last slice."""
    outcomes: Mapping[Outcome, int]
    """Of pairs; a shadow that was dropped before it had one is not here."""
    agreeing: int
    primary_failed: int
    shadow_failed: int
    primary_latency: Mapping[str, float]
    shadow_latency: Mapping[str, float]
