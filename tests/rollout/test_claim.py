"""One run at a time in a folder."""

import os
from pathlib import Path

import pytest

from rollout.claim import claimed
from rollout.failure import Failure
from rollout.processes import Processes


def test_who_comes_second_is_told_who_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "up"
    with claimed(folder):
        with pytest.raises(Failure, match=f"another run, pid {os.getpid()}, has {folder}"), claimed(folder):
            pass
        assert (folder / "pid").read_text() == f"{os.getpid()}\n"
    with claimed(folder):  # free again; what an earlier run left behind claims nothing
        pass


async def test_processes_of_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    async with Processes(tmp_path):
        with pytest.raises(Failure, match="another run"):
            async with Processes(tmp_path):
                pass
    async with Processes(tmp_path):
        pass
