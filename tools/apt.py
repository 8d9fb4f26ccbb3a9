"""Use apt without root and without a trace outside one folder.

Configuration of the machine (proxies, certificates, credentials) keeps working: only what has to be private
is replaced. Signatures are always checked, also where the machine's configuration would not insist.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from shutil import which

KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
"""Where the package debian-archive-keyring puts Debian's public keys."""
TIMEOUT = 600.0


class AptError(Exception):
    """What apt said, in one line."""


class PrivateApt:
    """An apt whose state lies in ``folder``; with no ``source``, it reads the machine's own sources."""

    def __init__(self, folder: Path, *, source: str | None = None, system_lists: bool = False) -> None:
        self.folder = folder.resolve()
        for name in ("lists/partial", "archives/partial", "empty"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._configuration = self.folder / "apt.conf"
        self._configuration.write_text(self._settings(source, system_lists=system_lists), encoding="utf-8")

    def _settings(self, source: str | None, *, system_lists: bool) -> str:
        settings: dict[str, object] = {
            "Dir::Cache": self.folder,
            "Dir::Log": self.folder,
            # root would become the user _apt, who may not look into this checkout
            "APT::Sandbox::User": "root",
            "APT::Update::Error-Mode": "any",
            "APT::Get::AllowUnauthenticated": "false",
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::AllowWeakRepositories": "false",
            "Acquire::AllowDowngradeToInsecureRepositories": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": 2,
            "Acquire::http::Timeout": 20,
            "Acquire::https::Timeout": 20,
        }
        if not system_lists:
            settings["Dir::State::lists"] = self.folder / "lists"
        if source is not None:
            (self.folder / "only.sources").write_text(source, encoding="utf-8")
            settings["Dir::Etc::sourcelist"] = self.folder / "only.sources"
            for name in ("sourceparts", "preferencesparts"):
                settings[f"Dir::Etc::{name}"] = self.folder / "empty"
            settings["Dir::Etc::preferences"] = "/dev/null"
        # Hooks of the machine clean or announce the system's own state, which an update here does not touch.
        hooks = "".join(
            f"#clear APT::Update::{name};\n" for name in ("Pre-Invoke", "Post-Invoke", "Post-Invoke-Success")
        )
        return hooks + "".join(f'{name} "{value}";\n' for name, value in settings.items())

    def _run(self, program: str, *arguments: str) -> str:
        if which(program) is None:
            raise AptError(f"there is no {program} on this machine")
        return run([program, "--config-file", str(self._configuration), *arguments], cwd=self.folder)

    def update(self) -> None:
        """Read the package lists; apt checks their signatures."""
        self._run("apt-get", "--quiet", "update")

    def candidate(self, package: str) -> str | None:
        """The version apt would install, or nothing."""
        for line in self._run("apt-cache", "policy", package).splitlines():
            name, _, value = line.strip().partition(": ")
            if name == "Candidate":
                return None if value == "(none)" else value
        return None

    def unpack(self, package: str, version: str) -> Path:
        """Download one package (apt compares it with the signed list) and unpack it; install nothing."""
        self._run("apt-get", "--quiet", "download", f"{package}={version}")
        archives = list(self.folder.glob(f"{package}_*.deb"))
        if len(archives) != 1:
            raise AptError(f"apt-get download left {len(archives)} archives of {package}, not 1")
        root = self.folder / "root"
        run(["dpkg-deb", "--extract", str(archives[0]), str(root)], cwd=self.folder)
        return root


def run(command: Sequence[str], *, cwd: Path) -> str:
    """Standard output, or an :class:`AptError` with the first thing that went wrong."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AptError(str(error)) from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:", "Err"))]
        raise AptError(said[0] if said else f"{command[0]} ended with status {done.returncode}")
    return done.stdout


def keyring() -> Path | None:
    """Debian's public keys on this machine, if it has them."""
    return next((path for path in KEYRINGS if path.exists()), None)
