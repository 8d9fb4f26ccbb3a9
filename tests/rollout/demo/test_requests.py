"""The committed log: real users in order of time, and films with titles."""

from itertools import islice
from pathlib import Path

import pytest

from rollout.demo import requests
from rollout.demo.run import CALLS
from rollout.failure import Failure


def test_a_long_stage_meets_every_user() -> None:
    """Shares of users are measured over all of them."""
    log = requests.load()
    met = {request.user for request in islice(log.endless(), CALLS)}
    assert len(met) == len(log.users) == 671


def test_the_log_begins_again_when_it_is_through() -> None:
    log = requests.load()
    twice = list(islice(log.endless(), len(log.requests) + 1))
    assert twice[-1] == twice[0] == log.requests[0]


def test_films_have_titles() -> None:
    log = requests.load()
    assert log.title(356) == "Forrest Gump (1994)"
    assert log.title(-1) == "film -1"


def test_a_missing_log_says_where_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"requests\.csv is not there"):
        requests.load(tmp_path)
