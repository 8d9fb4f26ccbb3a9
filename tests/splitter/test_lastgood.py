"""What `splitter.lastgood` promises: what was good survives a restart, and a disk that fails harms nobody."""

import json
import logging
from pathlib import Path

import pytest

from mesh.consul import Instance
from splitter.lastgood import LastGood, Saved

DOCUMENT = '{"split": {"blue": 90, "green": 10}, "note": "für alle"}'.encode()
BLUE = Instance("a", "127.0.0.1", 8001, ("blue", "verdigris"), {"model": "m"}, True)
GREEN = Instance("b", "::1", 8002, ("green",), {}, False)
SAVED = Saved(DOCUMENT, 7, (BLUE, GREEN))


def save(kept: LastGood, saved: Saved) -> None:
    kept.save(document=saved.document, revision=saved.revision, instances=saved.instances)


@pytest.mark.parametrize("saved", [SAVED, Saved(None, 0, ()), Saved(None, 0, (BLUE,))])
def test_what_is_saved_is_loaded_by_the_next_process(tmp_path: Path, saved: Saved) -> None:
    save(LastGood(tmp_path / "state" / "new", "recommender"), saved)
    assert LastGood(tmp_path / "state" / "new", "recommender").load() == saved


def test_each_service_has_a_file_of_its_own_and_nothing_else_is_left(tmp_path: Path) -> None:
    save(LastGood(tmp_path, "one"), SAVED)
    save(LastGood(tmp_path, "two"), Saved(None, 0, ()))
    assert LastGood(tmp_path, "one").load() == SAVED
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "two.json"]


def test_the_last_save_counts(tmp_path: Path) -> None:
    kept = LastGood(tmp_path, "recommender")
    save(kept, SAVED)
    save(kept, Saved(DOCUMENT, 8, (BLUE,)))
    assert LastGood(tmp_path, "recommender").load() == Saved(DOCUMENT, 8, (BLUE,))


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    kept = LastGood(tmp_path, "recommender")
    save(kept, SAVED)
    written = (tmp_path / "recommender.json").stat().st_ino
    save(kept, SAVED)
    assert (tmp_path / "recommender.json").stat().st_ino == written


def test_without_a_directory_nothing_is_kept() -> None:
    kept = LastGood(None, "recommender")
    save(kept, SAVED)
    assert kept.load() is None


def test_where_nothing_was_saved_nothing_is_loaded(tmp_path: Path) -> None:
    assert LastGood(tmp_path, "recommender").load() is None


def test_a_disk_that_fails_is_a_warning_and_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where the directory should be")
    kept = LastGood(tmp_path / "state", "recommender")
    save(kept, SAVED)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"cannot keep the last good document in {tmp_path}/state/recommender.json" in caplog.text
    (tmp_path / "state").unlink()
    save(kept, SAVED)
    assert kept.load() == SAVED


def test_a_save_that_fails_leaves_the_last_one_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = LastGood(tmp_path, "recommender")
    save(kept, SAVED)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("splitter.lastgood.json.dump", full)
        save(kept, Saved(None, 0, ()))
    assert kept.load() == SAVED
    assert [path.name for path in tmp_path.iterdir()] == ["recommender.json"]


GOOD = {"document": DOCUMENT.decode(), "revision": 7, "instances": []}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        json.dumps(GOOD | {"revision": "seven"}),
        json.dumps(GOOD | {"revision": None}),
        json.dumps(GOOD | {"document": 5}),
        json.dumps(GOOD | {"document": "{}"}),
        json.dumps(GOOD | {"instances": None}),
        json.dumps(GOOD | {"instances": [{"id": "a"}]}),
        json.dumps(GOOD | {"instances": ["a"]}),
        json.dumps(GOOD | {"instances": [{"tags": None}]}),
    ],
)
def test_a_file_that_is_not_ours_is_a_warning_and_as_good_as_none(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "recommender.json").write_text(content)
    assert LastGood(tmp_path, "recommender").load() is None
    assert "cannot read the last good document" in caplog.text


def test_bytes_that_are_no_text_are_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "recommender.json").write_bytes(b"\xff\xfe\x00")
    assert LastGood(tmp_path, "recommender").load() is None
