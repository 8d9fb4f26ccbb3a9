"""Install the Debian packages that the whole test suite and the benchmark need, as root or by sudo.

Only what is missing is installed, wherever it came from; package lists are read again only when apt does
not know a package or cannot fetch it. Elsewhere than on Debian and its children, the packages are named and
nothing is done. `make test` needs none of this: it skips by name what the system lacks.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tools import quietly

SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where Debian keeps daemons; not on the PATH of ordinary users."""


@dataclass(frozen=True, slots=True)
class Need:
    """One package, what it is for, and how to see that it is there."""

    package: str
    purpose: str
    present: Callable[[], bool]


def command(name: str) -> Callable[[], bool]:
    """The need is met by a command of this name."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SBIN])
    return lambda: shutil.which(name, path=path) is not None


def runs(*arguments: str) -> Callable[[], bool]:
    """The need is met when this command ends well."""

    def present() -> bool:
        try:
            return subprocess.run(arguments, capture_output=True, timeout=60).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    return present


def headers() -> bool:
    """Python's own, which whatever is compiled for it needs."""
    return Path(sysconfig.get_path("include"), "Python.h").is_file()


def folder(path: str) -> Callable[[], bool]:
    """The need is met by a folder that is there."""
    return lambda: Path(path).is_dir()


def postgresql() -> bool:
    """Debian keeps each version's programs in a folder of its own."""
    return command("initdb")() or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


GO_LIBRARIES = "/usr/share/gocode/src"
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
NEEDS = (
    Need(f"{VERSION}-venv", "virtual environments", runs(sys.executable, "-c", "import ensurepip, venv")),
    Need("gcc", "compiling the data path", command("gcc")),
    Need(f"{VERSION}-dev", "compiling the data path", headers),
    Need("ruby-grpc", "gRPC's own interop client and server", runs("/usr/bin/ruby", "-rgrpc", "-e", "exit")),
    Need("chromium", "edits in Consul's web UI", command("chromium")),
    Need("nodejs", "grpc-js clients", command("node")),
    Need("npm", "grpc-js clients", command("npm")),
    Need("golang-go", "gRPC in Go (a download of 80 MB)", command("go")),
    Need("golang-google-grpc-dev", "gRPC in Go", folder(f"{GO_LIBRARIES}/google.golang.org/grpc")),
    Need("nghttp2-client", "h2load", command("h2load")),
    Need("nghttp2-server", "nghttpd", command("nghttpd")),
    Need("haproxy", "a peer in the benchmark", command("haproxy")),
    Need("nginx-light", "a peer in the benchmark", command("nginx")),
    Need("postgresql", "the shadow store on a server", postgresql),
)
SERVICES = {"haproxy", "nginx-light", "postgresql"}


def missing(needs: Iterable[Need]) -> list[Need]:
    """The needs that are not met now."""
    return [need for need in needs if not need.present()]


def unknown(packages: Iterable[str], policy: str) -> list[str]:
    """Packages without a candidate in what ``apt-cache policy`` printed."""
    candidates: dict[str, str] = {}
    package = ""
    for line in policy.splitlines():
        if line.endswith(":") and not line.startswith(" "):
            package = line[:-1]
        elif line.strip().startswith("Candidate: "):
            candidates[package] = line.split(": ", 1)[1]
    return [name for name in packages if candidates.get(name, "(none)") == "(none)"]


def privilege() -> list[str] | None:
    """What to put before a command of root's, or nothing when there is no way to be root."""
    if os.geteuid() == 0:
        return []
    return ["sudo"] if shutil.which("sudo") else None


def install(packages: list[str], *, as_root: list[str]) -> bool:
    """Update the lists if need be, install, and once more with fresh lists if the old ones were too old."""
    apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]
    options = ["--yes", "--no-install-recommends"]
    update = ["system packages: reading lists", *apt, "update"]
    add = [f"system packages: {' '.join(packages)}", *apt, "install", *options, *packages]
    policy = subprocess.run(
        ["apt-cache", "policy", *packages], capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"}
    ).stdout
    if unknown(packages, policy):
        return quietly.main(update) == 0 and quietly.main(add) == 0
    return quietly.main(add) == 0 or (quietly.main(update) == 0 and quietly.main(add) == 0)


def main() -> int:
    absent = missing(NEEDS)
    if not absent:
        print("system packages: everything is there")
        return 0
    names = [need.package for need in absent]
    listing = "".join(f"\n  {need.package} ({need.purpose})" for need in absent)
    as_root = privilege()
    if shutil.which("apt-get") is None:
        print(
            f"system packages: no apt-get here; please install what these stand for:{listing}",
            file=sys.stderr,
        )
        return 1
    if as_root is None:
        print(
            f"system packages: neither root nor sudo; please have these installed:{listing}", file=sys.stderr
        )
        return 1
    if not install(names, as_root=as_root):
        return 1
    if still := missing(absent):
        print(f"system packages: still missing: {' '.join(need.package for need in still)}", file=sys.stderr)
        return 1
    if Path("/run/systemd/system").is_dir() and SERVICES & set(names):
        print("system packages: Debian starts haproxy, nginx and PostgreSQL; nothing here needs them to run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
