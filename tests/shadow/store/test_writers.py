"""Several recorders write one store at once, and one that is killed in the middle leaves what it had said is there."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import select

from shadow.pair import Outcome
from shadow.store.schema import SOURCES
from shadow.store.store import Store
from tests.shadow.store.made import SCOPE, count, recorded

BATCHES, SIZE = 20, 25


@contextmanager
def writer(url: str, source: str, batches: int = BATCHES) -> Iterator["subprocess.Popen[str]"]:
    """Ready to begin."""
    command = [sys.executable, "-m", "tests.shadow.store.writer", url, source, str(batches), str(SIZE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def begin(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def accounts(store: Store) -> dict[Outcome, int]:
    return {account.outcome: account.number for account in store.accounts(SCOPE)}


@pytest.mark.parametrize("sources", [("a", "b", "c"), ("a", "a", "a")], ids=["own", "same"])
def test_several_processes_make_and_fill_one_store_at_once(url: str, sources: tuple[str, ...]) -> None:
    """Each tells of its own pairs; or all of the same, as if each had been given the others' by a restart."""
    with ExitStack() as stack:
        processes = [stack.enter_context(writer(url, source)) for source in sources]
        for process in processes:
            begin(process)
        for process in processes:
            process.communicate(timeout=100)
            assert process.returncode == 0
    number = len(set(sources)) * BATCHES
    with Store.open(url) as store:
        found = Counter(each.pair.id for each in store.pairs(SCOPE))
        assert (len(found), set(found.values())) == (number * SIZE, {1})
        assert accounts(store) == {Outcome.COMPARED: number * SIZE, Outcome.DROPPED: number}


def test_a_source_takes_one_number_however_many_batches_it_sends(store: Store) -> None:
    """There are 2^23: at ten batches a second they would last ten days."""
    for number in range(1_000):
        store.add([], [count("in_flight", number + 1, source="a")])
    store.add([], [count("in_flight", 1, source="b")])
    with store._reader.connect() as connection:
        names = connection.execute(select(SOURCES.c.name, SOURCES.c.id))
        assert {row.name: row.id for row in names} == {"a": 1, "b": 2}


def test_one_thread_forgets_while_another_adds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shadow.store.retention.SLICE", 10)
    store.add([recorded(number) for number in range(200)])
    turns, done = threading.Event(), threading.Event()
    with ThreadPoolExecutor() as threads:
        gone = threads.submit(store.retain, age=-1e9, slices=5, rest=lambda: (turns.set(), done.wait(60)))
        assert turns.wait(60)
        for number in range(200, 240):
            store.add([recorded(number)])
        done.set()
        assert gone.result(60) == 50
    assert [each.pair.id.number for each in store.pairs(SCOPE)] == list(range(50, 240))
    assert accounts(store) == {Outcome.COMPARED: 240}


def test_what_a_killed_writer_was_told_is_there_is_there_and_can_be_told_again(url: str) -> None:
    with writer(url, "a", batches=10_000) as process:
        begin(process)
        assert process.stdout is not None
        for told in process.stdout:
            if told == "20\n":
                break
        process.kill()  # somewhere in its next batches
        said = [int(line) for line in process.stdout]
    last = max([20, *said])
    with Store.open(url) as store:
        found = sorted(each.pair.id.number for each in store.pairs(SCOPE))
        assert found == list(range(len(found)))
        assert len(found) in {(last + 1) * SIZE, (last + 2) * SIZE}
        batches = len(found) // SIZE
        assert accounts(store) == {Outcome.COMPARED: len(found), Outcome.DROPPED: batches}
        again = [recorded(number, source="a") for number in range(len(found) + SIZE)]
        store.add(again, [count("in_flight", batches + 1, source="a")])
        assert accounts(store) == {Outcome.COMPARED: len(again), Outcome.DROPPED: batches + 1}
        assert len(list(store.pairs(SCOPE, payloads=False))) == len(again)
