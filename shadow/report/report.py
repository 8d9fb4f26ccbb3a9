"""What the pairs of one shadow say, as one immutable value: what every form of the report shows.

Shares are 0 to 1, latencies seconds, times nanoseconds of Unix time. Nothing in it is a live object: it can be shown
twice, kept, and made by hand in a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mesh import contract
from mesh.shadowing import Criteria
from shadow.report.sides import Body, Side
from shadow.verdict.verdict import State, Verdict


@dataclass(frozen=True, slots=True)
class Subject:
    """What the report is about, and where it was read."""

    service: str
    color: str
    """The shadow's."""
    primary: tuple[str, ...] = ()
    """The colours that it was compared with."""
    role: str = contract.ROLE_SHADOW
    run: str = ""
    """The source of a replay, where the report is of one."""
    since: int | None = None
    until: int | None = None
    """The period that was asked for; None has no end."""
    first: int | None = None
    last: int | None = None
    """The first and the last pair in it."""
    store: str = ""
    """Its URL, without a password."""
    made: int = 0


@dataclass(frozen=True, slots=True)
class Accounting:
    """What became of each shadow."""

    compared: int = 0
    failed: int = 0
    timed_out: int = 0
    dropped: int = 0
    reasons: tuple[tuple[str, str, int], ...] = ()
    """(outcome, reason, number) where there is a reason, the most frequent first."""

    @property
    def mirrored(self) -> int:
        return self.compared + self.failed + self.timed_out + self.dropped


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of an output, over the pairs that have it."""

    name: str
    """As `Difference.figures`."""
    median: float
    low: float
    high: float
    total: float
    pairs: int


@dataclass(frozen=True, slots=True)
class Output:
    """One output, or fact, of the answers."""

    name: str
    measure: str
    pairs: int
    agreeing: int
    score: float
    """The mean."""
    worst: float
    figures: tuple[Figure, ...] = ()
    histogram: tuple[int, ...] = ()
    """Pairs by score: equal bins from 0 to below 1, and one more for exactly 1."""

    @property
    def agreement(self) -> float:
        return self.agreeing / self.pairs if self.pairs else 1.0

    def figure(self, name: str) -> Figure | None:
        return next((each for each in self.figures if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Leg:
    """How one side of the pairs answered."""

    pairs: int = 0
    latency: Mapping[str, float | None] = field(default_factory=dict)
    """Seconds by quantile: p50, p90, p99, p99.9; None where it lies among those that timed out, or there is none."""
    timed: int = 0
    """Pairs whose latency counts."""
    statuses: tuple[tuple[str, int], ...] = ()
    """By gRPC status (or what stands for one), the most frequent first."""
    failed: int = 0
    """Pairs with a status that is the server's fault."""
    histogram: tuple[int, ...] = ()
    """Pairs by latency, in `Report.edges`."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of the period."""

    begin: int
    end: int
    outcomes: Mapping[str, int]
    """By outcome; a dropped one is here only if it left a pair."""
    agreeing: int = 0
    compared: int = 0
    interval: tuple[float, float] | None = None
    """Of the agreement of all pairs up to the end of this slice; None before any."""
    agreement: float | None = None
    """Of all pairs up to the end of this slice."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One side's environment."""

    color: str
    endpoints: tuple[tuple[str, int], ...] = ()
    versions: tuple[tuple[str, int], ...] = ()
    """Each with its number of pairs, the most frequent first."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the pairs come from."""

    primary: tuple[Variant, ...] = ()
    shadow: tuple[Variant, ...] = ()
    methods: tuple[tuple[str, int], ...] = ()
    revisions: tuple[tuple[int, int], ...] = ()
    """Of the traffic document, each with its number of pairs."""
    sources: tuple[tuple[str, int], ...] = ()
    """The data paths that made the pairs."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One output of one pair, both sides beside each other."""

    output: str
    measure: str
    agrees: bool
    score: float
    detail: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    sides: tuple[Side, ...] = ()
    """One per message that has this output."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one leg of a pair said, apart from its tensors."""

    color: str
    status: str
    message: str
    latency: float
    endpoint: str
    version: str


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One pair that a person should look at."""

    source: str
    number: int
    at: int
    method: str
    score: float
    primary: Told
    shadow: Told
    differences: tuple[Difference, ...] = ()
    request: Body = field(default_factory=Body)
    other: tuple[Body, Body] | None = None
    """Both answers as they are, where they are no tensors."""
    metadata: tuple[tuple[str, str], ...] = ()
    bucket: int | None = None
    revision: int = 0
    trace_id: str = ""
    error: str = ""
    """Why they could not be compared."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How much the primary's colour disagrees with itself."""

    pairs: int
    agreement: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the pairs of one shadow say."""

    subject: Subject
    verdict: Verdict
    criteria: Criteria
    criteria_from: str
    """In words: which document, which file, or the defaults."""
    accounting: Accounting = field(default_factory=Accounting)
    outputs: tuple[Output, ...] = ()
    primary: Leg = field(default_factory=Leg)
    shadow: Leg = field(default_factory=Leg)
    edges: tuple[float, ...] = ()
    """Seconds: where the bins of both latency histograms begin and end."""
    ratios: Mapping[str, float | None] = field(default_factory=dict)
    """By quantile: the shadow's latency / the primary's."""
    series: tuple[Slice, ...] = ()
    environment: Environment = field(default_factory=Environment)
    worst: tuple[Disagreement, ...] = ()
    noise: Noise | None = None

    @property
    def state(self) -> State:
        return self.verdict.state


def overall(reports: tuple[Report, ...]) -> State:
    """Of several colours: not ready if one is not; ready only if all are."""
    states = {each.state for each in reports}
    for state in (State.NOT_READY, State.NOT_ENOUGH_DATA):
        if state in states:
            return state
    return State.READY if states else State.NOT_ENOUGH_DATA
