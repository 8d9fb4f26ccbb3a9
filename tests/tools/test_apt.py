"""A private apt keeps to its folder and never waives a signature."""

from pathlib import Path

import pytest

from tools.apt import AptError, PrivateApt, run

SOURCE = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bullseye\nComponents: main\n"


def settings(folder: Path) -> dict[str, str]:
    lines = (folder / "apt.conf").read_text().splitlines()
    pairs = (line.rstrip(";").split(" ", 1) for line in lines if not line.startswith("#"))
    return {name: value.strip('"') for name, value in pairs}


@pytest.mark.parametrize("source", [None, SOURCE])
def test_what_apt_writes_lies_inside_its_folder(tmp_path: Path, source: str | None) -> None:
    PrivateApt(tmp_path, source=source)
    found = settings(tmp_path)
    for name in ("Dir::Cache", "Dir::State::lists", "Dir::Log"):
        assert Path(found[name]).is_relative_to(tmp_path)


@pytest.mark.parametrize("source", [None, SOURCE])
def test_an_unsigned_archive_is_refused_whatever_the_machine_allows(
    tmp_path: Path, source: str | None
) -> None:
    PrivateApt(tmp_path, source=source)
    found = settings(tmp_path)
    assert {found[name] for name in found if "Allow" in name} == {"false"}
    assert sum("Allow" in name for name in found) == 4


def test_with_a_source_of_its_own_it_reads_no_other(tmp_path: Path) -> None:
    PrivateApt(tmp_path, source=SOURCE)
    found = settings(tmp_path)
    assert Path(found["Dir::Etc::sourcelist"]).read_text() == SOURCE
    assert list(Path(found["Dir::Etc::sourceparts"]).iterdir()) == []


def test_the_lists_that_the_system_has_read_are_used_when_asked_for(tmp_path: Path) -> None:
    PrivateApt(tmp_path, system_lists=True)
    assert "Dir::State::lists" not in settings(tmp_path)


def test_a_failed_command_is_told_by_its_first_complaint(tmp_path: Path) -> None:
    with pytest.raises(AptError, match=r"^E: the keys are gone$"):
        run(
            ["sh", "-c", "echo reading; echo 'E: the keys are gone' >&2; echo 'E: more' >&2; exit 100"],
            cwd=tmp_path,
        )


def test_a_command_that_does_not_exist_is_an_apt_error_too(tmp_path: Path) -> None:
    with pytest.raises(AptError, match="no-such-program"):
        run(["no-such-program"], cwd=tmp_path)
