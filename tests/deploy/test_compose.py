"""`deploy/compose.yaml`: flags the commands know, variables somebody reads, ports and names that fit together."""

import re
from typing import Any, Final

import pytest
from opentelemetry.sdk import environment_variables as otel

from tests.deploy.compose import DEPLOY, Service, dockerfiles, load

DOCUMENT, SERVICES = load()
OURS: Final = [service for service in SERVICES.values() if service.is_ours]
SPLITTER, CLIENT = SERVICES["splitter"], SERVICES["client"]
MODEL_SERVERS: Final = [service for service in OURS if service.words[0] == "model-server"]
KEYS: Final = {
    *("build", "command", "depends_on", "environment", "healthcheck", "image", "network_mode", "ports"),
    *("profiles", "restart", "stop_grace_period", "volumes"),
}
"""Keys of the Compose Specification that the file may use for a service."""

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
each_of_ours = pytest.mark.parametrize("service", OURS, ids=[service.name for service in OURS])
each_dockerfile = pytest.mark.parametrize("file", dockerfiles(), ids=lambda file: file.stem)


def test_the_mesh_is_complete() -> None:
    assert set(SERVICES) == {"consul", "jaeger", "blue", "green", "splitter", "client", "operator"}
    assert [service.settings["color"] for service in MODEL_SERVERS] == ["blue", "green"]


@each_service
def test_a_service_uses_keys_of_the_compose_specification(service: Service) -> None:
    assert set(service.spec) <= KEYS
    assert service.spec.keys() & {"image", "build"}
    for other, how in service.spec.get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[other].spec


@each_of_ours
def test_a_command_understands_its_flags(service: Service) -> None:
    assert service.settings


@each_of_ours
def test_every_variable_is_read_by_somebody(service: Service) -> None:
    assert set(service.environment) <= service.variables() | set(vars(otel))


@each_service
def test_nothing_is_published_beyond_this_machine(service: Service) -> None:
    """None of these ports asks for a password."""
    assert all(address == "127.0.0.1" for address, _, _ in service.ports())


def test_no_port_of_the_host_is_published_twice() -> None:
    published = [port for service in SERVICES.values() for _, port, _ in service.ports()]
    assert len(published) == len(set(published))


@each_of_ours
def test_consul_is_where_everybody_looks_for_it(service: Service) -> None:
    address = service.environment.get("VERDIGRIS_CONSUL_ADDR", service.settings["consul_addr"])
    assert address == "consul:8500"
    assert service.spec["depends_on"]["consul"] == {"condition": "service_healthy"}
    assert 8500 in {port for _, _, port in SERVICES["consul"].ports()}


@pytest.mark.parametrize("service", MODEL_SERVERS, ids=lambda service: service.name)
def test_a_model_server_is_reached_where_it_says(service: Service) -> None:
    """Consul's health check and the splitter find it by the name of its service, where it listens."""
    settings = service.settings
    assert settings["service"] == SPLITTER.settings["service"]
    assert settings["listen"].startswith("0.0.0.0:")
    assert settings["advertise"] == f"{service.name}:{port(settings['listen'])}"


@pytest.mark.parametrize("service", MODEL_SERVERS, ids=lambda service: service.name)
def test_a_model_is_mounted_where_it_is_loaded(service: Service) -> None:
    (model,) = service.settings["models"]
    (volume,) = service.spec["volumes"]
    source, target, mode = volume.split(":")
    file = model.partition("=")[2]
    assert file.startswith(f"{target}/")
    assert (DEPLOY / source / file.removeprefix(f"{target}/")).is_file()
    assert mode == "ro"


@pytest.mark.parametrize(
    "service", [service for service in OURS if "OTEL_EXPORTER_OTLP_ENDPOINT" in service.environment]
)
def test_traces_go_to_jaeger(service: Service) -> None:
    assert service.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://jaeger:4317"
    assert service.environment["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc"
    assert "jaeger" in SERVICES


def test_the_client_calls_the_sidecar_that_it_shares_a_network_with() -> None:
    assert CLIENT.spec["network_mode"] == "service:splitter"
    flags = dict(word.removeprefix("--").split("=") for word in CLIENT.words)
    listen = port(SPLITTER.settings["listen"])
    assert flags["server"] == f"127.0.0.1:{listen}"
    assert [listen] == [container for _, _, container in SPLITTER.ports()]


def test_the_sidecars_health_is_asked_on_its_admin_port() -> None:
    asked = re.findall(r"http://([^/]+)/(\w+)", SPLITTER.spec["healthcheck"]["test"][-1])
    assert asked == [(SPLITTER.settings["admin"], "readyz")]


@pytest.mark.parametrize("service", [*MODEL_SERVERS, SPLITTER], ids=lambda service: service.name)
def test_whoever_serves_has_time_to_drain(service: Service) -> None:
    """Docker kills after the grace period."""
    needed = service.settings["drain"] + service.settings.get("linger", 0)
    assert int(service.spec["stop_grace_period"].removesuffix("s")) > needed


def test_what_has_to_survive_is_on_a_volume() -> None:
    declared = set(DOCUMENT["volumes"])
    named = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.spec.get("volumes", [])
        if not volume.startswith(".")
    }
    assert named == declared
    assert any(volume.endswith(f":{SPLITTER.settings['state_dir']}") for volume in SPLITTER.spec["volumes"])


def test_images_are_pinned_and_name_no_host() -> None:
    for service in SERVICES.values():
        image: str = service.spec["image"]
        assert "." not in image.partition("/")[0].partition(":")[0]
        assert "build" in service.spec or re.search(r":\d", image)


@each_service
def test_a_built_image_has_its_dockerfile(service: Service) -> None:
    build: dict[str, Any] | None = service.spec.get("build")
    if build is not None:
        assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
        assert (DEPLOY / build["context"] / "pyproject.toml").is_file()


@each_dockerfile
def test_a_dockerfile_copies_what_is_there_and_runs_as_nobody_special(file: Any) -> None:
    root, text = DEPLOY.parent, file.read_text()
    kept = file.with_name(f"{file.name}.dockerignore").read_text().splitlines()
    assert kept[0] == "*"
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (root / source).exists(), source
            assert f"!{source}" in kept, source
    assert re.search(r"^USER (?!root)\w+$", text, re.MULTILINE)
    assert not re.search(r"https?://|index-url", text)


def port(address: str) -> int:
    return int(address.rpartition(":")[2])
