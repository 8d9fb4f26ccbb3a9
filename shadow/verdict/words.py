"""Figures as findings and faults say them. Pure."""

from math import ceil, floor, isinf, log10


def percent(share: float, grain: float = 1.0) -> str:
    """`98.7 %`; with as many digits as tell it from 0 and from 100, and as show differences as large as `grain`."""
    return f"{_bare(share, grain)} %"


def between(low: float, high: float) -> str:
    """Two shares: `97.9 to 99.3 %`."""
    return f"{_bare(low, high - low)} to {_bare(high, high - low)} %"


def _bare(share: float, grain: float) -> str:
    value = 100 * share
    plain = min(abs(value), abs(100 - abs(value)))
    if plain < 5e-7:
        return f"{value:.0f}".replace("-0", "0")
    digits = 1 if plain >= 0.95 else 2 if plain >= 0.095 else 3
    if 0 < grain < 0.01:
        digits = max(digits, min(4, ceil(-log10(100 * grain)) + 1))
    return f"{value:.{digits}f}"


def asked(share: float) -> str:
    """A share as somebody wrote it: `99 %`, `0.5 %`."""
    return f"{100 * share:.6g} %"


def count(number: int) -> str:
    """`12 345`."""
    return f"{number:,}".replace(",", " ")


def about(number: int) -> str:
    """Two digits are enough for a guess, and it is not to be too low: `1 300`."""
    grain: int = 10 ** max(0, floor(log10(max(1, number))) - 1)
    return count(-(-number // grain) * grain)


def ratio(value: float) -> str:
    """`5.1`, `1.03`, `120`."""
    return (
        "∞"
        if isinf(value)
        else f"{value:.0f}"
        if value >= 99.5
        else f"{value:.1f}"
        if value >= 4
        else f"{value:.2f}"
    )


def between_ratios(low: float, high: float) -> str:
    """`0.92 to 1.80`."""
    if isinf(high):
        return f"{ratio(low)} or more" if low else "or any other"
    return f"{ratio(low)} to {ratio(high)}" if low else f"up to {ratio(high)}"


def plural(number: int, word: str) -> str:
    """`1 pair`, `2 pairs`."""
    return f"{count(number)} {word}{'' if number == 1 else 's'}"
