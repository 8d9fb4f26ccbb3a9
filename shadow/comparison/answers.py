"""The messages of two answers beside each other: how many, and then each with the one at its place.

Of the Open Inference Protocol tensors are compared, of its other answers the fields; everything else is `plain`.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

from mesh.shadowing import IGNORED, OutputRule
from shadow.comparison.difference import Difference
from shadow.comparison.guess import DEFAULT
from shadow.comparison.outputs import Outputs
from shadow.comparison.part import Part, short, together
from shadow.comparison.plain import ANSWER, JSON, plain
from shadow.comparison.tree import trees
from shadow.messages.framing import Body
from shadow.messages.open_inference import ANSWERS, MOST_TENSORS, error_of, outputs, parse, response_of

MESSAGES: Final = "messages"
FACTS: Final = frozenset(("status", MESSAGES))
"""What is found of answers as a whole; a tensor of such a name is given another."""
MOST_OUTPUTS: Final = MOST_TENSORS
"""Of all messages together."""


class Answers:
    """Compares what two legs said, by the rules of one document."""

    __slots__ = ("_outputs", "_plain")

    def __init__(self, rules: Mapping[str, OutputRule]) -> None:
        self._outputs = Outputs(rules)
        self._plain = rules.get(ANSWER, DEFAULT)

    def compare(
        self, method: str, primary: Body, shadow: Body, *, ended: bool = True
    ) -> Iterator[Difference]:
        """`ended`: both were told to the end, so that their number counts, and what is cut off is wrong."""
        pairs = _known(method, primary.messages, shadow.messages)
        if pairs is None:
            yield from self._unknown(primary, shadow, ended=ended)
            return
        found: dict[str, tuple[str, list[Part]]] = {}
        wrong: list[str] = []
        good = -_moved(pairs)  # may end below 0: a message can have moved and failed
        if good:
            wrong.append(f"{-good} of the shadow's are at another place; compared by their ids")
            pairs = _by_id(pairs)
        for number, (before, after) in enumerate(pairs, 1):
            told = _unlike(before, after)
            if told:
                wrong.append(f"message {number}: {told}")
                continue
            good += 1
            for output, measure, part in self._message(before, after):
                if output not in found and len(found) == MOST_OUTPUTS:
                    wrong.append(f"message {number}: more than {MOST_OUTPUTS} outputs")
                    break
                found.setdefault(output, (measure, []))[1].append(part)
        yield from _number(primary, shadow, good, wrong, ended=ended)
        names = set(FACTS)
        for output, (measure, parts) in found.items():
            yield together(_named(output, names), measure, parts)

    def _message(self, before: Any, after: Any) -> Iterator[tuple[str, str, Part]]:
        response = response_of(before)
        if response is not None:
            yield from self._outputs.compare(outputs(response), outputs(response_of(after)))
        elif self._plain.measure != IGNORED:
            fields = MessageToDict(before), MessageToDict(after)
            yield ANSWER, JSON, trees(*fields, self._plain)

    def _unknown(self, primary: Body, shadow: Body, *, ended: bool) -> Iterator[Difference]:
        measure, parts = plain(primary.messages, shadow.messages, self._plain)
        yield from _number(primary, shadow, len(parts), [], ended=ended)
        if parts and self._plain.measure != IGNORED:
            yield together(ANSWER, measure, parts)


def _known(method: str, primary: Sequence[bytes], shadow: Sequence[bytes]) -> list[tuple[Any, Any]] | None:
    """The messages at the same place, those of the shadow None where they are no such message; None altogether
    without a schema, and where what the primary said does not fit its own."""
    kind = ANSWERS.get(method)
    if kind is None:
        return None
    pairs = []
    for old, new in zip(primary, shadow, strict=False):
        before = parse(kind, old)
        if before is None or _too_many(before):
            return None
        pairs.append((before, parse(kind, new)))
    return pairs


def _too_many(message: Any) -> bool:
    response = response_of(message)
    return response is not None and len(response.outputs) > MOST_TENSORS


def _unlike(before: Any, after: Any) -> str:
    """Why two messages have nothing to compare, in a few words; empty: they have."""
    if after is None:
        return f"the shadow's is no {type(before).__name__}"
    if _too_many(after):
        return f"the shadow's has more than {MOST_TENSORS} outputs"
    old, new = error_of(before), error_of(after)
    if bool(old) == bool(new):  # the words may name an address or a version
        return ""
    return f"the shadow failed: {new}" if new else f"only the primary failed: {old}"


def _moved(pairs: list[tuple[Any, Any]]) -> int:
    """How many messages of a stream are elsewhere in the shadow's; 0 unless each has an id of its own and the shadow's
    are the same ones."""
    if len(pairs) < 2 or any(after is None or response_of(before) is None for before, after in pairs):
        return 0
    old, new = [_id(before) for before, _ in pairs], [_id(after) for _, after in pairs]
    if not all(old) or len(set(old)) < len(old) or sorted(old) != sorted(new):
        return 0
    return sum(before != after for before, after in zip(old, new, strict=True))


def _by_id(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    there = {_id(after): after for _, after in pairs}
    return [(before, there[_id(before)]) for before, _ in pairs]


def _id(message: Any) -> str:
    response = response_of(message)
    return "" if response is None else str(response.id)


def _number(primary: Body, shadow: Body, good: int, wrong: list[str], *, ended: bool) -> Iterator[Difference]:
    """What there is to say of the messages as such; nothing of one beside one that is as it should be."""
    before, after = len(primary.messages), len(shadow.messages)
    of = max(before, after) if ended else min(before, after)
    told = list(wrong)
    if ended and shadow.fault != primary.fault:
        told.insert(0, f"the shadow's {shadow.fault}" if shadow.fault else f"the primary's {primary.fault}")
    if ended and before != after:
        told.insert(0, f"{after} instead of {before}")
    if not told and (of == 1 or (of == 0 and not ended)):
        return
    score = max(good, 0) / of if of else float(not told)
    rest = f"; and {len(told) - 3} more" if len(told) > 3 else ""
    yield Difference(
        MESSAGES,
        MESSAGES,
        not told,
        score,
        {"primary": before, "shadow": after},
        short("; ".join(told[:3]) + rest),
    )


def _named(output: str, taken: set[str]) -> str:
    """A name that can be stored, and that nothing else of this comparison has."""
    name, numbers = short(output), count(2)
    found = name
    while found in taken:
        found = f"{name} ({next(numbers)})"
    taken.add(found)
    return found
