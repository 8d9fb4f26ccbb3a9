"""Compiles the data paths ahead of time with mypyc: the same Python, a quarter of the time per call.

What stands in pyproject.toml is all there is to say about the rest. Without a C compiler, and with
VERDIGRIS_INTERPRETED=1 in the environment, these modules are interpreted; everything works, only slower.
See docs/decisions/0005-compiled-data-path.md.
"""

import os
from typing import Final

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
    "model_server/codec.py",
    "model_server/inference.py",
    "model_server/scheduling/inline.py",
    "model_server/scheduling/job.py",
    "model_server/scheduling/joining.py",
    "model_server/scheduling/lanes.py",
    "model_server/scheduling/scheduler.py",
    "model_server/scheduling/tally.py",
    "model_server/scheduling/visit.py",
    "model_server/scheduling/waiting.py",
    "model_server/tensors.py",
    "model_server/transport/wire.py",
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
    "splitter/outcome.py",
    "splitter/outgoing.py",
    "splitter/picker.py",
    "splitter/pool.py",
    "splitter/recovery.py",
    "splitter/request.py",
    "splitter/shadowcall.py",
    "splitter/switch.py",
    "splitter/table.py",
    "splitter/upstream.py",
    "splitter/waiting.py",
    "splitter/wiring.py",
]
"""The Makefile reads this list too: it compiles again when one of these has changed."""


GROUPS: Final = {"mesh.compiled": ("mesh/", "splitter/"), "model_server.compiled": ("model_server/",)}
"""The shared libraries: a program loads the code of another one no more than its modules."""


def extensions() -> list[Extension]:
    """Of each group its library, and a small one beside each module that loads it."""
    if os.environ.get("VERDIGRIS_INTERPRETED"):
        return []
    from mypyc.build import mypycify

    options = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]
    found: list[Extension] = []
    for group, packages in GROUPS.items():
        modules = [each for each in COMPILED if each.startswith(packages)]
        found += mypycify([*options, *modules], opt_level="2", debug_level="0", group_name=group)
    for extension in found:
        extension.optional = True  # no compiler is no reason not to be installed
    return found


setup(ext_modules=extensions())
