"""CPU time that a process and its children have used.

The kernel's per-process clock is utime + stime in nanoseconds, ended threads included; /proc/PID/stat has the
same sum in ticks of 10 ms, too coarse for a second of work.
"""

import time
from pathlib import Path
from typing import Final

CPUCLOCK_SCHED: Final = 2
"""linux/posix-timers.h: the clock of what the scheduler gave the process, user and system."""


def seconds(group: int) -> float:
    """CPU seconds of all living processes of a process group."""
    return sum(_of_process(pid) for pid in _members(group))


def _of_process(pid: int) -> float:
    try:
        return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)  # what clock_getcpuclockid(3) computes
    except OSError:
        return 0.0  # it has just ended


def _members(group: int) -> list[int]:
    members = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        # pid (command) state ppid pgrp: proc(5); a command may hold spaces and brackets
        if int(text[text.rindex(")") + 2 :].split()[2]) == group:
            members.append(int(path.parent.name))
    return members
