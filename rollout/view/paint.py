"""Colours of the mesh as colours of the terminal, and the bars that show shares."""

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from mesh.traffic import GRAIN, Share
from mesh.words import percent

_NAMED: Final = {
    "blue": "dodger_blue1",
    "green": "green3",
    "red": "red1",
    "yellow": "yellow3",
    "orange": "dark_orange",
    "purple": "medium_purple1",
    "violet": "violet",
    "cyan": "cyan3",
    "pink": "hot_pink",
    "white": "white",
    "black": "grey50",
    "grey": "grey70",
}
_OTHERS: Final = (
    "dark_orange",
    "medium_purple1",
    "cyan3",
    "hot_pink",
    "yellow3",
    "sandy_brown",
    "spring_green1",
)

WIDTH: Final = 40
"""Characters of a full bar."""


def style(color: str) -> str:
    """The terminal's style for a colour of the mesh: its own if a terminal has it, else always the same."""
    return _NAMED.get(color) or _OTHERS[sum(color.encode()) % len(_OTHERS)]


def name(color: str) -> Text:
    """The colour's name in its colour."""
    return Text(color, style=f"bold {style(color)}")


def bar(shares: Sequence[Share], width: int = WIDTH) -> Text:
    """One line of `width` characters; a colour with any share at all has at least one of them."""
    drawn = Text(no_wrap=True)
    for share, length in zip(shares, _lengths([share.weight for share in shares], width), strict=True):
        drawn.append("━" * length, style=style(share.color))
    return drawn


def legend(shares: Sequence[Share], *, unit: str = " %") -> Text:
    """`blue 90 %  green 10 %`."""
    parts = (Text.assemble(name(share.color), f" {percent(share.weight)}{unit}") for share in shares)
    return Text("  ").join(parts)


def _lengths(weights: Sequence[int], width: int) -> list[int]:
    lengths = [max(1, round(weight * width / GRAIN)) if weight else 0 for weight in weights]
    if sum(lengths):
        lengths[lengths.index(max(lengths))] += width - sum(lengths)
    return lengths
