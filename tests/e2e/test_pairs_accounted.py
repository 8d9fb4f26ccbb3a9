"""Whatever befalls recorder, store or splitter: callers notice nothing, and each shadow is accounted for, once."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc.aio
import pytest

from tests.e2e.harness import Mesh, Splitter
from tests.e2e.harness.client import SAFE, Client
from tests.e2e.harness.scripted import scripted_site
from tests.e2e.harness.shadows import Figures, accounted, figures, report, settled, stored, watched
from tests.e2e.test_workers import lines
from tests.until import until

DOCUMENT = {"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 100}], "methods": SAFE}
CALLS = 300


@pytest.fixture
async def backends(mesh: Mesh) -> None:
    site = scripted_site(mesh)
    for color in ("blue", "green"):
        await site.backend(color)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    return folder / "shadow.db"


async def serving(mesh: Mesh, store: Path, *flags: str) -> Splitter:
    splitter = await mesh.splitter("--store", str(store), *flags)
    await mesh.put(DOCUMENT)
    # Until then shadows wait for a connection, and a busy machine does not begin more than so many
    await splitter.until(
        lambda table: (
            table["shadow_endpoints"] and all(each["connected"] for each in table["shadow_endpoints"])
        )
    )
    return splitter


async def recorders(splitter: Splitter, *, but: int | None = None) -> list[int]:
    """The process ids of its recorders, as soon as each runs; another one than `but`."""
    table = await splitter.until(
        lambda table: all(each["pid"] not in (None, but) for each in table["recorders"])
    )
    return [each["pid"] for each in table["recorders"]]


async def calls(splitter: Splitter, count: int = CALLS) -> None:
    """One after the other, each answered by blue."""
    async with Client(splitter.address) as client:
        found = await client.tally(count)
    assert (found.failures, dict(found.colors)) == ([], {"blue": count})


async def stream(splitter: Splitter, enough: asyncio.Event) -> int:
    """Calls, each answered by blue, until there are enough; how many. With pauses, for the recorder has to catch up."""
    number = 0
    async with Client(splitter.address) as client:
        while not enough.is_set():
            assert await client.color() == "blue"
            number += 1
            await asyncio.sleep(0.002)
    return number


async def kept_some(splitter: Splitter, more_than: int = 0) -> int:
    """How many pairs are in the store, as soon as there are more than so many."""
    return (await watched(splitter, lambda found: found.became.total() > more_than)).became.total()


async def closes(mesh: Mesh, store: Path, found: Figures, *, mirrored: int) -> list[str]:
    """Splitter, store and report say the same of so many shadows, each pair once; the sources of the pairs."""
    assert found.mirrored == sum(found.became.values()) == mirrored
    assert accounted(store) == found.became
    ids = [each.pair.id for each in stored(mesh, store)]
    assert len(set(ids)) == len(ids)
    _, answer = await report(mesh, store)
    (said,) = answer["reports"]
    outcomes = ("compared", "failed", "timed_out", "dropped")
    assert [said["accounting"][each] for each in outcomes] == [
        sum(number for (outcome, _), number in found.became.items() if outcome == each) for each in outcomes
    ]
    assert said["accounting"]["mirrored"] == mirrored
    return sorted(said["environment"]["sources"])


@pytest.mark.usefixtures("backends")
async def test_a_recorder_that_stands_still_costs_no_call_and_no_pair(mesh: Mesh, store: Path) -> None:
    splitter = await serving(mesh, store)
    await calls(splitter, 1)
    (pid,) = await recorders(splitter)
    await settled(splitter)
    os.kill(pid, signal.SIGSTOP)
    try:
        await calls(splitter)
        assert (await figures(splitter)).waiting > 0
        assert accounted(store) == {("compared", ""): 1}
    finally:
        os.kill(pid, signal.SIGCONT)
    found = await settled(splitter)
    assert (found.became, found.restarts) == ({("compared", ""): CALLS + 1}, 0)
    await closes(mesh, store, found, mirrored=CALLS + 1)


@pytest.mark.usefixtures("backends")
async def test_of_a_recorder_that_is_killed_no_pair_is_lost_or_kept_twice(mesh: Mesh, store: Path) -> None:
    splitter = await serving(mesh, store)
    enough, pid, number = asyncio.Event(), None, 0
    calling = asyncio.create_task(stream(splitter, enough))
    for _ in range(2):
        (pid,) = await recorders(splitter, but=pid)
        number = await kept_some(splitter, number)
        os.kill(pid, signal.SIGKILL)
    await recorders(splitter, but=pid)
    await kept_some(splitter, number)
    enough.set()
    count = await calling
    found = await settled(splitter)
    assert (found.became, found.restarts) == ({("compared", ""): count}, 2)
    await closes(mesh, store, found, mirrored=count)


@pytest.mark.usefixtures("backends")
async def test_a_store_that_cannot_be_made_is_told_and_pairs_wait_until_it_can(
    mesh: Mesh, store: Path
) -> None:
    store.parent.rmdir()
    store.parent.write_text("a file where the folder should be")
    splitter = await serving(mesh, store)
    await calls(splitter)
    await splitter.process.line(rf"ERROR recorder .*{store.parent}")
    assert (await figures(splitter)).waiting > 0
    store.parent.unlink()
    store.parent.mkdir()
    found = await settled(splitter)
    assert found.became == {("compared", ""): CALLS}
    await closes(mesh, store, found, mirrored=CALLS)


@contextmanager
def disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of this size at `folder`; skips where we may not."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "verdigris-test", str(folder)]
    if not sys.platform.startswith("linux") or os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs to mount a small tmpfs: root, on Linux")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.usefixtures("backends")
async def test_a_disk_that_is_full_is_told_and_pairs_wait_until_there_is_room(
    mesh: Mesh, store: Path
) -> None:
    with disk(store.parent, "4m"):
        splitter = await serving(mesh, store)
        await calls(splitter, 1)
        await settled(splitter)
        ballast = store.parent / "ballast"
        with pytest.raises(OSError, match="No space left"):
            ballast.write_bytes(bytes(8 << 20))
        await calls(splitter)
        await splitter.process.line(r"ERROR recorder .*full.* pairs wait for it")
        ballast.unlink()
        found = await settled(splitter)
        assert found.became == {("compared", ""): CALLS + 1}
        await closes(mesh, store, found, mirrored=CALLS + 1)
        await splitter.process.stop()


@pytest.mark.usefixtures("backends")
async def test_of_a_splitter_that_is_killed_the_recorder_keeps_what_it_got_and_ends(
    mesh: Mesh, store: Path
) -> None:
    splitter = await serving(mesh, store)
    calling = asyncio.create_task(stream(splitter, asyncio.Event()))
    (recorder,) = await recorders(splitter)
    told = await kept_some(splitter)
    splitter.process.signal(signal.SIGKILL)
    with pytest.raises(grpc.aio.AioRpcError):
        await calling
    await until(lambda: ended(recorder), within=10)
    kept = accounted(store)
    assert set(kept) == {("compared", "")}
    assert kept.total() >= told
    numbers = sorted(each.pair.id.number for each in stored(mesh, store))
    assert numbers == list(range(1, kept.total() + 1)), "from the first on, each once"


def ended(pid: int) -> bool:
    """No such process, or one that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.usefixtures("backends")
async def test_two_workers_have_one_store_and_each_pair_says_whose_it_is(mesh: Mesh, store: Path) -> None:
    splitter = await serving(mesh, store, "--workers", "2")
    async with lines(splitter) as line:
        for number, count in ((1, 30), (2, 50)):
            assert await line[number].colors(count) == ["blue"] * count
    assert len(set(await recorders(splitter))) == 2
    found = await settled(splitter)
    assert found.became == {("compared", ""): 80}
    one, other = await closes(mesh, store, found, mirrored=80)
    pairs = [each.pair for each in stored(mesh, store)]
    numbers = {
        source: sorted(each.id.number for each in pairs if each.id.source == source)
        for source in (one, other)
    }
    assert numbers == {one: list(range(1, 31)), other: list(range(1, 51))}
