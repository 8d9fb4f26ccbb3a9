"""What is old goes, the rest stays, the accounts close, and nobody who writes waits for long."""

import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from shadow.pair import PairId
from shadow.store import retention
from shadow.store.store import Store
from tests.shadow.store.made import BEGIN, MINUTE, SCOPE, SECOND, count, pair, recorded


def at(store: Store, seconds: int) -> Store:
    """The store so long after the first pair."""
    return Store(store._writer, store.name, clock=lambda: BEGIN / SECOND + seconds)


def rest() -> None:
    """No pause."""


def numbers(store: Store) -> list[int]:
    return [each.pair.id.number for each in store.pairs(SCOPE)]


def mirrored(store: Store) -> int:
    return sum(account.number for account in store.accounts(SCOPE))


def test_pairs_older_than_the_age_go_and_younger_ones_stay(store: Store) -> None:
    store.add([recorded(number) for number in range(10)])
    assert at(store, 60).retain(age=55, rest=rest) == 5
    assert numbers(store) == [5, 6, 7, 8, 9]
    assert store.evidence(SCOPE).outputs[0].scores.size == 5
    assert at(store, 60).retain(age=55, rest=rest) == 0


def test_by_size_payloads_go_first_the_oldest_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SLICE", 10)
    body = bytes(range(256)) * 40
    store.add([recorded(number, request=body + number.to_bytes(9)) for number in range(100)])
    full = store.size()
    assert store.retain(size=full - 5_000, rest=rest) == 0
    kept = [each.pair.id.number for each in store.requests("recommender")]
    assert kept == list(range(100 - len(kept), 100))
    assert 0 < len(kept) < 100
    assert numbers(store) == list(range(100))


def test_by_size_pairs_go_when_there_are_no_payloads_left(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SLICE", 100)
    store.add([recorded(number, keep_payload=number % 2 == 0) for number in range(2_000)])
    store.retain(size=0, slices=10 + 8, rest=rest)
    assert list(store.requests("recommender")) == []
    assert numbers(store) == list(range(800, 2_000))


def test_what_is_small_enough_stays(store: Store) -> None:
    store.add([recorded(number) for number in range(10)])
    assert at(store, 60).retain(age=3_600, size=100 << 20, rest=rest) == 0
    assert len(list(store.requests("recommender"))) == 10


def test_accounts_close_after_pairs_were_forgotten_and_old_minutes_are_told_as_one(store: Store) -> None:
    store.add([recorded(number, at=BEGIN + number * MINUTE) for number in range(10)], [count("in_flight", 7)])
    at(store, 10 * 60).retain(age=5 * 60, rest=rest)
    assert len(numbers(store)) == 5
    assert mirrored(store) == 17
    store.add([], [count("in_flight", 9, at=BEGIN + 9 * MINUTE)])
    at(store, 10 * 60).retain(age=5 * 60, rest=rest)
    assert mirrored(store) == 19


def test_a_period_after_what_was_forgotten_has_as_many_accounts_as_pairs(store: Store) -> None:
    store.add([recorded(number, at=BEGIN + number * MINUTE) for number in range(10)])
    at(store, 10 * 60).retain(age=5 * 60, rest=rest)
    since = replace(SCOPE, since_ns=BEGIN + 5 * MINUTE)
    assert sum(account.number for account in store.accounts(since)) == 5


def test_a_slice_is_a_transaction_with_a_rest_after_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SLICE", 10)
    store.add([recorded(number) for number in range(35)])
    left: list[int] = []
    at(store, 3_600).retain(age=1, rest=lambda: left.append(len(numbers(store))))
    assert left[:4] == [25, 15, 5, 0]


def test_large_payloads_go_a_few_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BYTES", 100)
    store.add([recorded(number, request=pair(number).id.source.encode() * 9) for number in range(9)])
    left: list[int] = []
    at(store, 3_600).retain(age=1, slices=2, rest=lambda: left.append(len(numbers(store))))
    assert 9 > left[0] >= 6


def test_so_many_slices_are_done_now_and_the_others_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SLICE", 10)
    store.add([recorded(number) for number in range(35)])
    later = at(store, 3_600)
    assert [later.retain(age=1, slices=2, rest=rest) for _ in range(3)] == [20, 15, 0]


def test_a_writer_gets_in_between_two_slices(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting: its patience is none."""
    monkeypatch.setattr(retention, "SLICE", 10)
    with Store.open(url) as store, Store.open(url, patience=0.001) as writer:
        store.add([recorded(number) for number in range(35)])
        more = iter(range(100, 200))
        at(store, 3_600).retain(age=1, slices=3, rest=lambda: writer.add([recorded(next(more))]))
        assert numbers(store) == [100, 101, 34][:0] or numbers(store)[-2:] == [100, 101]


def test_a_pair_can_be_added_again_after_everything_was_forgotten(store: Store) -> None:
    """Also the contexts have gone then."""
    store.add([recorded(1)])
    at(store, 3_600).retain(age=1, rest=rest)
    store.add([recorded(2)])
    assert store.pair(PairId("host-1", 2)).pair == pair(2)


def test_what_is_forgotten_is_given_back_to_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "shadow.db"
    with Store.open(str(file)) as store:  # closing the last connection empties the WAL
        store.add(
            [recorded(number, request=random.Random(number).randbytes(20_000)) for number in range(200)]
        )
    before = file.stat().st_size
    with Store.open(str(file)) as store:
        at(store, 3_600).retain(age=1, rest=rest)
    assert before > 4_000_000
    assert file.stat().st_size < before / 10


def test_many_pages_are_given_back_in_one_slice(file_store: Store) -> None:
    """A page each would be a thousand pauses for these pairs."""
    file_store.add(
        [recorded(number, request=random.Random(number).randbytes(20_000)) for number in range(200)]
    )
    slices: list[None] = []
    at(file_store, 3_600).retain(age=1, rest=lambda: slices.append(None))
    assert len(slices) <= 4


def test_a_file_that_cannot_shrink_is_left_as_large_as_it_is(tmp_path: Path) -> None:
    """Such as one that `sqlite3 FILE .recover` made."""
    file = tmp_path / "shadow.db"
    with Store.open(str(file)) as store:
        store.add([recorded(number, request=bytes(20_000)) for number in range(200)])
    with closing(sqlite3.connect(file)) as driver:
        driver.executescript("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM")
    slices: list[None] = []
    with Store.open(str(file)) as store:
        gone = at(store, 3_600).retain(age=1, slices=100, rest=lambda: slices.append(None))
    assert (gone, len(slices) < 10) == (200, True)
