"""The two recommenders, in numpy: a damped popularity and a matrix factorisation.

Both answer with one score per film of the catalogue; films that a user has rated are taken out by the caller.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from ratings import Floats, Ints, Ratings

DAMPING = 20.0
"""Ratings of the global mean that every film is given first, so that three fives do not beat a classic."""
FACTORS, CONFIDENCE, PENALTY, SWEEPS, SEED = 32, 2.0, 20.0, 12, 7
"""Chosen on each user's last five *training* ratings, not on the held-out ones; neighbours differ little."""


def star_matrix(training: Ratings, films: Ints, users: int) -> Floats:
    """users x films, 0 where there is no rating."""
    column = {int(film): at for at, film in enumerate(films)}
    stars = np.zeros((users, len(films)))
    for user, film, value in zip(training.user, training.film, training.stars, strict=True):
        if int(film) in column:
            stars[user - 1, column[int(film)]] = value
    return stars


def damped_popularity(stars: Floats) -> Floats:
    """One score per film: its damped mean of stars times the share of users who rated it."""
    counts = (stars > 0).sum(axis=0)
    mean = stars.sum() / counts.sum()
    damped = (stars.sum(axis=0) + DAMPING * mean) / (counts + DAMPING)
    popularity: Floats = damped * counts / len(stars)
    return popularity


def factorise(stars: Floats, sweep_done: Callable[[], None]) -> tuple[Floats, Floats]:
    """User and film factors of implicit feedback by alternating least squares (Hu, Koren, Volinsky 2008).

    A rating, whatever its stars, is a preference of 1 with confidence 1 + CONFIDENCE; everything else a 0
    with confidence 1. That is the task measured: which films will this user rate next?
    """
    seen = stars > 0
    chance = np.random.default_rng(SEED)
    users = chance.normal(0, 0.1, (seen.shape[0], FACTORS))
    films = chance.normal(0, 0.1, (seen.shape[1], FACTORS))
    for _ in range(SWEEPS):
        _solve(users, films, seen)
        _solve(films, users, seen.T)
        sweep_done()
    return users, films


def _solve(rows: Floats, others: Floats, seen: npt.NDArray[np.bool_]) -> None:
    everything = others.T @ others + PENALTY * np.eye(FACTORS)
    for row, mask in zip(rows, seen, strict=True):
        liked = others[mask]
        weights = everything + CONFIDENCE * liked.T @ liked
        row[:] = np.linalg.solve(weights, (1 + CONFIDENCE) * liked.sum(axis=0))
