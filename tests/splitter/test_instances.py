"""What `splitter.instances` promises: Consul's answer, without what Consul has merely lost."""

from dataclasses import replace

import pytest

from mesh.consul import Instance
from splitter.instances import MEMORY, Instances

BLUE = Instance("b1", "127.0.0.1", 1, ("blue", "verdigris"), {}, True)
GREEN = Instance("g1", "127.0.0.1", 2, ("green", "verdigris"), {}, True)


@pytest.fixture
def instances() -> Instances:
    made = Instances()
    made.learn([BLUE, GREEN], lost=False, now=0.0)
    return made


def ids(instances: Instances) -> set[str]:
    return set(instances.known)


def test_what_consul_takes_out_is_gone(instances: Instances) -> None:
    instances.learn([BLUE], lost=False, now=1.0)
    assert ids(instances) == {"b1"}


def test_what_consul_has_lost_is_remembered_for_a_minute(instances: Instances) -> None:
    instances.doubt()
    instances.learn([], lost=True, now=10.0)
    assert ids(instances) == {"b1", "g1"}
    instances.learn([BLUE], lost=False, now=10.0 + MEMORY - 1)
    assert ids(instances) == {"b1", "g1"}
    instances.learn([BLUE], lost=False, now=10.0 + MEMORY + 1)
    assert ids(instances) == {"b1"}


def test_to_lose_it_again_does_not_prolong_the_memory(instances: Instances) -> None:
    for now in (10.0, 40.0, 70.5):
        instances.doubt()
        instances.learn([BLUE], lost=True, now=now)
    assert ids(instances) == {"b1"}


def test_what_registers_again_is_no_memory_any_more(instances: Instances) -> None:
    instances.doubt()
    instances.learn([], lost=True, now=10.0)
    instances.learn([BLUE, GREEN], lost=True, now=11.0)
    instances.learn([BLUE], lost=True, now=12.0)
    assert ids(instances) == {"b1"}


def test_what_registers_again_under_another_id_is_not_there_twice(instances: Instances) -> None:
    instances.doubt()
    instances.learn([replace(GREEN, id="g2", tags=("blue",))], lost=True, now=10.0)
    assert ids(instances) == {"b1", "g2"}
