"""The agent comes from the first way that leads to one, and only an agent that runs is kept."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tools.apt import AptError
from tools.fetch_consul import Way, WayError, fetch, on_path, prove
from tools.hashicorp import ReleaseError


def agent(path: Path, version: str = "Consul v9.9.9") -> Path:
    """A program that answers every question with a version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{version}'\necho 'Protocol 2 spoken by default'\n")
    path.chmod(0o755)
    return path


class Ways:
    """Ways by name that lead to an agent of that name, or fail; remembers which were tried."""

    def __init__(self, outcomes: Mapping[str, Exception | None]) -> None:
        self.tried: list[str] = []
        self.ways = [Way(name, self._obtain(name, error)) for name, error in outcomes.items()]

    def _obtain(self, name: str, error: Exception | None) -> Callable[[Path], Path]:
        def obtain(scratch: Path) -> Path:
            self.tried.append(name)
            if error is not None:
                raise error
            return agent(scratch / name, f"Consul v{name}")

        return obtain


class Place:
    """A checkout with room for one agent, and the lines that were said about it."""

    def __init__(self, folder: Path) -> None:
        self.target = folder / ".tools/bin/consul"
        self.scratch = folder / ".cache/consul"
        self.said: list[str] = []

    def fetch(self, ways: Ways) -> bool:
        return fetch(self.target, ways=ways.ways, scratch=self.scratch, prove=prove, say=self.said.append)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_first_way_that_leads_to_an_agent_is_the_last_one_tried(place: Place) -> None:
    ways = Ways({"1": WayError("nothing here"), "2": AptError("no network"), "3": None, "4": None})
    assert place.fetch(ways)
    assert ways.tried == ["1", "2", "3"]
    assert prove(place.target) == "Consul v3"


def test_every_way_that_failed_is_said_with_its_reason(place: Place) -> None:
    place.fetch(
        Ways({"1": WayError("nothing here"), "2": AptError("no network"), "3": ReleaseError("bad sum")})
    )
    assert place.said == ["consul: 1: nothing here", "consul: 2: no network", "consul: 3: bad sum"]


def test_nothing_is_put_in_place_when_no_way_leads_to_an_agent(place: Place) -> None:
    assert not place.fetch(Ways({"1": WayError("nothing here")}))
    assert not place.target.exists()


def test_an_agent_that_is_already_there_is_kept_and_no_way_is_tried(place: Place) -> None:
    agent(place.target, "Consul v1.0.0")
    ways = Ways({"1": None})
    assert place.fetch(ways)
    assert ways.tried == []
    assert prove(place.target) == "Consul v1.0.0"


@pytest.mark.parametrize("broken", ["exit 1", "echo 'Vault v1.0.0'", "exec /nowhere"])
def test_an_agent_that_does_not_run_is_replaced(place: Place, broken: str) -> None:
    agent(place.target).write_text(f"#!/bin/sh\n{broken}\n")
    assert place.fetch(Ways({"1": None}))
    assert prove(place.target) == "Consul v1"


def test_a_binary_that_does_not_run_on_this_machine_leads_on_to_the_next_way(place: Place) -> None:
    def foreign(scratch: Path) -> Path:
        binary = agent(scratch / "consul")
        binary.write_bytes(b"\x7fELF for another machine")
        return binary

    ways = Ways({"2": None})
    ways.ways.insert(0, Way("foreign", foreign))
    assert place.fetch(ways)
    assert prove(place.target) == "Consul v2"
    assert "does not run" in place.said[0]


def test_an_agent_elsewhere_on_the_machine_is_linked_not_copied(place: Place, tmp_path: Path) -> None:
    elsewhere = agent(tmp_path / "usr/bin/consul")
    ways = Ways({})
    ways.ways.append(Way("on PATH", lambda _: elsewhere, link=True))
    assert place.fetch(ways)
    assert place.target.readlink() == elsewhere


def test_a_link_whose_agent_was_removed_is_replaced(place: Place, tmp_path: Path) -> None:
    place.target.parent.mkdir(parents=True)
    place.target.symlink_to(tmp_path / "gone")
    assert place.fetch(Ways({"1": None}))
    assert prove(place.target) == "Consul v1"


def test_what_was_downloaded_on_the_way_is_removed(place: Place) -> None:
    place.fetch(Ways({"1": None}))
    assert list(place.scratch.iterdir()) == []
    assert [path.name for path in place.target.parent.iterdir()] == ["consul"]


def test_path_is_searched_but_not_the_place_that_is_to_be_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = agent(tmp_path / "own/consul")
    other = agent(tmp_path / "other/consul")
    monkeypatch.setenv("PATH", f"{own.parent}:{other.parent}")
    assert on_path(own)(tmp_path) == other
    monkeypatch.setenv("PATH", str(own.parent))
    with pytest.raises(WayError, match="no consul on PATH"):
        on_path(own)(tmp_path)
