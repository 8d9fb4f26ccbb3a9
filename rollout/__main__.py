"""Entry of the command `verdigris`."""

import sys
from io import TextIOWrapper

from rollout.cli import verdigris


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal without ✓ shows "\\u2713", and no traceback
            stream.reconfigure(errors="backslashreplace")
    verdigris(prog_name="verdigris")


if __name__ == "__main__":
    main()
