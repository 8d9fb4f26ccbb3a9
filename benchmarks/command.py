"""What the commands of the benchmark have in common: options, needed programs, an end that stops everything."""

import shutil
import signal
import sys
from pathlib import Path
from typing import Final

import click
from rich.console import Console

UNAVAILABLE: Final = 69  # sysexits.h: EX_UNAVAILABLE
CONTEXT: Final = {"max_content_width": 110}
PACKAGES: Final = {"h2load": "nghttp2-client", "nghttpd": "nghttp2-server"}

_PATH: Final = click.Path(path_type=Path, dir_okay=False)
json_option = click.option("--json", "json_path", type=_PATH, help="Write the figures there too.")
markdown_option = click.option("--markdown", "markdown_path", type=_PATH, help="Write the tables there.")


def prepare(console: Console, *programs: str) -> None:
    """Exit with 69 where a program is missing; a signal to end unwinds, so that everything is stopped."""
    for name in programs:
        if shutil.which(name) is None:
            console.print(f"{name} is not installed: Debian package {PACKAGES[name]} (make system-deps)")
            sys.exit(UNAVAILABLE)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
