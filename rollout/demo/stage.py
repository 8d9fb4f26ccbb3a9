"""One stage of the story, as it is shown and reported: what was done, how fast it was obeyed, what came of it."""

from dataclasses import dataclass, field
from typing import Any

from mesh.traffic import Traffic
from rollout.convergence import Convergence
from rollout.demo.obeyed import Obeyed
from rollout.demo.promises import Promise
from rollout.demo.tally import Tally
from rollout.local import COLORS
from rollout.view.document import as_json


@dataclass(frozen=True, slots=True)
class Edit:
    """One write of the document: the command that makes it, and how fast it was obeyed."""

    command: str
    revision: int
    traffic: Traffic
    obeyed: Obeyed
    convergence: Convergence
    says: str = ""
    """What the document says now, in words, where the command does not tell."""


@dataclass(slots=True)
class Stage:
    """`name` is a word or two for the summary, `title` the headline; `events` are what happened besides edits."""

    name: str
    title: str
    why: str
    edits: list[Edit] = field(default_factory=list)
    events: list[tuple[str, float]] = field(default_factory=list)
    """What happened, and after how many seconds it was over."""
    tally: Tally = field(default_factory=Tally)
    target: dict[str, float] = field(default_factory=dict)
    """The share that each colour should have, 0 to 1."""
    by_users: bool = False
    """Whether the target is a share of users, or of calls."""
    shadows: dict[str, int] = field(default_factory=dict)
    promises: list[Promise] = field(default_factory=list)


def as_data(stage: Stage) -> dict[str, Any]:
    """The stage for scripts."""
    tally = stage.tally
    return {
        "name": stage.name,
        "edits": [
            {
                "command": each.command,
                "revision": each.revision,
                "document": as_json(each.traffic),
                "obeyed_seconds": round(each.obeyed.seconds, 4),
                "shown_by": each.obeyed.shown_by,
                "converged_seconds": round(each.convergence.after, 4),
            }
            for each in stage.edits
        ],
        "events": [{"what": what, "seconds": round(seconds, 4)} for what, seconds in stage.events],
        "calls": tally.calls,
        "errors": dict(tally.errors),
        "colors": {
            color: {
                "target": stage.target.get(color),
                "calls": tally.colors[color],
                "users": len(tally.users_of(color)),
                "share_of_users": round(tally.share_of_users(color), 4),
                "share_of_calls": round(tally.share_of_calls(color), 4),
                "hits": tally.hits[color],
            }
            for color in COLORS
        },
        "shadows": stage.shadows,
        "p50_seconds": round(tally.percentile(0.50), 5),
        "p99_seconds": round(tally.percentile(0.99), 5),
    }
