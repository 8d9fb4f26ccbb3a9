"""`report`: on a real store, as an operator, a script and CI see it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from rollout.cli import verdigris
from rollout.commands import judged
from rollout.commands.pairs import USUAL
from rollout.failure import Failure, Judged
from shadow.pair import Pair
from shadow.store.store import Store
from tests.rollout.conftest import Site
from tests.shadow.report.pairs import agreeing, recorded, scaled

NOBODY = "127.0.0.1:1"
"""Where no Consul is."""


def run(*words: str, consul: str = NOBODY) -> Result:
    env = {"VERDIGRIS_CONSUL_ADDR": consul, "COLUMNS": "100"}
    return CliRunner(env=env).invoke(verdigris, ["report", *words])


@pytest.fixture
def filled(tmp_path: Path) -> Callable[..., str]:
    """A store with so many pairs."""

    def fill(number: int, change: Callable[[Pair], Pair] = agreeing, *, color: str = "green") -> str:
        path = str(tmp_path / "shadow.db")
        with Store.open(path) as store:
            store.add(recorded(number, change, color=color))
        return path

    return fill


def test_the_exit_code_is_the_verdict(filled: Callable[..., str], tmp_path: Path) -> None:
    ready = run("recommender", "--store", filled(900))
    assert (ready.exit_code, "READY" in ready.stdout) == (Judged.READY, True)
    (tmp_path / "shadow.db").unlink()
    not_yet = run("recommender", "--store", filled(20))
    assert (not_yet.exit_code, "NOT ENOUGH DATA" in not_yet.stdout) == (Judged.NOT_ENOUGH_DATA, True)
    (tmp_path / "shadow.db").unlink()
    wrong = run("recommender", "--store", filled(400, scaled))
    assert (wrong.exit_code, "NOT READY" in wrong.stdout) == (Judged.NOT_READY, True)


def test_json_is_one_value_with_the_same_exit_code(filled: Callable[..., str]) -> None:
    result = run("recommender", "--store", filled(400, scaled), "--json")
    data = json.loads(result.stdout)
    assert (result.exit_code, data["state"]) == (Judged.NOT_READY, "not_ready")
    assert data["reports"][0]["accounting"]["mirrored"] == 400
    assert len(data["reports"][0]["worst"]) == 10


def test_the_page_is_written_besides(filled: Callable[..., str], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = run("recommender", "--store", filled(50), "--html", str(page), "--since", "2h")
    assert "NOT ENOUGH DATA" in result.stdout
    assert "verdigris report recommender --since 2h" in page.read_text().replace(
        "python -m rollout", "verdigris"
    )


def test_every_colour_has_a_report_and_the_worst_decides(filled: Callable[..., str]) -> None:
    filled(900)
    store = filled(400, scaled, color="canary")
    result = run("recommender", "--store", store, "--json")
    data = json.loads(result.stdout)
    assert {each["color"]: each["state"] for each in data["reports"]} == {
        "green": "ready",
        "canary": "not_ready",
    }
    assert result.exit_code == Judged.NOT_READY
    assert run("recommender", "--store", store, "--color", "green").exit_code == Judged.READY


def test_a_replay_is_judged_again_by_its_name_without_its_latencies(filled: Callable[..., str]) -> None:
    store = filled(1)
    with Store.open(store) as opened:
        opened.add(recorded(900, role="replay"))
        opened.add(recorded(3, role="replay", color="canary"))  # another run
    result = run("recommender", "--store", store, "--run", "splitter-replay-green", "--json")
    (report,) = json.loads(result.stdout)["reports"]
    assert (result.exit_code, report["role"]) == (Judged.READY, "replay")
    assert [each["criterion"] for each in report["verdict"]["findings"]] == ["pairs", "agreement", "errors"]
    unknown = run("recommender", "--store", store, "--run", "replay-1")
    assert (unknown.exit_code, "no pair of the replay replay-1" in unknown.stderr) == (
        Judged.NOT_ENOUGH_DATA,
        True,
    )
    assert report["criteria_from"].endswith("without latencies: a replay's are another client's")


def test_a_service_without_pairs_says_whose_there_are(filled: Callable[..., str]) -> None:
    result = run("films", "--store", filled(5))
    assert result.exit_code == Judged.NOT_ENOUGH_DATA
    assert "has no pair of a shadow of films" in " ".join(result.stderr.split())
    assert "recommender green (shadow)" in result.stderr


@pytest.mark.parametrize("run_of", [(), ("--run", "replay-1")], ids=["live", "replay"])
def test_a_colour_without_pairs_says_which_there_are(
    filled: Callable[..., str], run_of: tuple[str, ...]
) -> None:
    result = run("recommender", "--color", "grene", *run_of, "--store", filled(5))
    said = " ".join(result.stderr.split())
    assert result.exit_code == Judged.NOT_ENOUGH_DATA
    assert "grene of recommender It has: recommender green (shadow)" in said


@pytest.mark.parametrize(
    "words",
    [
        ("recommender", "--color", "Green"),
        (), ("recommender", "--worst", "many"), ("recommender", "--no-such-option"), ("a/b",),
        ("recommender", "--since", "1h", "--until", "2h"), ("recommender", "--consul-addr", "ftp://x"),
    ],
)  # fmt: skip
def test_a_command_line_that_makes_no_sense_is_no_verdict(
    words: tuple[str, ...], filled: Callable[..., str]
) -> None:
    result = run(*words, "--store", filled(5))
    assert result.exit_code == Judged.USAGE, result.output


@pytest.mark.parametrize("store", ["nowhere.db", "mysql://host/db", "sqlite://"])
def test_a_store_that_cannot_be_read_is_no_verdict(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("recommender", "--store", store)
    assert result.exit_code == Judged.UNAVAILABLE
    assert "error: " in result.stderr
    assert not (tmp_path / "nowhere.db").exists()


def test_without_a_store_the_error_names_the_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VERDIGRIS_STORE", raising=False)
    result = run("recommender")
    assert result.exit_code == Judged.UNAVAILABLE
    assert "--store" in result.stderr


def test_the_store_of_up_is_the_default(
    filled: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VERDIGRIS_STORE", raising=False)
    USUAL.parent.mkdir(parents=True)
    Path(filled(5)).rename(USUAL)
    assert run("recommender").exit_code == Judged.NOT_ENOUGH_DATA


def test_criteria_come_from_a_file_and_the_report_says_so(filled: Callable[..., str], tmp_path: Path) -> None:
    criteria = tmp_path / "criteria.json"
    criteria.write_text('{"pairs": 10, "agreement": 50, "errors": 20, "p50": "off", "p99": "off"}')
    result = run("recommender", "--store", filled(100), "--criteria", str(criteria), "--json")
    report = json.loads(result.stdout)["reports"][0]
    assert (result.exit_code, report["criteria"]["agreement"], report["criteria"]["p99"]) == (
        Judged.READY,
        0.5,
        None,
    )
    assert report["criteria_from"] == str(criteria)


@pytest.mark.parametrize("text", ["", "[]", '{"agrement": 99}', '{"agreement": 101}'])
def test_a_file_without_valid_criteria_is_no_verdict(
    filled: Callable[..., str], tmp_path: Path, text: str
) -> None:
    criteria = tmp_path / "criteria.json"
    criteria.write_text(text)
    result = run("recommender", "--store", filled(5), "--criteria", str(criteria))
    assert result.exit_code == Judged.USAGE
    assert "criteria.json" in result.stderr.replace("\n", "")  # a long path is wrapped


def test_without_consul_the_defaults_hold_and_the_report_says_so(filled: Callable[..., str]) -> None:
    result = run("recommender", "--store", filled(5), "--json")
    report = json.loads(result.stdout)["reports"][0]
    assert report["criteria_from"] == f"the defaults (Consul at http://{NOBODY} does not answer)"
    assert report["criteria"]["agreement"] == 0.99


async def test_criteria_come_from_the_document_in_consul(site: Site, filled: Callable[..., str]) -> None:
    document = b'{"split": {"blue": 100}, "criteria": {"agreement": 90, "pairs": 12}}'
    with Store.open(filled(1)) as store:
        store.add(recorded(30, service=site.service))
        name = store.name
    revision = await site.put(document)
    report = (await site.ask("report", site.service, "--store", name))["reports"][0]
    assert (report["criteria"]["agreement"], report["criteria"]["pairs"]) == (0.9, 12)
    assert report["criteria_from"] == f"the document in Consul, revision {revision}"
    await site.put(b"nonsense")
    report = (await site.ask("report", site.service, "--store", name))["reports"][0]
    assert "is invalid" in report["criteria_from"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h", 1_790_000_000 - 3_600),
        ("90s", 1_790_000_000 - 90),
        ("2026-09-21T10:00:30+00:00", 1_789_984_830),
    ],
)
def test_a_moment_is_how_long_ago_or_a_date_by_the_minute(text: str, expected: float) -> None:
    assert judged.moment(text, 1_790_000_000.0, "--since") == expected // 60 * 60 * 1_000_000_000


def test_a_moment_that_is_none_says_the_rule() -> None:
    with pytest.raises(Failure, match="how long ago"):
        judged.moment("yesterday", 0.0, "--since")


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("yesterday", "must be how long ago"),
        ("9999-12-31", "must be after 1970 and before 2200"),
        ("99999999d", "must be after 1970 and before 2200"),
        ("999999999999d", "must be after 1970 and before 2200"),
        ("0001-01-01", "must be "),
        ("1969-12-30", "must be after 1970"),
        ("9999-12-31T23:59:59-12:00", "must be "),
    ],
)
def test_a_time_that_cannot_be_names_option_value_and_rule(
    filled: Callable[..., str], option: str, text: str, rule: str
) -> None:
    result = run("recommender", option, text, "--store", filled(5))
    assert result.exit_code == Judged.USAGE
    assert f"{option} {text!r} {rule}" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("of\nours"), Judged.SOFTWARE),
        (BrokenPipeError(), Judged.SOFTWARE),
        (RecursionError(), Judged.SOFTWARE),
        (click.UsageError("late"), Judged.USAGE),
        (click.FileError("x"), Judged.USAGE),
        (click.Abort(), Judged.INTERRUPTED),
        (KeyboardInterrupt(), Judged.INTERRUPTED),
    ],
    ids=repr,
)
def test_nothing_that_goes_wrong_has_the_exit_code_of_a_verdict(
    monkeypatch: pytest.MonkeyPatch, filled: Callable[..., str], error: BaseException, code: Judged
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(judged, "answered", fail)
    result = run("recommender", "--store", filled(5))
    assert result.exit_code == code
    assert "Traceback" not in result.stderr
    if type(error) is RuntimeError:
        assert "error: RuntimeError: of ours; this is an error of Verdigris" in result.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_our_marks_shows_their_numbers(filled: Callable[..., str], encoding: str) -> None:
    command = [sys.executable, "-m", "rollout", "report", "recommender", "--store", filled(5)]
    env = os.environ | {"PYTHONIOENCODING": encoding, "VERDIGRIS_CONSUL_ADDR": NOBODY}
    ended = subprocess.run(command, env=env, capture_output=True, check=False)
    assert ended.returncode == Judged.NOT_ENOUGH_DATA, ended.stderr
    assert b"NOT ENOUGH DATA" in ended.stdout


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_a_reader_who_leaves_is_no_verdict(filled: Callable[..., str], form: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "rollout", "report", "recommender", "--store", filled(400, scaled)]
    command += form
    env = os.environ | {"VERDIGRIS_CONSUL_ADDR": NOBODY}
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer) as out:
        ended = subprocess.run(command, env=env, stdout=out, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (Judged.SOFTWARE, b"")
