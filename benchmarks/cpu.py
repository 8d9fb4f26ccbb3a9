"""CPU time that a program has used: all its processes and all their threads.

The kernel's per-process clock is utime + stime in nanoseconds, ended threads included; /proc/PID/stat has the
same sum in ticks of 10 ms, too coarse for a second of work. A program is a session (setsid): its workers are in
it, whatever groups they make. What an ended worker used is lost, so none may end during a measurement.
"""

import time
from pathlib import Path
from typing import Final

CPUCLOCK_SCHED: Final = 2
"""linux/posix-timers.h: the clock of what the scheduler gave the process, user and system."""


def seconds(session: int) -> float:
    """CPU seconds of all living processes of a session."""
    return sum(_of_process(pid) for pid in members(session))


def members(session: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        # pid (command) state ppid pgrp session: proc(5); a command may hold spaces and brackets
        fields = text[text.rindex(")") + 2 :].split()
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def _of_process(pid: int) -> float:
    try:
        return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)  # what clock_getcpuclockid(3) computes
    except OSError:
        return 0.0  # it has just ended
