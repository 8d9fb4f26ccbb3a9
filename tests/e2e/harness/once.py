"""Work that several processes want done, and one of them does: the others wait, and find it done."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.harness.process import CHECKOUT


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Of all workers of pytest-xdist in this checkout, only one is inside."""
    folder = CHECKOUT / ".cache/locks"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / name, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
