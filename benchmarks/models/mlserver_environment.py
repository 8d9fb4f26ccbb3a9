"""MLServer, in an environment of its own under .cache: it needs other releases of what we need too."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

import onnxruntime

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / ".cache" / "mlserver"
PYTHON: Final = FOLDER / "bin" / "python"
COMMAND: Final = FOLDER / "bin" / "mlserver"
REQUIREMENTS: Final = ("mlserver==1.7.1", f"onnxruntime=={onnxruntime.__version__}", "uvloop<0.22")
"""The same ONNX Runtime as ours: servers are compared. With uvloop 0.22, which makes no loop where none was asked for,
the worker processes of MLServer 1.7.1 end at once."""
VERSION: Final = f"MLServer 1.7.1, ONNX Runtime {onnxruntime.__version__}"
PYTHONS: Final = ((3, 9), (3, 13))
"""From the first up to, and without, the second: what MLServer 1.7 says of itself."""
_MADE: Final = FOLDER / "made-of.txt"


@cache
def missing() -> str | None:
    """Why it cannot be had; None when it is there. Makes it first, which takes a minute or two and says so."""
    first, end = PYTHONS
    if not first <= sys.version_info[:2] < end:
        return f"MLServer 1.7 wants a Python from {first[0]}.{first[1]} to below {end[0]}.{end[1]}"
    wanted = "\n".join((sys.version, *REQUIREMENTS))
    if _MADE.exists() and _MADE.read_text() == wanted:
        return None
    steps = {
        "environment for MLServer": [sys.executable, "-m", "venv", "--clear", str(FOLDER)],
        "installing MLServer": [str(PYTHON), "-m", "pip", "install", "--progress-bar", "off", *REQUIREMENTS],
    }
    cache_directory = {"PIP_CACHE_DIR": str(ROOT / ".cache" / "pip"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for label, argv in steps.items():
        quietly = [sys.executable, "-m", "tools.quietly", label, *argv]
        if subprocess.run(quietly, cwd=ROOT, env={**cache_directory, **os.environ}).returncode:
            return f"{label} failed (.cache/logs has its output)"
    _MADE.write_text(wanted)
    return None
