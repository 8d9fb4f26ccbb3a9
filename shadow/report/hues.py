"""The colours of the mesh as colours of the page: a name that is a colour is shown in it, on light and on dark."""

from typing import Final

from markupsafe import Markup

_NAMED: Final = {
    "blue": ("#1f6feb", "#58a6ff"),
    "green": ("#1a7f37", "#3fb950"),
    "red": ("#cf222e", "#ff7b72"),
    "yellow": ("#9a6700", "#d29922"),
    "orange": ("#bc4c00", "#f0883e"),
    "purple": ("#8250df", "#bc8cff"),
    "violet": ("#8250df", "#bc8cff"),
    "cyan": ("#1b7c83", "#39c5cf"),
    "pink": ("#bf3989", "#f778ba"),
    "grey": ("#6e7781", "#8b949e"),
}
_OTHERS: Final = (*(_NAMED[name] for name in ("purple", "orange", "cyan", "pink", "yellow")),)
_ITSELF: Final = _NAMED["grey"]
"""Of the primary, where a colour is compared with itself."""


def hues(primary: str, shadow: str) -> Markup:
    """`light-dark()` declarations of the variables --primary and --shadow."""
    one, two = _pair(primary), _pair(shadow)
    if one == two:
        one = _ITSELF if two != _ITSELF else _NAMED["blue"]
    return Markup(
        f"--primary:light-dark({one[0]},{one[1]});--shadow:light-dark({two[0]},{two[1]})"  # our own values alone
    )


def _pair(name: str) -> tuple[str, str]:
    return _NAMED.get(name) or _OTHERS[sum(name.encode()) % len(_OTHERS)]
