"""Let peers talk nonsense to the wire for millions of frames: `make fuzz ARGS="--frames 2000000"`.

Each round is a script of some hundred frames, written by a seed and played on a relay or on the splitter's switch
(see tests/mesh/http2/fuzzing). A failure prints its seed and the shortest script found that fails alike, and keeps it
in tests/mesh/http2/fuzzing/found, which the test suite plays from then on. With `--guided` atheris chooses the bytes
that the scripts are written from, by the code they reach, in an environment of its own under .cache.
"""

import argparse
import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

from mesh.http2.stream import Stream
from tests.mesh.http2.fuzzing.author import write
from tests.mesh.http2.fuzzing.script import Script
from tests.mesh.http2.fuzzing.shrink import failure, shrink
from tools.quietly import main as quietly

ROOT: Final = Path(__file__).resolve().parents[1]
FOUND: Final = ROOT / "tests" / "mesh" / "http2" / "fuzzing" / "found"
GUIDED: Final = ROOT / ".cache" / "fuzz"
ROUNDS_PER_LOOK: Final = 100
"""Between two looks for objects that nobody needs any more."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=…", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--frames", type=int, default=200_000, help="stop after so many (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, help="of the first round (default: the time)")
    parser.add_argument("--rounds", type=int, help="stop after so many rounds: 1 plays one seed again")
    parser.add_argument("--guided", action="store_true", help="coverage-guided, by atheris")
    parser.add_argument("--shorten", type=Path, metavar="FILE", help="make a kept script as short as can be")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the outcome")
    options = parser.parse_args(arguments)
    if options.shorten:
        return shorten(options.shorten)
    if options.guided:
        return _guided(options.frames, options.seed)
    first = int(time.time()) if options.seed is None else options.seed
    run = Run(options.frames, quiet=options.quiet)
    try:
        return run.play(_seeds(first, options.rounds))
    except KeyboardInterrupt:
        print(f"\nstopped after {run.summary()}", file=sys.stderr)
        return 130


def _seeds(first: int, rounds: int | None) -> Iterator[int]:
    seed = first
    while rounds is None or seed < first + rounds:
        yield seed
        seed += 1


class Run:
    """Counts frames, shows progress, and stops at the first failure."""

    def __init__(self, frames: int, *, quiet: bool = False) -> None:
        self.wanted = frames
        self.frames = 0
        self.rounds = 0
        self._quiet = quiet
        self._began = self._shown = time.monotonic()

    def play(self, seeds: Iterator[int]) -> int:
        """The exit code: 0, or 1 after a failure."""
        for seed in seeds:
            if not self.one(write(Random(seed)), f"seed {seed}"):
                return 1
            if self.frames >= self.wanted:
                break
        print(f"{self.summary()}: nothing raised, nothing leaked", file=sys.stderr)
        return 0

    def one(self, script: Script, name: str) -> bool:
        """Play one round; False if it failed, which has been reported then."""
        self.rounds += 1
        self.frames += script.frames
        wrong = failure(script)
        if wrong is not None:
            report(script, name, f"{wrong}\nafter {self.summary()}")
            return False
        if self.rounds % ROUNDS_PER_LOOK == 0 and (left := leaked()):
            print(f"\nthe {ROUNDS_PER_LOOK} rounds up to {name} left {left}", file=sys.stderr)
            return False
        if not self._quiet and time.monotonic() - self._shown > 2:
            self._shown = time.monotonic()
            print(f"{self.summary()}, at {name}", file=sys.stderr, flush=True)
        return True

    def summary(self) -> str:
        seconds = time.monotonic() - self._began
        return f"{self.frames:,} frames in {self.rounds:,} rounds, {self.frames / max(seconds, 0.01):,.0f} a second"


def report(script: Script, name: str, wrong: str) -> None:
    """Keep the script, then a shorter one that fails alike: shortening may take a minute."""
    FOUND.mkdir(parents=True, exist_ok=True)
    path = FOUND / f"{name.replace(' ', '-')}.jsonl"
    path.write_text(script.text())
    print(
        f"\n{name} failed: {wrong}\nkept in {path.relative_to(ROOT)}; shortening …",
        file=sys.stderr,
        flush=True,
    )
    shorten = [sys.executable, "-m", "tools.fuzz", "--shorten", str(path)]
    subprocess.run(shorten, cwd=ROOT, check=False)  # apart: what coverage counts makes it slow


def shorten(path: Path) -> int:
    """Replace a kept script by the shortest that fails alike, and show it."""
    shortest = shrink(Script.parse(path.read_text()))
    path.write_text(shortest.text())
    print(f"{shortest.text()}\n{failure(shortest)}\n{path} is shortened: the test suite plays it from now on")
    return 1


def leaked() -> str:
    """Streams that are still alive though no round is under way, or nothing."""
    gc.collect()
    left = [each for each in gc.get_objects() if isinstance(each, Stream)]
    return f"{len(left)} streams, such as {left[0]!r}" if left else ""


def _guided(frames: int, seed: int | None) -> int:
    """Run `tools.fuzz_guided` in an environment that has atheris beside everything that this one has."""
    python = GUIDED / "bin" / "python"
    if not python.exists():
        site = next(path for path in sys.path if path.endswith("site-packages"))
        _quietly("environment for atheris", sys.executable, "-m", "venv", "--clear", str(GUIDED))
        (next(GUIDED.glob("lib/python*/site-packages")) / "project.pth").write_text(site + "\n")
    if subprocess.run([python, "-c", "import atheris"], capture_output=True, check=False).returncode:
        code = _quietly(
            "installing atheris", str(python), "-m", "pip", "install", "--progress-bar", "off", "atheris"
        )
        if code:
            print(
                "atheris cannot be had here; without --guided, frames are chosen by chance alone",
                file=sys.stderr,
            )
            return code
    corpus = ROOT / ".cache" / "fuzz-corpus"
    corpus.mkdir(exist_ok=True)
    argv = [str(python), "-m", "tools.fuzz_guided", str(frames), str(corpus)]
    if seed is not None:
        argv.append(f"-seed={seed % (1 << 32)}")
    return subprocess.run(argv, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode


def _quietly(*arguments: str) -> int:
    return quietly(list(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
