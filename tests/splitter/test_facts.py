"""What `splitter.facts` promises: what one process knows, another learns as it was."""

import json
from dataclasses import replace

import pytest

from mesh import traffic
from mesh.consul import Instance
from mesh.traffic import Problem
from splitter.facts import Facts, Refused

DEFAULT = traffic.default("blue")
RAW = '{"split": {"blue": 90, "green": 10}, "note": "für später"}'.encode()
BLUE = Instance("b1", "10.0.0.7", 8001, ("blue", "verdigris"), {"model": "films"}, True)
GREEN = replace(BLUE, id="g1", tags=("green",), passing=False)
REFUSED = Refused(8, (Problem("split", "99", "must add up to exactly 100"),))


@pytest.mark.parametrize(
    "facts",
    [
        Facts(DEFAULT),
        Facts(DEFAULT, instances=(BLUE,), complete=True, version=3),
        Facts(traffic.parse(RAW), raw=RAW, revision=7, instances=(BLUE, GREEN), complete=True, version=9),
        Facts(traffic.parse(RAW), raw=RAW, revision=7, refused=REFUSED, missing="lost", remembered=("g1",)),
    ],
    ids=["nothing", "the default", "a document", "after failures"],
)
def test_they_travel_as_json(facts: Facts) -> None:
    assert Facts.from_json(json.loads(facts.to_json()), default=DEFAULT) == facts
