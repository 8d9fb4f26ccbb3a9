"""Peers' configurations: what a variant adds to its proxy, and nothing else."""

import json
from pathlib import Path
from typing import Any

from benchmarks import certificate
from benchmarks.peers import BY_NAME, PEERS
from benchmarks.peers.envoy_config import Config, tls
from benchmarks.scenario import SUITES

ROUTE = {"cluster": "blue"}


def manager(document: dict[str, Any]) -> dict[str, Any]:
    (listener,) = document["static_resources"]["listeners"]
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def test_names_are_unique_and_a_variants_name_begins_with_its_proxys() -> None:
    assert len(BY_NAME) == len(PEERS)
    for name in BY_NAME:
        proxy, _, variant = name.partition("-")
        assert proxy in BY_NAME
        assert not variant or variant.partition("-")[0] in SUITES


def test_envoy_goes_to_its_clusters_and_holds_no_call_back() -> None:
    document = Config(port=1, clusters={"blue": 2, "green": 3}, route=ROUTE).document()
    assert json.loads(json.dumps(document)) == document
    clusters = document["static_resources"]["clusters"]
    assert [cluster["name"] for cluster in clusters] == ["blue", "green"]
    for cluster in clusters:
        assert cluster["circuit_breakers"]["thresholds"][0]["max_requests"] >= 10_000
    assert manager(document)["route_config"]["virtual_hosts"][0]["routes"][0]["route"]["timeout"] == "0s"
    assert "layered_runtime" not in document


def test_envoys_extras_are_added_and_the_rest_stays() -> None:
    plain = Config(port=1, clusters={"blue": 2}, route=ROUTE)
    more = Config(
        port=1,
        clusters={"blue": 2},
        route=ROUTE,
        manager={"tracing": {}},
        runtime={"a.b": 1},
        transport=tls("cert", "key"),
    )
    assert manager(more.document()) == {**manager(plain.document()), "tracing": {}}
    (listener,) = more.document()["static_resources"]["listeners"]
    assert "tls" in listener["filter_chains"][0]["transport_socket"]["name"]
    assert more.document()["layered_runtime"]["layers"][0]["static_layer"] == {"a.b": 1}


def test_a_certificate_is_made_once_for_all_peers(tmp_path: Path) -> None:
    first = certificate.certificate(tmp_path)
    again = certificate.certificate(tmp_path)
    both = first.both.read_text()
    assert first == again
    assert both == again.certificate.read_text() + again.key.read_text()
    assert both.count("BEGIN") == 2
