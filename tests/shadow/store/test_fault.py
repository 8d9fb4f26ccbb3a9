"""What goes wrong says which store, what was found and what has to hold; and whether trying again may help."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from shadow.comparison.difference import Comparison, Difference
from shadow.store.fault import StoreError
from shadow.store.store import Store
from tests.postgresql import Cluster
from tests.shadow.store.made import SCOPE, recorded


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shadow.db"
    Store.open(str(path)).close()
    return path


def test_a_file_is_readable_by_its_owner_only(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_a_fault_that_passes_and_nothing_is_half_there(file: Path) -> None:
    with Store.open(str(file)) as store:
        limit = f"PRAGMA max_page_count = {file.stat().st_size // 4096 + 4}"
        event.listen(store._writer, "begin", lambda connection: connection.exec_driver_sql(limit))
        big = recorded(2, request=os.urandom(100_000))
        with pytest.raises(
            StoreError, match=r"shadow.db: there is no room \(database or disk is full\); free"
        ) as full:
            store.add([recorded(1), big])
        assert full.value.passing
        assert store.subjects() == ()
        store.add([recorded(1)])
        assert store.evidence(SCOPE).pairs == 1


def test_a_lock_that_is_held_is_a_fault_that_passes(file: Path) -> None:
    locking = closing(sqlite3.connect(file, isolation_level=None))
    with locking as other, Store.open(str(file), patience=0.01) as store:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            StoreError, match=r"somebody holds its lock .*; nobody may write for so long"
        ) as held:
            store.add([recorded(1)])
        assert held.value.passing
        assert store.subjects() == ()  # who reads is not in anybody's way
        other.execute("ROLLBACK")
        store.add([recorded(1)])


def test_a_store_that_was_opened_to_read_is_not_written(file: Path) -> None:
    with (
        Store.open(str(file), read_only=True) as store,
        pytest.raises(StoreError, match="cannot be written") as fault,
    ):
        store.add([recorded(1)])
    assert not fault.value.passing


def test_a_server_session_that_was_opened_to_read_is_not_written(cluster: Cluster) -> None:
    url = cluster.database()
    Store.open(url).close()
    with Store.open(url, read_only=True) as store, pytest.raises(StoreError, match="cannot be written"):
        store.add([recorded(1)])


def test_a_file_that_is_no_store_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "shadow.db"
    path.write_text("These are not the pages you are looking for. " * 100)
    for read_only in (True, False):
        with pytest.raises(StoreError, match=r"it is broken, or no store at all .*; move it away"):
            Store.open(str(path), read_only=read_only)


def test_a_file_with_broken_pages_is_a_fault(file: Path) -> None:
    with Store.open(str(file)) as store:
        store.add([recorded(number, request=os.urandom(5_000)) for number in range(100)])
    pages = bytearray(file.read_bytes())
    pages[8192:] = bytes(len(pages) - 8192)
    file.write_bytes(pages)
    with pytest.raises(StoreError, match="it is broken"), Store.open(str(file)) as store:
        list(store.pairs(SCOPE))


@pytest.mark.parametrize("read_only", [True, False])
def test_a_folder_that_is_not_there_is_a_fault(tmp_path: Path, *, read_only: bool) -> None:
    with pytest.raises(StoreError, match=r"cannot be opened .*; its folder must exist"):
        Store.open(str(tmp_path / "nowhere" / "shadow.db"), read_only=read_only)


def test_reading_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(str(tmp_path / "shadow.db"), read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_a_fault_that_passes(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no connection .*; the server must run") as down:
        Store.open(f"postgresql://verdigris:secret@/shadow?host={tmp_path}")
    assert down.value.passing
    assert "secret" not in str(down.value)


def test_a_database_that_is_not_there_is_a_fault(cluster: Cluster) -> None:
    with pytest.raises(StoreError, match=r'there is no connection .*database "nowhere" does not exist'):
        Store.open(cluster.url("nowhere"))


def test_a_server_that_comes_back_is_used_again(cluster: Cluster) -> None:
    with Store.open(cluster.database()) as store:
        store.add([recorded(1)])
        cluster.tell(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'verdigris'"
        )
        store.add([recorded(2)])
        assert store.evidence(SCOPE).pairs == 2


def test_a_batch_with_a_fault_in_its_middle_is_not_there_at_all(store: Store) -> None:
    nothing: Any = None
    impossible = recorded(2, Comparison((Difference("items", "set", nothing, 0.0),)))
    with pytest.raises(StoreError):
        store.add([recorded(1), impossible])
    assert store.subjects() == ()
    assert sum(account.number for account in store.accounts(SCOPE)) == 0
