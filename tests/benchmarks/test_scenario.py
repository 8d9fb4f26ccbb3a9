"""Scenarios: what is sent, and who is compared."""

import pytest

from benchmarks.peers import BY_NAME
from benchmarks.scenario import BY_SUITE, MATRIX, SUITES, Scenario, of_suite


def test_a_message_is_framed_as_grpc_frames_it() -> None:
    assert Scenario(payload=3, connections=1, streams=1).message == b"\0\0\0\0\x03\0\0\0"


def test_a_name_says_size_flight_and_suite() -> None:
    assert Scenario(100, 4, 8).name == "100 B, 32 in flight"
    assert Scenario(65_536, 1, 1, suite="traced").name == "64 KiB, 1 in flight, traced"


def test_every_peer_that_a_scenario_names_exists() -> None:
    assert {name for scenario in of_suite("all") for name in scenario.peers} == BY_NAME.keys()


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_compares_the_splitter_with_envoy_doing_the_same(suite: str) -> None:
    for scenario in BY_SUITE[suite]:
        assert {scenario.variant("verdigris"), scenario.variant("envoy")} <= set(scenario.peers)
        assert scenario.suite == suite


def test_all_suites_together_have_no_scenario_twice() -> None:
    scenarios = of_suite("all")
    assert len(set(scenarios)) == len(scenarios) == sum(len(found) for found in BY_SUITE.values())


def test_the_matrix_is_three_payloads_busy_and_alone() -> None:
    shapes = {(scenario.payload, scenario.in_flight) for scenario in BY_SUITE[MATRIX]}
    assert shapes == {(size, flight) for size in (100, 4096, 65_536) for flight in (32, 1)}
