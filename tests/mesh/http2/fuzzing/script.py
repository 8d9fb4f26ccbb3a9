"""A script: who says what, and when the event loop turns. As text it is one JSON line per step, for bug reports."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from tests.mesh.http2.wire import cut


@dataclass(frozen=True, slots=True)
class Step:
    """`say`: `who` says `words`. `again`: `who` hangs up and connects anew. `turn`: the loop turns, everybody reads
    (at most `size` bytes, or all), and the peers that keep the rules talk as chance with `seed` says."""

    do: str
    who: str = ""
    words: bytes = b""
    size: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Script:
    """`house`: what stands between the peers, `relay` or `splitter`. `babblers`: which side talks nonsense, `clients`,
    `upstreams` or `both`; the other keeps every rule and notices whoever does not."""

    house: str
    babblers: str
    clients: int
    upstreams: int
    windows: tuple[int, int]
    """Initial windows of the strict clients and upstreams."""
    capacity: int | None
    """Bytes that a socket takes before it is full."""
    steps: tuple[Step, ...]

    @property
    def frames(self) -> int:
        """Whole frames that babblers say."""
        return sum(len(cut(step.words)[0]) for step in self.steps)

    def having(self, steps: Sequence[Step]) -> Self:
        return replace(self, steps=tuple(steps))

    def text(self) -> str:
        """One line for the circumstances, one for each step."""
        lines: list[dict[str, Any]] = [
            {
                "house": self.house,
                "babblers": self.babblers,
                "clients": self.clients,
                "upstreams": self.upstreams,
                "windows": self.windows,
                "capacity": self.capacity,
            }
        ]
        for step in self.steps:
            if step.do == "turn":
                lines.append({"do": "turn", "size": step.size, "seed": step.seed})
            elif step.do == "say":
                lines.append({"do": "say", "who": step.who, "words": step.words.hex()})
            else:
                lines.append({"do": step.do, "who": step.who})
        return "".join(json.dumps(line) + "\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Self:
        first, *rest = (json.loads(line) for line in text.splitlines())
        first["windows"] = tuple(first["windows"])
        steps = [Step(**{**each, "words": bytes.fromhex(each.get("words", ""))}) for each in rest]
        return cls(**first, steps=tuple(steps))
