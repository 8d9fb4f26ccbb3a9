"""Schedulers that are closed whatever a test says of them: their threads would keep the tests' process alive."""

from collections.abc import Iterator
from typing import Any

import pytest

from model_server.scheduling.scheduler import Scheduler


@pytest.fixture
def schedulers() -> Iterator[Any]:
    """Makes them; called as the class is."""
    made: list[Scheduler] = []

    def make(*arguments: Any, **options: Any) -> Scheduler:
        made.append(Scheduler(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
