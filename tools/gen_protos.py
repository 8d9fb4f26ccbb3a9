"""Generate ``mesh/pb`` from ``protos/*.proto``, or say where the two have drifted apart.

``python -m tools.gen_protos`` writes; with ``--check`` it only compares and exits with 1 when a file differs,
is missing, or is left over. ``mesh/pb/__init__.py`` is written by hand and left alone. Needs grpcio-tools
(``make dev``).
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path("protos")
PACKAGE = Path("mesh/pb")
BY_HAND = "__init__.py"
NEIGHBOUR = re.compile(r"^import (\w+_pb2)\b", re.MULTILINE)
POOL = {
    "from google.protobuf import descriptor_pool as _descriptor_pool": "from mesh.pb import POOL as _POOL",
    "_descriptor_pool.Default()": "_POOL",
}
"""The package has a descriptor pool of its own; its docstring tells why."""


def generate(folder: Path) -> dict[str, str]:
    """Every generated file by name, made by way of ``folder``."""
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={SOURCES}"]
    command += [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
    subprocess.run([*command, *sorted(path.name for path in SOURCES.glob("*.proto"))], check=True)
    return {path.name: adapt(path.read_text(encoding="utf-8")) for path in folder.iterdir()}


def adapt(text: str) -> str:
    """Neighbours are imported from the package (protoc knows none), and messages go into its own pool."""
    text = NEIGHBOUR.sub(r"from mesh.pb import \1", text)
    for theirs, ours in POOL.items():
        text = text.replace(theirs, ours)
    if "_descriptor_pool" in text:
        raise ValueError("protoc uses its descriptor pool in a way that tools/gen_protos.py does not know")
    return text


def drift(wanted: dict[str, str], package: Path = PACKAGE) -> dict[str, str]:
    """For each file of the package that is not what its sources say: how it is not."""
    found = {
        path.name: path.read_text(encoding="utf-8") for path in package.glob("*.py*") if path.name != BY_HAND
    }
    return {
        name: "missing" if name not in found else "left over" if name not in wanted else "differs"
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    }


def write(wanted: dict[str, str], package: Path = PACKAGE) -> None:
    """Make the package exactly these files; an unchanged file is not touched."""
    package.mkdir(parents=True, exist_ok=True)
    for name in drift(wanted, package):
        print(package / name)
        if name in wanted:
            (package / name).write_text(wanted[name], encoding="utf-8")
        else:
            (package / name).unlink()


def main() -> int:
    parser = argparse.ArgumentParser(prog="gen_protos", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wanted = generate(Path(folder))
    if not arguments.check:
        write(wanted)
        return 0
    drifted = drift(wanted)
    for name, how in drifted.items():
        print(f"{PACKAGE / name}: {how}")
    if drifted:
        print("The generated code is not what protos/ says: run `make protos`.")
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main())
