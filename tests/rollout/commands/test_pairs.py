"""`pairs export` and `pairs forget`, as an operator and as a script see them."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from rollout.cli import verdigris
from rollout.failure import Exit
from shadow.store.store import Store
from tests.shadow.store.made import SECOND, recorded

HOUR = 3600 * SECOND


def run(*words: str, **env: str) -> Result:
    return CliRunner(env={"COLUMNS": "200", "VERDIGRIS_STORE": None, **env}).invoke(
        verdigris, ["pairs", *words]
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of a store with ten pairs, one of each of the last ten hours."""
    found = str(tmp_path / "shadow.db")
    now = time.time_ns()
    with Store.open(found) as store:
        pairs = [recorded(number, at=now - number * HOUR - HOUR // 2) for number in range(9)]
        store.add([*pairs, recorded(9, service="ranker", at=now - 9 * HOUR - HOUR // 2)])
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pairs.parquet"


def numbers(file: Path) -> list[Any]:
    return sorted(parquet.read_table(file)["number"].to_pylist())


def test_an_export_is_of_everything_that_is_kept(url: str, file: Path) -> None:
    told = run("export", str(file), "--store", url)
    assert (told.exit_code, told.stdout) == (Exit.OK, f"10 pairs are in {file}\n")
    assert numbers(file) == list(range(10))
    assert "request" not in parquet.read_schema(file).names


def test_an_export_is_of_what_is_asked_for(url: str, file: Path) -> None:
    run("export", str(file), "--service", "recommender", "--since", "3h", "--payloads", VERDIGRIS_STORE=url)
    assert numbers(file) == [0, 1, 2]
    assert "request" in parquet.read_schema(file).names
    run("export", str(file), "--color", "red", VERDIGRIS_STORE=url)
    assert numbers(file) == []


def test_what_is_older_is_forgotten(url: str) -> None:
    told = run("forget", "--older-than", "7h", "--store", url, "--json")
    assert told.exit_code == Exit.OK
    assert json.loads(told.stdout)["pairs"] == 3
    with Store.open(url, read_only=True) as store:
        assert sum(subject.pairs for subject in store.subjects()) == 7


def test_down_to_a_size_payloads_go_first(url: str) -> None:
    told = run("forget", "--down-to", "1B", "--older-than", "20h", "--store", url)
    assert told.stdout.startswith("10 pairs are forgotten; the others take 0.")


def test_forgetting_wants_to_be_told_what(url: str) -> None:
    told = run("forget", "--store", url)
    assert (told.exit_code, "--older-than, --down-to" in told.stderr) == (Exit.USAGE, True)


@pytest.mark.parametrize(
    "words",
    [("forget", "--older-than", "7"), ("forget", "--down-to", "7kib"), ("export", "x", "--since", "1 week")],
)
def test_a_quantity_without_a_unit_of_ours_is_refused_with_the_rule(words: tuple[str, ...]) -> None:
    told = run(*words)
    assert told.exit_code == Exit.USAGE
    assert "with its unit, such as" in " ".join(told.stderr.split())


@pytest.mark.parametrize("words", [("forget", "--older-than"), ("export", "x", "--since")])
def test_a_time_before_all_pairs_is_refused_with_the_rule(words: tuple[str, ...]) -> None:
    told = run(*words, "99999999d")
    assert told.exit_code == Exit.USAGE
    assert "'99999999d' must be shorter ago than 1970" in " ".join(told.stderr.split())


def test_without_a_store_the_option_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = run("forget", "--older-than", "7d")
    assert told.exit_code == Exit.FAILED
    assert "there is no .run/up/shadow.db here" in told.stderr
    assert "--store or VERDIGRIS_STORE" in told.stderr


def test_the_store_of_up_is_the_usual_one(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".run" / "up").mkdir(parents=True)
    Path(url).rename(tmp_path / ".run" / "up" / "shadow.db")
    assert json.loads(run("forget", "--older-than", "5h", "--json").stdout)["pairs"] == 5


@pytest.mark.parametrize("words", [("forget", "--older-than", "7d"), ("export", "pairs.parquet")])
def test_a_store_that_is_not_there_is_not_made(words: tuple[str, ...], tmp_path: Path) -> None:
    told = run(*words, "--store", str(tmp_path / "shadow.db"))
    assert (told.exit_code, "there is no store" in told.stderr) == (Exit.FAILED, True)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_used_is_a_failure_without_its_password(tmp_path: Path) -> None:
    told = run("export", str(tmp_path / "x"), "--store", "mysql://verdigris:secret@host/shadow")
    assert told.exit_code == Exit.FAILED
    assert "mysql is no database of ours; a store is a path" in told.stderr
    assert "secret" not in told.stderr
