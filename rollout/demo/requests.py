"""The demo's requests: which user came when, what they rated next, and what the films are called."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

from rollout.failure import Exit, Failure
from rollout.processes import ROOT

FOLDER: Final = ROOT / "deploy" / "demo"


@dataclass(frozen=True, slots=True)
class Request:
    """A user who asks for recommendations, and the film that they rated at that moment of the real log."""

    user: int
    rated: int


@dataclass(frozen=True, slots=True)
class Log:
    """The requests in order of time, and the titles of films by id."""

    requests: tuple[Request, ...]
    titles: dict[int, str]

    @property
    def users(self) -> tuple[int, ...]:
        """Every user, in order of first appearance."""
        return tuple(dict.fromkeys(request.user for request in self.requests))

    def endless(self) -> Iterator[Request]:
        """The requests from the beginning, and from the beginning again when they are through."""
        return cycle(self.requests)

    def title(self, item: int) -> str:
        return self.titles.get(item, f"film {item}")


def load(folder: Path = FOLDER) -> Log:
    """The committed log; Failure if it is not there."""
    try:
        requests = [Request(int(row["user"]), int(row["item"])) for row in _rows(folder / "requests.csv")]
        titles = {int(row["item"]): row["title"] for row in _rows(folder / "items.csv")}
    except FileNotFoundError as error:
        hint = "Run this from a checkout of Verdigris."
        raise Failure(Exit.FAILED, f"{error.filename} is not there", hint=hint) from None
    return Log(tuple(requests), titles)


def _rows(path: Path) -> Sequence[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
