"""Coverage-guided rounds of `tools.fuzz`: atheris chooses the bytes that scripts are written from.

Run by `tools.fuzz --guided`, in the environment that has atheris. Arguments: frames, folder of the corpus, libFuzzer's.
"""

import gc
import sys
from random import Random
from typing import Final

import atheris  # type: ignore[import-untyped]  # in an environment of its own

with atheris.instrument_imports(include=["mesh.http2", "splitter"]):
    import splitter.switch  # noqa: F401  # what is fuzzed, and all that it imports
    from tests.mesh.http2.fuzzing.author import write
    from tests.mesh.http2.fuzzing.chance import ByteChance

from tools.fuzz import Run

LONGEST: Final = 2_048
"""Bytes that one script is written from: a few hundred decisions."""
SEEDS: Final = 40


class _Enough(BaseException):
    """As many frames as were wanted; libFuzzer has no other way to be stopped."""


def main(arguments: list[str]) -> None:
    frames, corpus, *flags = arguments
    run = Run(int(frames), quiet=True)

    def one(data: bytes) -> None:
        if not run.one(write(ByteChance(data)), f"guided {abs(hash(data)):x}"):
            raise AssertionError("see above")
        if run.rounds % 500 == 0:
            print(run.summary(), file=sys.stderr, flush=True)
        if run.frames >= run.wanted:
            print(f"{run.summary()}: nothing raised, nothing leaked", file=sys.stderr, flush=True)
            raise _Enough

    for seed in range(SEEDS):  # libFuzzer begins with short inputs; these begin with whole conversations
        path = f"{corpus}/seed-{seed:02}"
        with open(path, "wb") as file:
            file.write(Random(seed).randbytes(LONGEST))
    gc.freeze()
    atheris.Setup([sys.argv[0], corpus, f"-max_len={LONGEST}", "-len_control=0", "-timeout=300",
                   f"-artifact_prefix={corpus}-", *flags], one)  # fmt: skip
    try:
        atheris.Fuzz()
    except _Enough:
        sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
