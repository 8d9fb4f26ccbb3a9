"""Edits of a traffic document: each changes its own part and keeps the rest. Pure.

Colours keep their places in the document: they own contiguous ranges of buckets in its order, so a place
given up or exchanged would move users for nothing. A colour that an edit does not name keeps its place with
0 %, warm for the way back.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from mesh import contract
from mesh.shadowing import Compare, Criteria, Record
from mesh.traffic import DEFAULT_TIMEOUT, Key, Mirror, Share, Traffic, parse, to_json
from mesh.traffic_rules import timeout as read_timeout
from mesh.traffic_rules import weight


def weights(words: Iterable[str]) -> dict[str, int]:
    """`blue=90` words as hundredths of a percent by colour; ValueError names the word and the rule."""
    found: dict[str, int] = {}
    for word in words:
        color, separator, percent = word.partition("=")
        if not separator:
            raise ValueError(f"{word!r} must be COLOR=PERCENT, such as green=10")
        if color in found:
            raise ValueError(f"{color} stands twice")
        if not contract.COLOR.fullmatch(color):
            raise ValueError(f"{color!r} is no colour: a lower-case letter, then letters, digits or -")
        try:
            found[color] = weight(Decimal(percent.removesuffix("%")))
        except InvalidOperation:
            raise ValueError(f"{word}: {percent!r} is no number") from None
        except ValueError as error:
            raise ValueError(f"{word}: {error}") from None
    return found


def noise(words: Iterable[str], traffic: Traffic) -> dict[str, int]:
    """`blue=10` words, or `10` for the colour that serves most, as hundredths of a percent by colour."""
    most = max(traffic.split, key=lambda share: share.weight).color if traffic.split else ""
    return weights(word if "=" in word else f"{most}={word}" for word in words)


def seconds(text: str) -> float:
    """`2s`, `500ms`, `1m` as seconds; ValueError names the rule."""
    try:
        return read_timeout(text)
    except ValueError as error:
        raise ValueError(f"{text!r} {error}") from None


def shift(traffic: Traffic, split: Mapping[str, int]) -> Traffic:
    """The document with these shares; known colours keep their places, new ones follow in the order given."""
    places = [share.color for share in traffic.split]
    places += [color for color in split if color not in places]
    return replace(traffic, split=tuple(Share(color, split.get(color, 0)) for color in places))


def keyed(traffic: Traffic, *, metadata: str | None, salt: str | None) -> Traffic:
    """The document with another key, another salt, or both; None keeps what is there."""
    if metadata is None and salt is None:
        return traffic
    name = metadata or (traffic.key.metadata if traffic.key else "")
    if not name:
        raise ValueError("--salt needs a key, and the document has none: add --key NAME")
    before = traffic.key.salt if traffic.key else ""
    return replace(traffic, key=Key(name, before if salt is None else salt))


def unkeyed(traffic: Traffic) -> Traffic:
    """The document without a key: every call is dealt on its own."""
    return replace(traffic, key=None)


def mirrored(
    traffic: Traffic,
    shadows: Mapping[str, int],
    *,
    timeout: float | None,
    role: str = contract.ROLE_SHADOW,
) -> Traffic:
    """The document with these shadows set, a shadow of 0 taken out; a timeout of None keeps what is there.

    Shadows of another role stay as they are.
    """
    mirrors = {(mirror.color, mirror.role): mirror for mirror in traffic.mirror}
    for color, share in shadows.items():
        before = mirrors.get((color, role))
        kept = before.timeout if before else DEFAULT_TIMEOUT
        mirrors[color, role] = Mirror(color, share, kept if timeout is None else timeout, role)
        if not share:
            del mirrors[color, role]
    return replace(traffic, mirror=tuple(mirrors.values()))


def unmirrored(traffic: Traffic, colors: Collection[str]) -> Traffic:
    """The document without the shadows of these colours, of any role, or without any if no colour is named."""
    return replace(
        traffic, mirror=tuple(each for each in traffic.mirror if colors and each.color not in colors)
    )


def noted(traffic: Traffic, note: str | None) -> Traffic:
    """The document with another note; None keeps the one that is there."""
    return traffic if note is None else replace(traffic, note=note)


def written(traffic: Traffic) -> bytes:
    """The document's bytes, if it obeys the same rules as one written by hand; else raises `Invalid`."""
    raw = to_json(traffic)
    parse(raw)
    return raw


def colors_of(traffic: Traffic) -> tuple[str, ...]:
    """Every colour that the document sends calls to, each once, in order of appearance."""
    named = [share.color for share in traffic.split if share.weight]
    named += [mirror.color for mirror in traffic.mirror if mirror.weight]
    named += [override.color for override in traffic.overrides]
    return tuple(dict.fromkeys(named))


def same_routes(one: Traffic | None, other: Traffic | None) -> bool:
    """Whether two documents send every call and every copy the same way, whatever else they say."""
    if one is None or other is None:
        return one is other
    return _routes(one) == _routes(other)


def _routes(traffic: Traffic) -> Traffic:
    return replace(traffic, note="", record=Record(), compare=Compare(), criteria=Criteria())
