"""Compiles the data path ahead of time with mypyc: the same Python, a quarter of the time per call.

What stands in pyproject.toml is all there is to say about the rest. Without a C compiler, and with
VERDIGRIS_INTERPRETED=1 in the environment, these modules are interpreted; everything works, only slower.
See docs/decisions/0005-compiled-data-path.md.
"""

import os

from setuptools import Extension, setup

COMPILED = [
    "mesh/http2/assembly.py",
    "mesh/http2/blocks.py",
    "mesh/http2/client.py",
    "mesh/http2/connection.py",
    "mesh/http2/control.py",
    "mesh/http2/dispatch.py",
    "mesh/http2/frames.py",
    "mesh/http2/inlet.py",
    "mesh/http2/meter.py",
    "mesh/http2/outlet.py",
    "mesh/http2/server.py",
    "mesh/http2/stream.py",
    "splitter/answers.py",
    "splitter/budget.py",
    "splitter/capture.py",
    "splitter/call.py",
    "splitter/deadline.py",
    "splitter/ejection.py",
    "splitter/head.py",
    "splitter/kept.py",
    "splitter/leg.py",
    "splitter/mirror.py",
    "splitter/observer.py",
    "splitter/outbox.py",
    "splitter/picker.py",
    "splitter/pool.py",
    "splitter/recovery.py",
    "splitter/request.py",
    "splitter/switch.py",
    "splitter/table.py",
    "splitter/upstream.py",
    "splitter/waiting.py",
    "splitter/wiring.py",
]
"""The Makefile reads this list too: it compiles again when one of these has changed."""


def extensions() -> list[Extension]:
    """One shared library in mesh/, and a small one beside each module that loads it."""
    if os.environ.get("VERDIGRIS_INTERPRETED"):
        return []
    from mypyc.build import mypycify

    options = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]
    found: list[Extension] = mypycify(
        [*options, *COMPILED], opt_level="2", debug_level="0", group_name="mesh.compiled"
    )
    for extension in found:
        extension.optional = True  # no compiler is no reason not to be installed
    return found


setup(ext_modules=extensions())
