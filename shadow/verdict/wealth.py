"""Bets against a claim about a mean: what the confidence sequences of this package are made of. Pure.

A claim says: values in [0, 1] come with a mean of at most `mean`, given all that came before. Who bets a share f of
what he has on every value multiplies it each time by 1 + f (x / mean - 1), which is never negative; if the claim is
true, he gains nothing in expectation. His wealth is then a nonnegative supermartingale that starts at 1, and by
Ville's inequality it *ever* reaches 1 / alpha with a probability of alpha at most: whoever looks, and as often as
he looks. So a claim against which the wealth is 1 / alpha may be refuted at once.

The share is not guessed: wealth is divided among a few, which bet on for ever (a mixture, whose average is again
such a wealth). It depends on how often each value came and not on the order, so a million pairs are one histogram.

- Robbins 1970, "Statistical methods related to the law of the iterated logarithm": mixtures, whenever one looks.
- Howard, Ramdas, McAuliffe, Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic confidence sequences".
- Waudby-Smith, Ramdas 2024, "Estimating means of bounded random variables by betting".
- Orabona, Jun 2024, "Tight concentrations and confidence sequences from the regret of universal portfolio".
"""

from typing import Final

import numpy as np

from shadow.verdict.evidence import Integers, Numbers

_LADDER: Final = 2.0 ** (-0.5 * np.arange(1, 25))
"""From 0.7 to 1 / 4 096 by square roots of two: the best share for an effect is at most a fifth of an octave away,
which costs 4 % of its growth. The last is right for effects that show in a million pairs."""
SHARES: Final[Numbers] = np.concatenate(([1.0, 31 / 32, 7 / 8], _LADDER))
"""All of it wins most where nothing goes wrong, and loses all at the first 0; the next two survive a few."""
_WEIGHTS: Final[Numbers] = np.log(
    np.concatenate(([0.45, 0.1, 0.1], np.full(_LADDER.size, 0.35 / _LADDER.size)))
)
"""Healthy shadows are common, and for them the first weight is what it costs to look at any time: ln(1 / 0.45)."""


def log_wealth(values: Numbers, counts: Numbers | Integers, mean: float) -> Numbers:
    """ln of the wealth against "the mean is at most `mean`", after each value came so often.

    values[v] in [0, 1]; counts[..., v], need not be whole; the result is [...]. It falls as `mean` rises.
    """
    counts = np.asarray(counts, np.float64)
    if mean <= 0:
        return np.where((counts * (values > 0)).sum(-1) > 0, np.inf, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = np.log1p(np.outer(values / mean - 1, SHARES))
        won = np.where(counts[..., np.newaxis] > 0, counts[..., np.newaxis] * gains, 0.0).sum(-2)
    top = won.max(-1)
    wealth: Numbers = top + np.log(np.exp(won - top[..., np.newaxis] + _WEIGHTS).sum(-1))
    return wealth


def enough(error: float) -> float:
    """The ln of wealth at which a claim is refuted, if true claims may be with probability `error`."""
    return -float(np.log(error)) if error > 0 else np.inf
