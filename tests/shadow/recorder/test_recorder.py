"""What `shadow.recorder` promises: what it acknowledges is in the store, compared, once; what it cannot keep waits."""

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from shadow import wire
from shadow.comparison.custom import Redacted
from shadow.pair import Outcome, Pair
from shadow.recorder.recorder import Recorder
from shadow.store.fault import StoreError
from shadow.store.store import Store
from shadow.store.values import Scope, Stored
from tests.shadow import pipe

WITHIN = 30.0
ALL = Scope("films", role=None)


class Fed:
    """A recorder in a thread, and the data path's end of its pipe."""

    def __init__(self, store: Store, **recorder: Any) -> None:
        self.store = store
        self.ours, self._theirs = socket.socketpair()
        self.ours.settimeout(WITHIN)
        self.kept = 0
        """Bytes acknowledged."""
        self.became: list[wire.Total] = []
        self.error: StoreError | None = None
        self._recorder = Recorder(self._theirs, store, **recorder)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._recorder.run()
        except StoreError as error:
            self.error = error

    def send(self, *messages: bytes) -> None:
        """Return when all of it is acknowledged."""
        wanted = self.kept + sum(map(len, messages))
        self.ours.sendall(b"".join(messages))
        while self.kept < wanted:
            self.kept, length = wire.ACKNOWLEDGED.unpack(self._read(wire.ACKNOWLEDGED.size))
            self.became += wire.read_totals(self._read(length))

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self.ours.recv(size - len(data))
        return data

    def pairs(self) -> list[Stored]:
        return list(self.store.pairs(ALL))

    def accounts(self) -> dict[tuple[str, str], int]:
        return {(each.outcome.value, each.reason): each.number for each in self.store.accounts(ALL)}

    def end(self) -> None:
        """The data path goes; return when the recorder has ended."""
        self.ours.close()
        self._thread.join(WITHIN)
        assert not self._thread.is_alive()
        self._theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "shadow.db"), patience=0.01) as opened:
        yield opened


def test_what_it_acknowledges_is_in_the_store_compared(store: Store) -> None:
    with Fed(store) as fed:
        fed.send(pipe.terms(), pipe.pair(1), pipe.pair(2, shadow=pipe.framed(b'{"best": 2}')))
        agreeing, differing = fed.pairs()
        assert agreeing.comparison is not None
        assert agreeing.comparison.agrees
        assert differing.comparison is not None
        assert not differing.comparison.agrees
        assert fed.became == [wire.Total("green", "shadow", 5, "compared", "", 2)]


def test_a_pair_that_comes_again_is_one_pair(store: Store) -> None:
    with Fed(store) as fed:
        fed.send(pipe.terms(), pipe.pair(1))
    with Fed(store) as fed:
        fed.send(pipe.terms(), pipe.pair(1), pipe.pair(2))
        assert [each.pair.id.number for each in fed.pairs()] == [1, 2]
        assert fed.accounts() == {("compared", ""): 2}


def test_every_shadow_has_an_account(store: Store) -> None:
    dropped = wire.Total("green", "shadow", 5, "dropped", "in_flight", 4)
    with Fed(store) as fed:
        fed.send(pipe.terms(), wire.counts([dropped]))
        fed.send(wire.counts([dropped._replace(number=6)]), wire.counts([dropped._replace(number=6)]))
        fed.send(
            pipe.pair(1),
            pipe.pair(2, outcome="timed_out", status="", shadow=b""),
            pipe.pair(3, outcome="failed", reason="INTERNAL", status="", shadow=b""),
            pipe.pair(4, outcome="dropped", reason="too_large", shadow=None),
        )
        assert fed.accounts() == {
            ("dropped", "in_flight"): 6,
            ("compared", ""): 1,
            ("timed_out", ""): 1,
            ("failed", "INTERNAL"): 1,
            ("dropped", "too_large"): 1,
        }


@pytest.mark.parametrize(
    ("payloads", "kept"), [("all", [True, True]), ("differing", [False, True]), ("none", [False, False])]
)
def test_payloads_are_kept_as_the_document_says(store: Store, payloads: str, kept: list[bool]) -> None:
    with Fed(store) as fed:
        fed.send(pipe.terms(record={"payloads": payloads}))
        fed.send(pipe.pair(1), pipe.pair(2, shadow=pipe.framed(b'{"best": 2}')))
        assert [each.pair.request is not None for each in fed.pairs()] == kept
        assert fed.accounts() == {("compared", ""): 2}


class Hides:
    """Takes out what was asked and answered."""

    def redact(self, pair: Pair) -> Redacted:
        primary, shadow = (replace(each, body=b"", message="") for each in (pair.primary, pair.shadow))
        return Redacted(replace(pair, request=b"-", metadata=(), primary=primary, shadow=shadow))


def test_a_redactor_sees_a_pair_before_it_is_kept_and_after_it_is_compared(store: Store) -> None:
    with Fed(store, redactors=[Hides()]) as fed:
        fed.send(pipe.terms(), pipe.pair(1, request_block=pipe.block(x_user_id="7")))
        (only,) = fed.pairs()
        assert (only.pair.request, only.pair.metadata) == (b"-", ())
        assert only.comparison is not None
        assert only.comparison.agrees


@pytest.mark.parametrize(
    ("payloads", "redactors", "quoted"), [("all", [], True), ("all", [Hides()], False), ("none", [], False)]
)
def test_a_detail_quotes_answers_only_where_they_are_kept_as_they_are(
    store: Store, payloads: str, redactors: list[Hides], quoted: bool
) -> None:
    with Fed(store, redactors=redactors) as fed:
        fed.send(pipe.terms(record={"payloads": payloads}))
        fed.send(pipe.pair(1, shadow=pipe.framed(b'{"best": 4711}')))
        (only,) = fed.pairs()
    assert only.comparison is not None
    answer = next(each for each in only.comparison.differences if each.output == "answer")
    assert (answer.agrees, answer.score) == (False, 0.0)
    assert ("4711" in answer.detail) == quoted


def test_a_comparator_that_is_not_installed_leaves_pairs_that_say_so(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with Fed(store) as fed:
        fed.send(pipe.terms(compare={"comparator": "nobody"}), pipe.pair(1))
        fed.send(pipe.terms(), pipe.pair(2))
        assert fed.accounts() == {("dropped", "incomparable"): 1, ("compared", ""): 1}
    assert "comparator 'nobody': no installed package" in caplog.text


def test_what_the_store_will_not_take_waits_and_is_kept_in_the_end(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A real lock, held by somebody else until the recorder has tried twice."""
    other = sqlite3.connect(tmp_path / "shadow.db", isolation_level=None, check_same_thread=False)
    with closing(other):
        other.execute("BEGIN IMMEDIATE")
        tries: list[float] = []

        def sleep(seconds: float) -> None:
            tries.append(seconds)
            if len(tries) == 2:
                other.execute("ROLLBACK")

        with Fed(store, sleep=sleep) as fed:
            fed.send(pipe.terms(), pipe.pair(1))
            assert fed.accounts() == {("compared", ""): 1}
        assert tries == [0.5, 1.0]
    assert "somebody holds its lock" in caplog.text
    assert "the store takes pairs again" in caplog.text


def test_what_is_left_when_the_data_path_goes_is_kept(store: Store) -> None:
    fed = Fed(store)
    fed.ours.sendall(pipe.terms() + pipe.pair(1) + pipe.pair(2)[:-3])
    fed.end()
    assert [each.pair.id.number for each in store.pairs(ALL)] == [1]


def test_with_nobody_left_to_wait_for_it_a_store_that_refuses_ends_it(store: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shadow.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        fed = Fed(store, sleep=lambda seconds: None)
        fed.ours.sendall(pipe.terms() + pipe.pair(1))
        fed.end()
        assert fed.error is not None


def test_what_is_no_answer_is_still_a_pair(store: Store) -> None:
    with Fed(store) as fed:
        fed.send(pipe.terms(), pipe.pair(1, outcome="timed_out", status="", shadow=b""))
        (only,) = fed.pairs()
        assert (only.pair.outcome, only.pair.shadow.status, only.comparison) == (Outcome.TIMED_OUT, "", None)


@pytest.mark.parametrize("how", ["not kept", "redacted"])
def test_no_word_of_an_answer_is_left_where_payloads_are_not_kept_or_are_redacted(
    store: Store, tmp_path: Path, how: str
) -> None:
    """Details and messages quote answers; figures do not."""
    secret = b'{"best": "hunter2"}'
    said = pipe.block(grpc_status="5", grpc_message="no user hunter2")
    redactors = [Hides()] if how == "redacted" else []
    with Fed(store, redactors=redactors) as fed:
        fed.send(pipe.terms(record={"payloads": "none" if how == "not kept" else "all"}))
        fed.send(
            pipe.pair(1, shadow=pipe.framed(secret)), pipe.pair(2, status="NOT_FOUND", shadow_block=said)
        )
        first, _ = fed.pairs()
        assert first.comparison is not None
        assert [each.agrees for each in first.comparison.differences] == [True, False]
    store.close()
    for path in tmp_path.glob("shadow.db*"):
        assert b"hunter2" not in path.read_bytes()


def test_a_pair_is_read_by_the_document_that_decided_it(store: Store) -> None:
    """A call that was under way when the document changed ends after it."""
    with Fed(store) as fed:
        fed.send(pipe.terms(revision=5, record={"payloads": "none"}), pipe.terms(revision=6), pipe.pair(1))
        (only,) = fed.pairs()
        assert only.pair.request is None


def test_what_a_recorder_ended_over_is_read_message_by_message(store: Store) -> None:
    """So that only the one that ends it is in doubt."""
    sent = (pipe.terms(), pipe.pair(1), pipe.pair(2))
    with Fed(store, carefully=len(b"".join(sent))) as fed:
        fed.send(*sent)
        assert [each.number for each in fed.became] == [1, 1]
        fed.send(pipe.pair(3), pipe.pair(4))
        assert [each.number for each in fed.became] == [1, 1, 2]
