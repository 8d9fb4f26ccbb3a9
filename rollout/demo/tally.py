"""What a stage's answers come to: calls, errors, colours, users, latencies. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt

from rollout.demo.client import Answer


@dataclass(slots=True)
class Tally:
    """Counts the answers of the calls that *started* in one stage."""

    begun: int = 0
    calls: int = 0
    """Those that have been answered, whatever the answer."""
    errors: Counter[str] = field(default_factory=Counter)
    colors: Counter[str] = field(default_factory=Counter)
    users: dict[int, set[str]] = field(default_factory=dict)
    """The colours that each user met."""
    answers: dict[int, tuple[str, tuple[int, ...], bytes]] = field(default_factory=dict)
    """Colour, films and scores of each user's latest answer."""
    seconds: list[float] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)

    def add(self, answer: Answer) -> None:
        self.calls += 1
        if not answer.ok:
            self.errors[answer.code] += 1
            return
        self.colors[answer.color] += 1
        self.users.setdefault(answer.user, set()).add(answer.color)
        self.answers[answer.user] = (answer.color, answer.items, answer.scores)
        self.seconds.append(answer.seconds)
        self.hits[answer.color] += answer.hit

    def users_of(self, color: str) -> frozenset[int]:
        """The users that this colour answered, and nobody else did."""
        return frozenset(user for user, colors in self.users.items() if colors == {color})

    @property
    def torn(self) -> int:
        """Users who met more than one colour."""
        return sum(len(colors) > 1 for colors in self.users.values())

    def share_of_users(self, color: str) -> float:
        """0 to 1, of the users seen."""
        return len(self.users_of(color)) / len(self.users) if self.users else 0.0

    def share_of_calls(self, color: str) -> float:
        """0 to 1, of the calls answered."""
        answered = self.colors.total()
        return self.colors[color] / answered if answered else 0.0

    def percentile(self, part: float) -> float:
        """Seconds that `part` (0 to 1) of the answered calls did not exceed."""
        return percentile(self.seconds, part)


def percentile(values: Sequence[float], part: float) -> float:
    """The nearest-rank percentile; 0.0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, ceil(part * len(ordered)) - 1)] if ordered else 0.0


def tolerance(share: float, users: int) -> float:
    """How far a share of so many hashed users may be from its target: four standard deviations and a user.

    A hash deals users like independent draws, so the share is binomial; beyond four deviations is 1 in 16 000.
    """
    return 4 * sqrt(share * (1 - share) / users) + 1 / users if users else 1.0
