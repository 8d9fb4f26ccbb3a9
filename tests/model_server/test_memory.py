"""Threads of the server share one heap, unless somebody has said otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
THREADS = 4
CROWDED = f"""
import ctypes, sys, threading
from model_server.memory import share_heap

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
if not hasattr(libc, "malloc_info"):
    sys.exit("not glibc")
share_heap()
together = threading.Barrier({THREADS})

def allocate():
    together.wait()
    libc.malloc(100_000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range({THREADS})]
for each in threads:
    each.start()
for each in threads:
    each.join()
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""
"""Threads that allocate side by side; then glibc writes down which heaps it has."""


def heaps(file: Path, **environment: str) -> int:
    told = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
    }
    argv = [sys.executable, "-c", CROWDED, str(file)]
    done = subprocess.run(
        argv, cwd=ROOT, env={**told, **environment}, capture_output=True, text=True, timeout=60
    )
    if "not glibc" in done.stderr:
        pytest.skip("the C library is not glibc")
    assert done.returncode == 0, done.stderr
    return file.read_text().count("<heap nr=")


def test_threads_that_allocate_side_by_side_share_one_heap(tmp_path: Path) -> None:
    assert heaps(tmp_path / "heaps.xml") == 1


@pytest.mark.parametrize(
    ("name", "value"), [("MALLOC_ARENA_MAX", "8"), ("GLIBC_TUNABLES", "glibc.malloc.arena_max=8")]
)
def test_who_has_said_how_many_heaps_there_are_is_obeyed(name: str, value: str, tmp_path: Path) -> None:
    assert heaps(tmp_path / "heaps.xml", **{name: value}) > 1
