"""Run one long command behind one line of progress; its whole output goes to a log file.

``python -m tools.quietly LABEL COMMAND [ARGUMENT ...]`` exits with the command's own status. When the
command fails, the end of its output is shown and the log is named: nothing has to be run again to be read.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import IO

LOGS = Path(".cache/logs")
WIDTH = 100
TAIL = 40
"""Lines of output shown when the command failed."""


def log_path(label: str) -> Path:
    """One log per label, so the newest run of a step replaces the one before."""
    return LOGS / ("-".join("".join(c if c.isalnum() else " " for c in label.lower()).split()) + ".log")


def watch(lines: IO[str], log: IO[str], *, label: str, out: IO[str]) -> list[str]:
    """Copy the command's output into its log; on a terminal, show its latest line as progress."""
    live = out.isatty()
    seen: list[str] = []
    for line in lines:
        log.write(line)
        seen.append(line)
        if live and line.strip():
            progress = f"{label} … {line.strip()}"[:WIDTH]
            print(f"\r\033[K{progress}", end="", file=out, flush=True)
    if live:
        print("\r\033[K", end="", file=out)
    return seen


def main(arguments: list[str]) -> int:
    label, *command = arguments
    started = time.monotonic()
    path = log_path(label)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not sys.stdout.isatty():
        print(f"{label} …", flush=True)
    with (
        path.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process,
    ):
        assert process.stdout is not None
        seen = watch(process.stdout, log, label=label, out=sys.stdout)
    took = time.monotonic() - started
    if process.returncode:
        sys.stdout.writelines(seen[-TAIL:])
        print(f"{label}: failed after {took:.0f} s; the whole output is in {path}", flush=True)
        return process.returncode if process.returncode > 0 else 128 - process.returncode
    print(f"{label}: done in {took:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
