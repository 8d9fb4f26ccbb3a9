"""Elements that are equal or not: labels, flags, text, integers. NaN equals NaN."""

import numpy as np

from shadow.comparison.part import Part, short
from shadow.messages.tensors import Array


def exact(primary: Array, shadow: Array) -> Part:
    """Two arrays of any kind, of one shape."""
    count = primary.size
    same = equal(primary, shadow)
    good = int(np.count_nonzero(same))
    if good == count:
        return Part(True, count, count)
    at = int(np.argmin(same.reshape(-1)))
    place = [int(each) for each in np.unravel_index(at, primary.shape)]
    detail = f"{count - good} of {count} differ, the first at {place}: "
    detail += f"{_shown(shadow, at)} instead of {_shown(primary, at)}"
    return Part(False, good, count, detail=detail)


def equal(primary: Array, shadow: Array) -> Array:
    """Element by element."""
    same: Array = np.asarray(primary == shadow)
    if primary.dtype.kind == "f":
        same = same | ((primary != primary) & (shadow != shadow))
    return same


def _shown(array: Array, at: int) -> str:
    element = array.reshape(-1)[at]
    if isinstance(element, bytes):
        return short(repr(element[:40].decode(errors="backslashreplace")))
    return str(element)
