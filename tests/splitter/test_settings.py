"""A setting that breaks its rule is refused by its name, its value and the rule, before anything starts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mesh.consul import ConsulAddress
from splitter.settings import Address, BadSetting, Settings, consul_address

GOOD = Settings(
    service="recommender",
    listen=Address("127.0.0.1", 50_051),
    admin=Address("127.0.0.1", 0),
    consul=ConsulAddress("127.0.0.1", 8500),
    default_color="blue",
    state_dir=None,
    trace_file=None,
    drain=30.0,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:50051", "127.0.0.1", 50_051),
        ("0.0.0.0:0", "0.0.0.0", 0),
        ("localhost:65535", "localhost", 65_535),
        ("[::1]:80", "::1", 80),
    ],
)
def test_an_address_is_host_and_port_and_reads_as_it_was_written(text: str, host: str, port: int) -> None:
    address = Address.parse("--listen", text)
    assert (address.host, address.port, str(address)) == (host, port, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nowhere",
        ":1",
        "127.0.0.1",
        "127.0.0.1:",
        "a:-1",
        "a:65536",
        "a:1.5",
        "a:http",
        "a:²",
        "a:٣",
        "a: 1",
    ],
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(BadSetting) as refused:
        Address.parse("--listen", text)
    assert str(refused.value) == f"--listen: must be HOST:PORT with a port from 0 to 65535 (found {text!r})"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("127.0.0.1.evil.example", False),
        ("127.evil", False),
    ],
)
def test_only_what_no_other_machine_can_reach_is_loopback(host: str, loopback: bool) -> None:
    assert Address(host, 1).is_loopback is loopback


def test_good_settings_pass() -> None:
    for settings in (GOOD, replace(GOOD, admin=None), replace(GOOD, drain=0.0), replace(GOOD, service="a")):
        assert settings.checked() is settings


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"service": ""}, "--service: must be a DNS label: letters, digits and '-' (found '')"),
        ({"service": "a/b"}, "--service: must be a DNS label: letters, digits and '-' (found 'a/b')"),
        ({"service": "-a"}, "--service: must be a DNS label: letters, digits and '-' (found '-a')"),
        ({"default_color": "Blue"}, "--default-color: must match [a-z][a-z0-9-]{0,31} (found 'Blue')"),
        (
            {"default_color": "verdigris"},
            "--default-color: is the tag of every server of the mesh (found 'verdigris')",
        ),
        (
            {"admin": Address("0.0.0.0", 9_000)},
            "--admin: must be a loopback address: the port asks for no password (found '0.0.0.0:9000')",
        ),
        ({"drain": -1.0}, "--drain: must be from 0 to 86400 seconds (found '-1.0')"),
        ({"drain": float("nan")}, "--drain: must be from 0 to 86400 seconds (found 'nan')"),
        ({"drain": float("inf")}, "--drain: must be from 0 to 86400 seconds (found 'inf')"),
    ],
)
def test_bad_ones_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        replace(GOOD, **values).checked()
    assert str(refused.value) == said


def test_two_processes_of_one_host_are_two_sidecars() -> None:
    assert GOOD.sidecar.rpartition("-")[2].isdigit()
    assert replace(GOOD, sidecar="mine").sidecar == "mine"


def test_the_token_comes_from_its_file_or_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "from the environment")
    file = tmp_path / "token"
    file.write_text("from the file\n")
    assert consul_address("127.0.0.1:8500", file).token == "from the file"
    assert consul_address("https://consul:8501", None) == ConsulAddress(
        "consul", 8501, "https", "from the environment"
    )


@pytest.mark.parametrize("text", ["", "consul", "ftp://consul:1", "consul:0", "consul:1/ui"])
def test_an_agent_is_an_address_of_http(text: str) -> None:
    with pytest.raises(BadSetting) as refused:
        consul_address(text, None)
    assert str(refused.value) == (
        f"--consul-addr: must be HOST:PORT, http://HOST:PORT or https://HOST:PORT (found {text!r})"
    )


def test_a_token_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"--consul-token-file: cannot be read: No such file .*absent'\)"):
        consul_address("127.0.0.1:8500", tmp_path / "absent")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(BadSetting, match=r"--consul-token-file: cannot be read: it is no text .*binary'\)"):
        consul_address("127.0.0.1:8500", tmp_path / "binary")
