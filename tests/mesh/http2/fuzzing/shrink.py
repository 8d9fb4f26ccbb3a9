"""Makes a failing script small: fewer steps, then fewer frames, as long as it fails in the same way."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.mesh.http2.fuzzing.script import Script, Step
from tests.mesh.http2.fuzzing.stage import play
from tests.mesh.http2.wire import cut

T = TypeVar("T")
PREFACE_SIZE = 24
MOST_TRIES = 2_000


def failure(script: Script) -> str | None:
    """What goes wrong when it is played, and where; None if nothing does."""
    try:
        play(script)
    except Exception as error:
        where = traceback.extract_tb((error.__cause__ or error).__traceback__)[-1]
        return f"{type(error).__name__} in {where.name}, line {where.lineno} of {where.filename}: {error}"
    return None


def shrink(script: Script) -> Script:
    """The shortest script found that fails at the same place."""
    found = failure(script)
    assert found is not None
    kind = found.split(":")[0]
    tries = [0]

    def fails(candidate: Script) -> bool:
        tries[0] += 1
        wrong = failure(candidate) if tries[0] <= MOST_TRIES else None
        return wrong is not None and wrong.split(":")[0] == kind

    merged = _merged(script.steps)
    if fails(script.having(merged)):
        script = script.having(merged)
    steps = fewest(script.steps, lambda kept: fails(script.having(kept)))
    for at, step in enumerate(steps):
        if step.do != "say":
            continue
        fails_with = _Replaced(script, steps, at, fails)
        kept: list[bytes] = fewest(_pieces(step.words), fails_with)
        steps[at] = replace(step, words=b"".join(kept))
    return script.having(steps)


class _Replaced:
    """Whether it still fails when step `at` says only these pieces."""

    def __init__(self, script: Script, steps: list[Step], at: int, fails: Callable[[Script], bool]) -> None:
        self._script, self._steps, self._at, self._fails = script, steps, at, fails

    def __call__(self, kept: Sequence[bytes]) -> bool:
        shorter = replace(self._steps[self._at], words=b"".join(kept))
        return self._fails(
            self._script.having([*self._steps[: self._at], shorter, *self._steps[self._at + 1 :]])
        )


def _merged(steps: Sequence[Step]) -> list[Step]:
    """Each babbler's words in whole frames: what it says in pieces, without a turn between, is said at once."""
    merged: list[Step] = []
    for step in steps:
        last = merged[-1] if merged else step
        if last is not step and step.do == last.do == "say" and step.who == last.who:
            merged[-1] = replace(last, words=last.words + step.words)
        else:
            merged.append(step)
    return merged


def fewest(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Delta debugging: drop halves, quarters … single items while `fails` holds of what is kept."""
    kept = list(items)
    size = max(1, len(kept) // 2)
    while kept:
        at, dropped = 0, False
        while at < len(kept):
            candidate = kept[:at] + kept[at + size :]
            if fails(candidate):
                kept, dropped = candidate, True
            else:
                at += size
        if size == 1 and not dropped:
            break
        size = max(1, size // 2)
    return kept


def _pieces(words: bytes) -> list[bytes]:
    """The preface if there is one, each whole frame, and the rest."""
    opening = words[:PREFACE_SIZE] if words.startswith(b"PRI") else b""
    found, rest = cut(words[len(opening) :])
    pieces, at = [opening] if opening else [], len(opening)
    for each in found:
        pieces.append(words[at : at + 9 + len(each.payload)])
        at += 9 + len(each.payload)
    return [*pieces, rest] if rest else pieces
