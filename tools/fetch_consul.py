"""Put a real Consul agent at one path, without root, from the nearest place that has one.

``python -m tools.fetch_consul .tools/bin/consul``. The ways, in order: an agent on PATH (linked), the
machine's apt sources, Debian 11's package from the machine's own Debian mirror, HashiCorp's release archive.
The first agent that answers ``consul version`` is kept. Nothing is written outside the checkout; running it
again is instant.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import apt, apt_sources, hashicorp

SCRATCH = Path(".cache/consul")
LAST_DEBIAN_SUITE = "bullseye"
"""The last Debian release with a ``consul`` package (1.8.7); its lists are final and bear no expiry date."""


class WayError(Exception):
    """Why one way does not lead to an agent, in one line."""


@dataclass(frozen=True, slots=True)
class Way:
    """One place to get the agent from: given a scratch folder, the path of a binary, or WayError."""

    name: str
    obtain: Callable[[Path], Path]
    link: bool = False
    """The binary stays where it is and is linked, not copied."""


Prove = Callable[[Path], str]
Say = Callable[[str], None]


def on_path(own: Path) -> Callable[[Path], Path]:
    """Look along PATH, but never at the place that is to be filled."""

    def obtain(_: Path) -> Path:
        folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
        others = [folder for folder in folders if folder and Path(folder).resolve() != own.parent.resolve()]
        if (found := shutil.which("consul", path=os.pathsep.join(others))) is None:
            raise WayError("no consul on PATH")
        return Path(found).absolute()

    return obtain


def from_system_sources(scratch: Path) -> Path:
    """The candidate of the machine's apt sources; lists that were never read are read privately."""
    known = any(Path("/var/lib/apt/lists").glob("*_Packages*"))
    private = apt.PrivateApt(scratch, system_lists=known)
    if not known:
        private.update()
    return _unpacked(private)


def from_debian(scratch: Path) -> Path:
    """Debian 11's package, from whichever Debian mirror this machine reads, with Debian's own signature."""
    if (keys := apt.keyring()) is None:
        raise WayError("this machine has no debian-archive-keyring to check Debian's signature with")
    mirrors = apt_sources.debian_mirrors(apt_sources.read())
    if not mirrors:
        raise WayError("this machine's apt sources name no Debian mirror")
    reasons = []
    for number, mirror in enumerate(mirrors):
        source = (
            f"Types: deb\nURIs: {mirror}\nSuites: {LAST_DEBIAN_SUITE}\nComponents: main\n"
            f"Targets: Packages\nSigned-By: {keys}\n"
        )
        try:
            private = apt.PrivateApt(scratch / str(number), source=source)
            private.update()
            return _unpacked(private)
        except (apt.AptError, WayError) as error:
            reasons.append(str(error))
    raise WayError("; ".join(reasons))


def _unpacked(private: apt.PrivateApt) -> Path:
    if (version := private.candidate("consul")) is None:
        raise WayError("these sources have no consul package")
    return private.unpack("consul", version) / "usr/bin/consul"


def from_hashicorp(scratch: Path) -> Path:
    """HashiCorp's build of the pinned version."""
    scratch.mkdir(parents=True, exist_ok=True)
    binary = scratch / "consul"
    binary.write_bytes(hashicorp.consul())
    binary.chmod(0o755)
    return binary


def prove(binary: Path) -> str:
    """The version that the agent itself reports; WayError when it does not run."""
    try:
        done = subprocess.run(
            [binary, "version"], capture_output=True, text=True, errors="replace", timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WayError(f"`consul version` does not run: {error}") from error
    first = done.stdout.partition("\n")[0].strip()
    if done.returncode or not first.startswith("Consul v"):
        raise WayError(
            f"`consul version` ended with {done.returncode} and said {first or done.stderr[:200]!r}"
        )
    return first


def fetch(target: Path, *, ways: Sequence[Way], scratch: Path, prove: Prove, say: Say) -> bool:
    """Try the ways in order until one agent proves itself and stands at ``target``; False when none does."""
    with contextlib.suppress(WayError):
        say(f"consul: {target} is {prove(target)}")
        return True
    target.parent.mkdir(parents=True, exist_ok=True)
    for number, way in enumerate(ways):
        folder = scratch / str(number)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            binary = way.obtain(folder)
            version = prove(binary)
        except (WayError, apt.AptError, hashicorp.ReleaseError) as error:
            say(f"consul: {way.name}: {error}")
        else:
            _place(binary, target, link=way.link)
            say(f"consul: {way.name}: {version}, now at {target}")
            return True
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return False


def _place(binary: Path, target: Path, *, link: bool) -> None:
    """Complete or not at all: whoever runs the agent meanwhile never meets half of it."""
    part = target.with_name(f".{target.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    if link:
        part.symlink_to(binary)
    else:
        shutil.copy2(binary, part)
    part.replace(target)


def main(arguments: Sequence[str]) -> int:
    target = Path(arguments[0])
    ways = (
        Way("on PATH", on_path(target), link=True),
        Way("this machine's apt sources", from_system_sources),
        Way("Debian 11's package", from_debian),
        Way(f"HashiCorp's release {hashicorp.VERSION}", from_hashicorp),
    )
    # Per process, so that two runs at once do not clear each other's folders.
    scratch = SCRATCH / str(os.getpid())
    try:
        if fetch(target, ways=ways, scratch=scratch, prove=prove, say=lambda line: print(line, flush=True)):
            return 0
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(
        f"consul: no way led to an agent, for the reasons above. Put a Consul ≥ 1.8 on PATH or at {target}.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
