"""The words that cases are written in: what a peer says, step by step, and what it must hear then."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mesh.http2 import frames as f
from mesh.http2.blocks import block_of
from tests.mesh.http2.wire import Frame


@dataclass(frozen=True, slots=True)
class Goaway:
    """A connection error: GOAWAY with one of these codes, then the connection is closed."""

    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reset:
    """A stream error: RST_STREAM with one of these codes; the connection lives on."""

    stream_id: int
    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """The stream runs to its end as if nothing had happened; the connection lives on."""

    stream_id: int = 1


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing happens: neither RST_STREAM nor GOAWAY, and the connection lives on."""


@dataclass(frozen=True, slots=True)
class Hears:
    """Frames for which this is true, sooner or later; the connection lives on."""

    holds: Callable[[Sequence[Frame]], bool]


Expected = Goaway | Reset | Answered | Ignored | Hears


@dataclass(frozen=True, slots=True)
class Ended:
    """A step: wait until the other side has ended this stream (END_STREAM or RST_STREAM)."""

    stream_id: int = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """A step: wait for this."""

    holds: Callable[[Sequence[Frame]], bool]


Step = bytes | Ended | Heard


@dataclass(frozen=True, slots=True)
class Case:
    """`section` of RFC 9113, or of 7541 with an H before it; `h2spec`: the number of h2spec's case, if it has one.

    `whole`: it takes the whole splitter, because the rule is kept above the wire. `greets`: the peer's preface and
    SETTINGS have been exchanged and acknowledged before the first step.
    """

    section: str
    says: str
    steps: tuple[Step, ...]
    expected: Expected
    h2spec: str = ""
    whole: bool = False
    greets: bool = True

    def __str__(self) -> str:
        return f"{self.section}: {self.says}"


class Line(Protocol):
    """One connection, from the peer's end."""

    heard: list[Frame]

    @property
    def closed(self) -> bool:
        """We have closed it."""
        ...

    def say(self, words: bytes) -> None: ...

    def delivered(self, stream_id: int) -> bool:
        """The stream has run to its end: the client has the whole response."""
        ...

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return when this holds, or the connection is closed; AssertionError if neither comes."""
        ...


PING = f.frame(f.PING, 0, 0, b"are you?")


def ended(found: Iterable[Frame], stream_id: int) -> bool:
    """The stream has ended, one way or the other."""
    return any(
        each.stream_id == stream_id
        and (each.kind == f.RST_STREAM or (each.kind in (f.DATA, f.HEADERS) and each.flags & f.END_STREAM))
        for each in found
    )


def goaways(found: Iterable[Frame]) -> list[int]:
    return [int.from_bytes(each.payload[4:8], "big") for each in found if each.kind == f.GOAWAY]


def resets(found: Iterable[Frame]) -> list[tuple[int, int]]:
    return [(each.stream_id, each.number) for each in found if each.kind == f.RST_STREAM]


def acknowledged(found: Iterable[Frame]) -> int:
    """How many of the peer's SETTINGS."""
    return sum(each.kind == f.SETTINGS and each.flags == f.ACK for each in found)


def ponged(found: Iterable[Frame]) -> bool:
    return any(each.kind == f.PING and each.flags == f.ACK and each.payload == PING[9:] for each in found)


async def run(case: Case, line: Line) -> None:
    """Say it, and hold what is heard against what is expected."""
    for step in case.steps:
        if isinstance(step, bytes):
            line.say(step)
        elif isinstance(step, Ended):
            await line.until(lambda step=step: ended(line.heard, step.stream_id))  # type: ignore[misc]
        else:
            await line.until(lambda step=step: step.holds(line.heard))  # type: ignore[misc]
    expected = case.expected
    if isinstance(expected, Goaway):
        await line.until(lambda: False)
        assert line.closed
        codes = goaways(line.heard)
        assert codes, f"closed without GOAWAY: {line.heard}"
        assert codes[-1] in expected.codes, (codes, expected)
        return
    if isinstance(expected, Hears):
        await line.until(lambda: expected.holds(line.heard))
        assert expected.holds(line.heard), line.heard
    elif isinstance(expected, Answered):
        await line.until(lambda: line.delivered(expected.stream_id))
        assert line.delivered(expected.stream_id), line.heard
    if not case.greets:
        return
    line.say(PING)
    await line.until(lambda: ponged(line.heard))
    assert not line.closed, f"the connection was closed: {goaways(line.heard)}"
    assert not goaways(line.heard)
    if isinstance(expected, Reset):
        assert [each for each in resets(line.heard) if each[0] == expected.stream_id] in [
            [(expected.stream_id, code)] for code in expected.codes
        ], (resets(line.heard), expected)
    else:
        assert not resets(line.heard), resets(line.heard)


# What peers say

METHOD, SCHEME, PATH = (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a.B/C")
PAIRS = (METHOD, SCHEME, PATH, (b":authority", b"here"))
REQUEST = block_of(*PAIRS)
SILENT = block_of(METHOD, SCHEME, (b":path", b"/a.B/silent"))
"""A request that is never answered."""
TRAILERS = block_of((b"x-trailer", b"1"))


def request(stream_id: int = 1, end: int = f.END_STREAM, block: bytes = REQUEST) -> bytes:
    return f.headers(stream_id, block, end)


def half(stream_id: int = 1, block: bytes = REQUEST, flags: int = f.END_STREAM) -> bytes:
    """HEADERS without END_HEADERS."""
    return f.frame(f.HEADERS, flags, stream_id, block)


def more(stream_id: int = 1, block: bytes = b"", *, last: bool = True) -> bytes:
    return f.frame(f.CONTINUATION, f.END_HEADERS if last else 0, stream_id, block)


def data(stream_id: int = 1, payload: bytes = b"x", flags: int = f.END_STREAM) -> bytes:
    return f.frame(f.DATA, flags, stream_id, payload)


def settings(*pairs: tuple[int, int]) -> bytes:
    return f.frame(f.SETTINGS, 0, 0, b"".join(f.make_setting(*pair) for pair in pairs))


def priority(stream_id: int, depends_on: int = 0, weight: int = 16, exclusive: bool = False) -> bytes:
    word = depends_on | exclusive << 31
    return f.frame(f.PRIORITY, 0, stream_id, word.to_bytes(4, "big") + bytes((weight - 1,)))


def head(length: int, kind: int, flags: int = 0, stream_id: int = 1) -> bytes:
    """The head of a frame whose payload never comes."""
    return f.make_head(length << 8 | kind, flags, stream_id)
