"""Compares the answers of a pair, as one traffic document says."""

from typing import Final

from mesh.shadowing import Compare
from shadow.comparison.answers import Answers
from shadow.comparison.custom import Custom, told
from shadow.comparison.difference import Comparison, Difference
from shadow.comparison.part import short
from shadow.comparison.plain import ANSWER, BYTES
from shadow.comparison.status import OK, status
from shadow.messages.framing import Body, split
from shadow.pair import Pair

CANCELED: Final = "the client canceled the call before the primary had answered"
NOT_KEPT: Final = "an answer was not kept"


class Comparator:
    """Built once per document. NotInstalled if that names a comparator which cannot be had."""

    __slots__ = ("_answers", "_custom")

    def __init__(self, compare: Compare) -> None:
        self._answers = Answers(dict(compare.outputs))
        self._custom = Custom(compare.comparator) if compare.comparator else None

    def compare(self, pair: Pair) -> Comparison:
        """Never raises: what goes wrong is the comparison's `error`. Of a pair whose outcome is COMPARED."""
        try:
            return self._compared(pair)
        except Exception as error:  # ours; what users' comparators raise, they told already
            return Comparison((), f"could not be compared: {told(error)}")

    def _compared(self, pair: Pair) -> Comparison:
        primary, shadow = pair.primary, pair.shadow
        # Of a call that was canceled the primary's part says nothing of how it would have ended
        ended = not pair.canceled or primary.status == OK
        if ended:
            first = status(primary, shadow)
            if not first.agrees or (primary.body is None and primary.status != OK):
                return Comparison((first,))
            facts: tuple[Difference, ...] = (first,)
        else:
            facts = ()
        if primary.body is None or shadow.body is None:
            return Comparison(facts, NOT_KEPT)
        if self._custom is not None:
            if not ended:
                return Comparison((), CANCELED)
            return self._custom.compare(pair, facts) if primary.status == OK else Comparison(facts)
        before, after = split(primary.body, primary.encoding), split(shadow.body, shadow.encoding)
        # Where both failed, where in the stream they did is up to chance
        whole = ended and primary.status == OK
        unread = whole and bool(before.fault and after.fault)
        if unread and (primary.body, primary.encoding) == (shadow.body, shadow.encoding):
            return Comparison((*facts, Difference(ANSWER, BYTES, True, 1.0)))
        found = (*facts, *self._answers.compare(pair.method, before, after, ended=whole))
        if unread and all(each.agrees for each in found):  # as far as they go; nobody knows the rest
            return Comparison(facts, _unread(before, after))
        return Comparison(found) if found else Comparison((), CANCELED)


def _unread(primary: Body, shadow: Body) -> str:
    """What is wrong with both."""
    both = primary.fault
    if shadow.fault != both:
        both = f"the primary's {primary.fault}; the shadow's {shadow.fault}"
    return short(f"neither answer could be read to its end: {both}")
