"""How two calls ended."""

from typing import Final

from shadow.comparison.difference import Difference
from shadow.comparison.part import short
from shadow.pair import Answer

STATUS: Final = "status"
OK: Final = "OK"
ALIKE: Final = Difference(STATUS, STATUS, True, 1.0)


def status(primary: Answer, shadow: Answer) -> Difference:
    """Alike if both have one status: its name counts, and not the message, which may name an address or a version."""
    if primary.status == shadow.status:
        return ALIKE
    said = f": {shadow.message}" if shadow.message else ""
    detail = f"{shadow.status or 'none'} instead of {primary.status or 'none'}{said}"
    return Difference(STATUS, STATUS, False, 0.0, detail=short(detail))
