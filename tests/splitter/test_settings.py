"""A setting that breaks its rule is refused by its name, its value and the rule, before anything starts."""

import os
import socket
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from mesh.address import Address
from mesh.consul import ConsulAddress
from mesh.http2.limits import Limits
from mesh.tls import BadTLS, ClientTLS, ServerTLS
from splitter.settings import BadSetting, Settings, address, consul_address, parse_limits
from tests.certificates import Authority

GIVEN: dict[str, Any] = {
    "service": "recommender",
    "listen": Address("127.0.0.1", 50_051),
    "admin": Address("127.0.0.1", 0),
    "consul": ConsulAddress("127.0.0.1", 8500),
    "default_color": "blue",
    "state_dir": None,
    "trace_file": None,
    "drain": 30.0,
}
GOOD = Settings(**GIVEN)


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
    parsed = address("--listen", text)
    assert (parsed.host, parsed.port, str(parsed)) == (host, port, text)


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
        address("--listen", text)
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
        ({"workers": 0}, "--workers: must be from 1 to 256 (found '0')"),
        ({"workers": 257}, "--workers: must be from 1 to 256 (found '257')"),
        ({"watchdog": -1.0}, "--watchdog: must be from 0.01 to 3600 seconds, or 0 for off (found '-1.0')"),
        (
            {"watchdog": float("nan")},
            "--watchdog: must be from 0.01 to 3600 seconds, or 0 for off (found 'nan')",
        ),
        (
            {"listen": Address("0.0.0.0", 50_051)},
            "--listen: an address that is not loopback needs --tls-cert and --tls-key, or --plaintext if the "
            "network is trusted (found '0.0.0.0:50051')",
        ),
        (
            {"tls": ServerTLS(Path("/no/cert"), Path("/no/key"))},
            "--tls-cert: cannot be read: No such file or directory (found '/no/cert')",
        ),
        (
            {"upstream_tls": ClientTLS(Path("/no/ca"))},
            "--upstream-tls-ca: cannot be read: No such file or directory (found '/no/ca')",
        ),
    ],
)
def test_bad_ones_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises((BadSetting, BadTLS)) as refused:
        replace(GOOD, **values).checked()
    assert str(refused.value) == said


def test_beyond_this_machine_it_is_tls_or_a_plain_word(tmp_path: Path) -> None:
    everywhere = replace(GOOD, listen=Address("0.0.0.0", 50_051))
    assert replace(everywhere, plaintext=True).checked()
    shown = Authority(tmp_path / "ca").issue("server", "localhost")
    assert replace(everywhere, tls=ServerTLS(shown.cert, shown.key)).checked()


def test_limits_have_defaults_and_may_be_given_by_name() -> None:
    assert parse_limits(()) == Limits()
    assert parse_limits(("max_streams=100", "write_timeout=1.5")) == Limits(
        max_streams=100, write_timeout=1.5
    )


@pytest.mark.parametrize(
    ("pairs", "rule"),
    [
        (("max_streams",), "must be NAME=VALUE"),
        (("=1",), "must be NAME=VALUE"),
        (("max_dreams=1",), "there is no limit 'max_dreams', only max_connections, max_streams"),
        (("max_streams=1", "max_streams=2"), "max_streams is given twice"),
        (("max_streams=1.5",), "must be a whole number"),
        (("max_streams=",), "must be a whole number"),
        (("write_timeout=soon",), "must be a number"),
        (("write_timeout=nan",), "must be at least 1, not nan"),
        (("max_streams=0",), "must be at least 1, not 0"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused(pairs: tuple[str, ...], rule: str) -> None:
    with pytest.raises(BadSetting) as refused:
        parse_limits(pairs)
    assert str(refused.value).startswith(f"--limit {pairs[-1]!r}: {rule}")


def test_two_processes_are_two_sidecars_though_host_and_pid_are_the_same() -> None:
    """As in two containers of one pod: a shared host name, and pid 1 in each."""
    given = {each.name: getattr(GOOD, each.name) for each in fields(GOOD) if each.name != "sidecar"}
    one, other = Settings(**given), Settings(**given)
    assert one.sidecar.startswith(f"{socket.gethostname()}-{os.getpid()}-")
    assert one.sidecar != other.sidecar
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
