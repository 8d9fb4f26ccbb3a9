"""Processes: ready when they say so, logged, and stopped whatever happens."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from rollout.failure import Exit, Failure
from rollout.processes import ADMIN, LISTENING, Processes, Program, Running

BOTH = "print('admin on 127.0.0.1:2'); print('listening on 127.0.0.1:1', flush=True)"
FOREVER = "import signal; signal.pause()"


def script(text: str, *ready: re.Pattern[str], name: str = "child", within: float = 20) -> Program:
    return Program(name, [sys.executable, "-c", text], ready or (LISTENING,), within=within)


def alive(running: Running) -> bool:
    try:
        os.kill(running.pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_process_is_ready_when_it_has_said_everything(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        child = await processes.start(script(f"{BOTH}; {FOREVER}", LISTENING, ADMIN))
        assert child.said(LISTENING) == "127.0.0.1:1"
        assert child.said(ADMIN) == "127.0.0.1:2"
        assert alive(child)
    assert not alive(child)
    assert child.code == -signal.SIGTERM


async def test_output_goes_to_a_log_that_each_run_begins_anew(tmp_path: Path) -> None:
    for word in ("one", "two"):
        async with Processes(tmp_path) as processes:
            child = await processes.start(script(f"print('{word}'); {BOTH}; {FOREVER}"))
        assert child.log.read_text().splitlines()[0] == word


async def test_a_process_started_again_goes_on_in_its_log(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        for word in ("one", "two"):
            child = await processes.start(script(f"print('{word}'); {BOTH}; {FOREVER}"))
            child.kill()
            await child.ended.wait()
    assert "one" in child.log.read_text()
    assert "two" in child.log.read_text()


async def test_a_process_that_ends_before_it_is_ready_shows_its_last_words(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        with pytest.raises(Failure, match="child ended") as failure:
            await processes.start(script("raise SystemExit('no such model')"))
    assert failure.value.code is Exit.FAILED
    assert failure.value.details == ("no such model",)
    assert "child.log" in failure.value.hint


async def test_a_process_that_never_gets_ready_is_given_up_and_stopped(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        with pytest.raises(Failure, match=r"not ready within 0\.3 s"):
            await processes.start(script(FOREVER, within=0.3))
        (child,) = processes._running
        assert alive(child)
    assert not alive(child)


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        with pytest.raises(Failure, match="ghost does not start"):
            await processes.start(Program("ghost", [str(tmp_path / "ghost")], (LISTENING,)))


async def test_a_process_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollout.processes.STOP_WITHIN", 0.3)
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {BOTH}; {FOREVER}"
    async with Processes(tmp_path) as processes:
        child = await processes.start(script(deaf))
    assert child.code == -signal.SIGKILL


async def test_what_a_process_started_is_stopped_with_it(tmp_path: Path) -> None:
    """A grandchild holds the output open, so the reading ends only with it."""
    parent = (
        "import subprocess, sys; "
        "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']); "
        f"{BOTH}; {FOREVER}"
    )
    async with Processes(tmp_path) as processes:
        child = await processes.start(script(parent))
    assert child.ended.is_set()
    assert not alive(child)


async def test_everything_is_stopped_when_the_block_fails(tmp_path: Path) -> None:
    started: list[Running] = []

    async def block() -> None:
        async with Processes(tmp_path) as processes:
            for name in ("first", "second", "third"):
                started.append(await processes.start(script(f"{BOTH}; {FOREVER}", name=name)))  # noqa: PERF401
            raise KeyError("block")

    with pytest.raises(KeyError, match="block"):
        await block()
    assert len(started) == 3
    assert not any(map(alive, started))


async def test_a_line_without_end_does_not_stop_the_reading(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        child = await processes.start(script(f"print('x' * 300_000); {BOTH}; {FOREVER}"))
    assert child.log.stat().st_size > 300_000
