from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from model_server.repository import Repository, Sources
from tests.model_server.repository.shelf import Shelf


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def controlled(tmp_path: Path, shelf: Shelf) -> Iterator[Callable[..., Repository]]:
    """Makes a repository of the folders in `tmp_path`, under explicit control unless told otherwise."""
    made = []

    def make(*first: str, explicit: bool = True, **sources: Any) -> Repository:
        chosen = Sources(**{"repository": tmp_path, **sources})
        repository = Repository(chosen, shelf, explicit=explicit, first=first if explicit else None)
        made.append(repository)
        return repository

    yield make
    shelf.go_on.set()
    for repository in made:
        repository.close()
