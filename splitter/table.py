"""What the data path reads: one immutable table per document and set of endpoints, built when either changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import random
from time import perf_counter_ns
from typing import Final

from mesh import contract
from mesh.http2.blocks import literal
from mesh.shadowing import Record
from mesh.traffic import Traffic
from splitter.endpoint import Endpoint
from splitter.picker import Picker, Sampler
from splitter.pool import Pool

ALL: Final = Record()
_METHODS: Final = 1_024
_METHOD_LENGTH: Final = 256
"""Methods remembered as safe or not, and their bytes: a client can invent as many, as long as it likes."""


class Target:
    """One colour's endpoints, as the data path needs them. Hot: no dataclass, no dictionary."""

    __slots__ = ("color", "ejected", "mark", "pools")

    def __init__(self, color: str, pools: Iterable[Pool]) -> None:
        self.color = color
        every = tuple(pools)
        healthy = tuple(pool for pool in every if not pool.ejection.ejected)
        self.pools = healthy or every
        self.ejected = tuple(pool for pool in every if pool not in self.pools)
        """Left out, but for a call now and then that probes them."""
        self.mark = literal(contract.HEADER_COLOR.encode(), color.encode())
        """What the answer to the client carries."""

    def choose(self) -> Pool | None:
        """The less loaded of two endpoints drawn at random; one that is left out if it is due to be probed."""
        pools = self.pools
        if self.ejected:
            probed = self._probed()
            if probed is not None:
                return probed
        if len(pools) == 1:
            return pools[0]
        return _less_loaded(pools)

    def other(self, than: Pool) -> Pool | None:
        """Another endpoint than this one, for a call that has failed there; never a probe."""
        return _less_loaded(tuple(pool for pool in self.pools if pool is not than))

    def apart(self, endpoint: Endpoint) -> Pool | None:
        """As `choose`, but another endpoint than this one wherever there is another."""
        pool = self.choose()
        if (
            pool is None or pool.endpoint != endpoint or pool not in self.pools
        ):  # the last: a probe, and it is due
            return pool
        return _less_loaded(tuple(each for each in self.pools if each.endpoint != endpoint)) or pool

    def _probed(self) -> Pool | None:
        now = perf_counter_ns()
        for pool in self.ejected:
            if pool.connected and pool.ejection.take_probe(now=now):
                return pool
        return None


def _less_loaded(pools: tuple[Pool, ...]) -> Pool | None:
    """Of two different ones drawn at random ("power of two choices"): the least loaded of all would get everybody's
    calls at once, and it costs more to find."""
    size = len(pools)
    if size < 2:
        return pools[0] if pools else None
    first = int(random() * size)
    second = int(random() * (size - 1))
    one, other = pools[first], pools[second + (second >= first)]
    return one if one.load <= other.load else other


NOBODY = Target("", ())
"""The target of a call that no colour could take."""


class MirrorRule:
    """One shadow of the document: its target, its exact counter and its time limit in seconds."""

    __slots__ = (
        "color", "largest", "noise", "recorded", "role", "sampler", "target", "timeout_field", "timeout_ns",
    )  # fmt: skip

    def __init__(
        self, color: str, role: str, target: Target, weight: int, timeout: float, record: Record = ALL
    ) -> None:
        self.color = color
        self.role = role
        self.noise = role == contract.ROLE_NOISE
        """It copies the calls that its own colour serves, and no others; else exactly those that others serve."""
        self.target = target
        self.sampler = Sampler(weight)
        self.recorded = Sampler(record.weight)
        """Of its shadows, those whose pairs are recorded."""
        self.largest = record.largest
        self.timeout_ns = int(timeout * 1e9)
        self.timeout_field = literal(b"grpc-timeout", b"%dm" % max(1, round(timeout * 1000)))

    def inherit(self, before: "MirrorRule") -> None:
        """Go on counting where the same shadow stood, where the share is the same."""
        if before.sampler.weight == self.sampler.weight:
            self.sampler = before.sampler
        if before.recorded.weight == self.recorded.weight:
            self.recorded = before.recorded


@dataclass(frozen=True, slots=True)
class Table:
    """`targets` holds the colours that can take calls now. `revision` is 0 for the default, without a document."""

    service: str
    revision: int
    traffic: Traffic
    picker: Picker
    targets: Mapping[str, Target]
    mirrors: tuple[MirrorRule, ...] = ()
    key_name: bytes | None = None
    _safe: dict[bytes, bool] = field(default_factory=dict, repr=False)

    def is_safe(self, path: bytes) -> bool:
        """The document lists this method as safe to run twice."""
        known = self._safe.get(path)
        if known is None:
            name = path.decode("latin-1")
            known = any(fnmatchcase(name, pattern) for pattern in self.traffic.safe)
            if len(self._safe) < _METHODS and len(path) <= _METHOD_LENGTH:
                self._safe[path] = known
        return known


def build(
    *,
    service: str,
    revision: int,
    traffic: Traffic,
    has_document: bool,
    pools: Iterable[Pool],
    shadow_pools: Iterable[Pool] = (),
    previous: Table | None = None,
) -> Table:
    """The table for a document and the endpoints that can take calls now.

    `previous`: the table before; exact counters go on counting where the weights did not change.
    """
    by_color: dict[str, list[Pool]] = {}
    for pool in pools:
        by_color.setdefault(pool.endpoint.color, []).append(pool)
    shadows: dict[str, list[Pool]] = {}
    for pool in shadow_pools:
        shadows.setdefault(pool.endpoint.color, []).append(pool)
    reason = contract.REASON_SPLIT if has_document else contract.REASON_DEFAULT
    picker = Picker(traffic, by_color, reason=reason)
    mirrors = tuple(
        MirrorRule(
            each.color,
            each.role,
            Target(each.color, shadows.get(each.color, ())),
            each.weight,
            each.timeout,
            traffic.record,
        )
        for each in traffic.mirror
        if each.weight
    )
    if previous is not None:
        picker.inherit(previous.picker)
        known = {(rule.color, rule.role): rule for rule in previous.mirrors}
        for rule in mirrors:
            before = known.get((rule.color, rule.role))
            if before is not None:
                rule.inherit(before)
    return Table(
        service=service,
        revision=revision,
        traffic=traffic,
        picker=picker,
        targets={color: Target(color, members) for color, members in by_color.items()},
        mirrors=mirrors,
        key_name=traffic.key.metadata.encode() if traffic.key else None,
    )
