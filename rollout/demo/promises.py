"""What the demo promises, as judgements over the figures of its stages. Pure.

Each function gives one `Promise` with the figures that decide it, whether it was kept or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mesh import contract
from mesh.words import duration
from rollout.demo.obeyed import Obeyed
from rollout.demo.overlap import TOP, Overlap
from rollout.demo.tally import Tally, tolerance
from rollout.tracetree import Node, walk

OBEYED_WITHIN: Final = 1.0
"""Seconds from the write's return, always."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What was promised, whether it was kept, and the figures."""

    what: str
    kept: bool
    figures: str


def no_errors(outcomes: Mapping[str, int]) -> Promise:
    """`outcomes`: how many calls ended with each gRPC status."""
    errors = {code: count for code, count in outcomes.items() if code != "OK"}
    told = ", ".join(f"{count} {code}" for code, count in errors.items()) or "0 errors"
    calls = sum(outcomes.values())
    return Promise("no call fails", not errors and calls > 0, f"{calls} calls, {told}")


def obeyed(edits: Mapping[str, Obeyed]) -> Promise:
    slowest = max(edits.values(), key=lambda each: each.seconds)
    late = [name for name, each in edits.items() if not each.in_time or each.seconds > OBEYED_WITHIN]
    figures = f"{len(edits)} edits, the slowest after {duration(slowest.seconds)}"
    figures += f"; late: {', '.join(late)}" if late else ""
    return Promise(f"an edit is obeyed within {duration(OBEYED_WITHIN)}", not late, figures)


def all_on(color: str, stage: str, tally: Tally) -> Promise:
    others = tally.colors.total() - tally.colors[color]
    kept = not others and tally.colors[color] > 0
    return Promise(
        f"{stage}: all on {color}", kept, f"{tally.colors[color]} of {tally.colors.total()} answers"
    )


def share(color: str, target: float, stage: str, tally: Tally) -> Promise:
    allowed = tolerance(target, len(tally.users))
    actual = tally.share_of_users(color)
    figures = f"{len(tally.users_of(color))} of {len(tally.users)} users are {actual:.1%} (± {allowed:.1%})"
    return Promise(f"{stage}: {target:.0%} of the users on {color}", abs(actual - target) <= allowed, figures)


def sticky(stage: str, tally: Tally) -> Promise:
    figures = f"{tally.torn} of {len(tally.users)} users met two colours"
    return Promise(f"{stage}: nobody meets two colours", not tally.torn and bool(tally.users), figures)


def nobody_back(color: str, before: Tally, after: Tally) -> Promise:
    """Growing a share only moves users towards it."""
    moved = before.users_of(color) & after.users.keys()
    back = moved - after.users_of(color)
    figures = f"{len(back)} of {len(moved)} users went back"
    return Promise(f"who was on {color} stays there as its share grows", not back and bool(moved), figures)


def same_users(color: str, before: Tally, after: Tally) -> Promise:
    both = before.users.keys() & after.users.keys()
    other = (before.users_of(color) ^ after.users_of(color)) & both
    figures = f"{len(other)} of {len(both)} users differ"
    return Promise(
        f"after the rollback {color} has exactly its users again", not other and bool(both), figures
    )


def unchanged(before: Tally, after: Tally) -> Promise:
    """Films, their order and their scores, user by user."""
    both = before.answers.keys() & after.answers.keys()
    differ = [user for user in both if before.answers[user] != after.answers[user]]
    figures = f"{len(differ)} of {len(both)} users got another answer"
    return Promise("a shadow changes no answer", not differ and bool(both), figures)


def shadowed(calls: int, shadows: Mapping[str, int]) -> Promise:
    """Every call was copied, and what became of each copy is known."""
    ended = sum(count for outcome, count in shadows.items() if outcome != "begun")
    fates = ", ".join(f"{count} {outcome}" for outcome, count in shadows.items() if outcome != "begun")
    kept = shadows["begun"] >= calls and ended == shadows["begun"] == shadows.get("completed", 0)
    return Promise(
        "every call is shadowed", kept, f"{calls} calls, {shadows['begun']} shadows: {fates or 'none'}"
    )


def recorded(shadows: Mapping[str, int], outcomes: Mapping[str, int]) -> Promise:
    """Every shadow that was begun is a pair in the store, and was compared."""
    begun, compared = shadows["begun"], outcomes.get("compared", 0)
    kept = 0 < begun == compared == sum(outcomes.values())
    fates = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    return Promise("every shadow is a pair in the store", kept, f"{begun} shadows, {fates or 'no pair'}")


def same_overlap(recorded: Overlap, offline: Overlap) -> Promise:
    """What was measured on live traffic is what the two models say of themselves: to the last film."""
    kept = recorded.pairs > 0 and recorded == offline
    figures = f"of {TOP * recorded.pairs} films {recorded.common} in both; offline {offline.common}"
    return Promise("the overlap of the top 10 is the one computed offline", kept, figures)


def itself(color: str, noise: Overlap) -> Promise:
    """A model that is asked twice says the same."""
    kept = noise.pairs > 0 and noise.common == TOP * noise.pairs
    figures = f"{noise.pairs} pairs, {TOP * noise.pairs - noise.common} films differ"
    return Promise(f"{color} agrees with itself", kept, figures)


def traced(roots: Sequence[Node]) -> Promise:
    """A shadowed call is one tree: both legs under one span, and under each the server that it called."""
    legs = {
        str(node.span.attributes.get(contract.ATTR_ROLE)): node
        for node in (roots[0].children if roots else ())
    }
    kept = len(roots) == 1 and all(
        role in legs and legs[role].children for role in (contract.ROLE_PRIMARY, contract.ROLE_SHADOW)
    )
    spans = sum(1 for _ in walk(roots))
    return Promise(
        "every path of a call is a trace", kept, f"{len(roots)} tree, {spans} spans, legs: {', '.join(legs)}"
    )
