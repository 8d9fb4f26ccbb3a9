"""Pin every dependency, for every platform and Python, into ``constraints.txt``.

``python -m tools.lock [--upgrade]`` runs uv from a virtual environment that is thrown away. Pins that still
fit are kept, unless ``--upgrade`` asks for the newest releases. The result names packages only, never where
they came from, so that any index or mirror can serve them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path("constraints.txt")
COMPILE = (
    *("pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11", "--all-extras"),
    *("--no-header", "--no-annotate", "--quiet", "--output-file"),
)


def main(arguments: list[str]) -> int:
    cache = Path(".cache").resolve()
    cache.mkdir(exist_ok=True)
    before = LOCK.read_text(encoding="utf-8") if LOCK.exists() else ""
    with tempfile.TemporaryDirectory(dir=cache, prefix="lock-") as folder:
        python, uv = Path(folder, "bin/python"), Path(folder, "bin/uv")
        print("lock: uv in an environment of its own", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        print("lock: resolving", flush=True)
        # Beside the real file, which stays as it is unless everything worked.
        result = Path(folder, LOCK.name)
        result.write_text(before, encoding="utf-8")
        subprocess.run([uv, *COMPILE, result, *arguments], check=True, env=_environment(cache))
        after = result.read_text(encoding="utf-8")
    if "://" in after:
        print(f"lock: the result names an address, so {LOCK} was left as it was", file=sys.stderr)
        return 1
    LOCK.write_text(after, encoding="utf-8")
    changed = len(set(before.splitlines()) ^ set(after.splitlines()))
    print(f"lock: {len(after.splitlines())} pins, {changed} lines differ from before")
    return 0


def _environment(cache: Path) -> dict[str, str]:
    """uv reads no pip settings: hand it the two that decide whether it can reach an index at all."""
    environment = {"UV_CACHE_DIR": str(cache / "uv"), "UV_NO_PROGRESS": "1"} | os.environ
    for ours, pips in (("SSL_CERT_FILE", "PIP_CERT"), ("UV_DEFAULT_INDEX", "PIP_INDEX_URL")):
        if pips in os.environ:
            environment.setdefault(ours, os.environ[pips])
    return environment


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
