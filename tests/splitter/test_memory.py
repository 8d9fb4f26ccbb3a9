"""Memory that a crowd has used goes back to the system, and the program starts anew at most once to make it so."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from splitter import memory
from splitter.memory import CALM, CROWD, Ebb

HAS_GLIBC = memory._trim() is not None
needs_glibc = pytest.mark.skipif(not HAS_GLIBC, reason="the C library is not glibc: it has no malloc_trim")


def looks(ebb: Ebb, *present: int) -> int:
    """How often a crowd was noticed to have gone."""
    return sum(ebb.gone(each) for each in present)


def test_a_crowd_that_has_gone_is_noticed_once() -> None:
    assert looks(Ebb(), 0, CROWD, *[0] * (10 * CALM)) == 1


def test_each_crowd_is_noticed() -> None:
    crowd = [CROWD, *[0] * CALM]
    assert looks(Ebb(), *crowd * 3) == 3


def test_a_crowd_that_comes_back_within_the_calm_is_one_crowd() -> None:
    burst = [CROWD, *[0] * (CALM - 1)]
    assert looks(Ebb(), *burst * 5, *[0] * CALM) == 1


@pytest.mark.parametrize(
    ("most", "left"), [(CROWD - 1, 0), (10 * CROWD, 5 * CROWD + 1)], ids=["too few", "not half"]
)
def test_a_load_that_moves_a_little_is_no_crowd_that_goes(most: int, left: int) -> None:
    assert looks(Ebb(), most, *[left] * (2 * CALM)) == 0


def test_a_crowd_that_goes_in_steps_gives_back_at_each() -> None:
    assert looks(Ebb(), 4 * CROWD, *[2 * CROWD] * CALM, *[CROWD] * CALM, *[0] * CALM) == 3


async def test_what_a_crowd_left_is_given_back() -> None:
    present = iter([CROWD, *[0] * CALM])
    given = asyncio.Event()
    deeds = []

    def deed(crowd: bool) -> None:
        deeds.append(crowd)
        given.set()

    task = asyncio.create_task(memory.keep_low(lambda: next(present, 0), interval=0.0, deed=deed))
    async with asyncio.timeout(10):
        await given.wait()
    task.cancel()
    assert deeds == [True]


@needs_glibc
def test_free_pages_go_back_to_the_system() -> None:
    """Blocks of which each second one is kept leave free pages between them, which only a trim gives back."""
    program = (
        "from splitter import memory; memory.returnable()\n"
        "resident = lambda: int(open('/proc/self/statm').read().split()[1]) * 4096\n"
        "blocks = [bytes(400) for _ in range(100_000)]\n"
        "kept = blocks[::100]; last = bytes(400); del blocks\n"
        "before = resident(); memory.give_back(); print(before - resident())"
    )
    given = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(given.stdout) > 20 << 20


class Started(Exception):
    """What takes the place of this process."""


def execute(program: str, argv: list[str], environment: dict[str, str]) -> Any:
    raise Started(program, argv, environment)


@needs_glibc
def test_a_program_starts_anew_as_it_was_started_with_the_c_librarys_allocator() -> None:
    with pytest.raises(Started) as started:
        memory.returnable({"A": "b"}, execute=execute)
    program, argv, environment = started.value.args
    assert (program, argv) == (sys.executable, [sys.executable, *sys.orig_argv[1:]])
    assert environment == {"A": "b", "PYTHONMALLOC": "malloc", **memory.CALMER}


@needs_glibc
def test_what_is_set_of_the_c_library_is_left_so() -> None:
    with pytest.raises(Started) as started:
        memory.returnable({"MALLOC_ARENA_MAX": "4"}, execute=execute)
    assert started.value.args[2]["MALLOC_ARENA_MAX"] == "4"


@needs_glibc
def test_a_program_that_cannot_start_anew_starts_as_it_is() -> None:
    def refused(program: str, argv: list[str], environment: dict[str, str]) -> Any:
        raise PermissionError(program)

    memory.returnable({}, execute=refused)


@pytest.mark.parametrize("chosen", ["malloc", "pymalloc", "debug"])
def test_whoever_has_chosen_an_allocator_is_obeyed(chosen: str) -> None:
    memory.returnable({"PYTHONMALLOC": chosen}, execute=execute)


def test_without_malloc_trim_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_trim", lambda: None)
    memory.returnable({}, execute=execute)
    memory.give_back()
