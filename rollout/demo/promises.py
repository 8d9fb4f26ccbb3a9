"""What the demo promises, as judgements over the figures of its stages. Pure.

Each function gives one `Promise` with the figures that decide it, whether it was kept or not.
"""

from dataclasses import dataclass
from typing import Final

from rollout.demo.obeyed import Obeyed
from rollout.demo.tally import Tally, tolerance
from rollout.words import duration

OBEYED_WITHIN: Final = 1.0
"""Seconds from the write's return, always."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What was promised, whether it was kept, and the figures."""

    what: str
    kept: bool
    figures: str


def no_errors(total: Tally) -> Promise:
    errors = ", ".join(f"{count} {code}" for code, count in total.errors.items())
    return Promise("no call fails", not total.errors, f"{total.calls} calls, {errors or '0 errors'}")


def obeyed(edits: dict[str, Obeyed]) -> Promise:
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


def shadowed(calls: int, shadows: dict[str, int]) -> Promise:
    """Every call was copied, and what became of each copy is known."""
    ended = sum(count for outcome, count in shadows.items() if outcome != "begun")
    fates = ", ".join(f"{count} {outcome}" for outcome, count in shadows.items() if outcome != "begun")
    kept = shadows["begun"] >= calls and ended == shadows["begun"] == shadows.get("completed", 0)
    return Promise(
        "every call is shadowed", kept, f"{calls} calls, {shadows['begun']} shadows: {fates or 'none'}"
    )
