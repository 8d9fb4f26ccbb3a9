"""Clients that nobody here wrote: where their languages are on this system, or the reason to skip."""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.harness import needs
from tests.e2e.harness.once import one_at_a_time
from tests.e2e.harness.process import CHECKOUT

NODE: Final = CHECKOUT / "tests/e2e/node"
RUBY: Final = CHECKOUT / "tests/e2e/ruby"


@one_at_a_time("npm")
def node() -> str:
    """Node, with grpc-js as the lock file names it in `node/node_modules`."""
    node = needs.command("node", package="nodejs", also=["nodejs"])
    installed = NODE / "node_modules/.package-lock.json"
    lock = NODE / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return node
    npm = needs.command("npm", package="npm")
    done = subprocess.run(
        [npm, "ci", "--cache", str(CHECKOUT / ".cache/npm")],
        cwd=NODE,
        env={**os.environ, "npm_config_update_notifier": "false"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    if done.returncode:
        pytest.skip(f"needs @grpc/grpc-js from the npm registry; npm ci said: {done.stderr.strip()}")
    os.utime(installed)
    return node


def ruby() -> str:
    """Ruby, with Debian's ruby-grpc."""
    return needs.command("ruby", package="ruby-grpc")


def ruby_scripts() -> Path:
    """The folder of the gem with gRPC's interop `client.rb` and `server.rb`, wherever this Debian puts it."""
    find = 'puts Gem::Specification.find_by_name("grpc").gem_dir'
    found = subprocess.run([ruby(), "-e", find], capture_output=True, text=True, timeout=30)
    folder = Path(found.stdout.strip()) / "src/ruby/pb/test"
    if found.returncode or not folder.is_dir():
        pytest.skip("needs gRPC's interop client (Debian package ruby-grpc): make system-deps")
    return folder
