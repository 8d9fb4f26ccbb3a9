"""Traffic documents of every kind, as hypothesis draws them: what has to survive being written and read."""

import string

from hypothesis import strategies as st

from mesh.contract import ROLE_NOISE, ROLE_SHADOW, SAFE_METHODS
from mesh.shadowing import (
    CLASS,
    EXACT,
    IGNORED,
    PAYLOADS,
    RANKING,
    SET,
    VALUES,
    Compare,
    Criteria,
    OutputRule,
    Record,
)
from mesh.traffic import GRAIN, Key, Mirror, Override, Share, Traffic

LOWER = string.ascii_lowercase
colors = st.text(LOWER + string.digits + "-", min_size=1, max_size=32).filter(
    lambda each: each[0] in LOWER and each != "verdigris"
)
printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
names = st.text(LOWER + string.digits + "_-.", min_size=1, max_size=20).filter(
    lambda each: (
        not each.startswith("grpc-") and not each.endswith("-bin") and each not in ("te", "content-type")
    )
)
methods = st.sampled_from(["/a.B/C", "/a.B/*", "/x/Y"])
texts = st.text(st.characters(categories=["L", "N", "P"]), max_size=60)
outputs = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20)
shares = st.integers(0, GRAIN).map(lambda each: each / GRAIN)
tolerances = st.floats(0, 1e300)
tops = st.integers(1, 100_000)
rules = st.one_of(
    st.builds(OutputRule, st.just(""), tolerances, tolerances, tops, shares),
    st.builds(OutputRule, st.sampled_from([VALUES, CLASS]), tolerances, tolerances),
    st.builds(OutputRule, st.just(RANKING), tolerances, tolerances, tops, shares),
    st.builds(OutputRule, st.just(SET), overlap=shares),
    st.builds(OutputRule, st.sampled_from([EXACT, IGNORED])),
)


def _can_hold(traffic: Traffic) -> bool:
    """No criterion on an output that is ignored."""
    ignored = {name for name, rule in traffic.compare.outputs if rule.measure == IGNORED}
    return ignored.isdisjoint(name for name, _ in traffic.criteria.scores)


@st.composite
def splits(draw: st.DrawFn) -> tuple[Share, ...]:
    named = draw(st.lists(colors, min_size=1, max_size=6, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, GRAIN), min_size=len(named) - 1, max_size=len(named) - 1)))
    edges = [0, *cuts, GRAIN]
    return tuple(Share(color, high - low) for color, low, high in zip(named, edges, edges[1:], strict=False))


traffics = st.builds(
    Traffic,
    split=splits(),
    key=st.none() | st.builds(Key, names, texts),
    mirror=st.lists(
        st.builds(
            Mirror,
            colors,
            st.integers(0, GRAIN),
            st.integers(1, 600_000).map(lambda each: each / 1000),
            st.sampled_from([ROLE_SHADOW, ROLE_NOISE]),
        ),
        max_size=3,
        unique_by=lambda each: (each.color, each.role),
    ).map(tuple),
    overrides=st.lists(
        st.builds(
            Override,
            st.dictionaries(names, printable, min_size=1, max_size=3).map(lambda d: tuple(d.items())),
            colors,
        ),
        max_size=3,
        unique_by=lambda each: frozenset(each.metadata),
    ).map(tuple),
    safe=st.just(SAFE_METHODS) | st.lists(methods, max_size=3).map(tuple),
    fallback=st.booleans(),
    note=texts,
    record=st.builds(Record, st.integers(0, GRAIN), st.sampled_from(PAYLOADS), st.integers(1, 4 << 20)),
    compare=st.builds(
        Compare,
        st.dictionaries(outputs, rules, max_size=3).map(lambda each: tuple(each.items())),
        st.sampled_from(["", "ours", "their.own-1"]),
    ),
    criteria=st.builds(
        Criteria,
        agreement=shares,
        scores=st.dictionaries(outputs, shares, max_size=3).map(lambda each: tuple(each.items())),
        errors=shares,
        p50=st.none() | st.floats(0.001, 1000),
        p99=st.none() | st.floats(0.001, 1000),
        pairs=st.integers(1, 10_000_000),
        confidence=st.integers(5000, 9999).map(lambda each: each / GRAIN),
    ),
).filter(_can_hold)
