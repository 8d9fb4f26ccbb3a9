"""A folder for one run at a time: who comes second is told who is there, and touches nothing of it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rollout.failure import Exit, Failure


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Have the folder, made if need be, for ourselves. The claim is the kernel's, so it ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "pid").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            message = f"another run, pid {file.read().strip() or 'unknown'}, has {folder}"
            hint = "Stop it first, or run this in another directory."
            raise Failure(Exit.FAILED, message, hint=hint) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
