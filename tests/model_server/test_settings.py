"""A setting that breaks its rule is refused by its name, its value and the rule, before anything starts."""

import re
from pathlib import Path

import pytest

from mesh.address import Address, outgoing_host
from model_server.__main__ import run, settings_of
from model_server.app import advertise
from model_server.models import Batching
from model_server.settings import Settings

GOOD = ["--service", "a", "--color", "blue", "--model", "m=FILE"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").touch()
    return tmp_path / "model.onnx"


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ([], "--service"),
        (["--service", "a"], "--color"),
        (["--service", "a", "--color", "blue"], "--model"),
        (
            ["--service", "a b", "--color", "blue", "--model", "m=FILE"],
            r"--service 'a b': must be a DNS label",
        ),
        (["--service", "a", "--color", "Blue", "--model", "m=FILE"], r"--color 'Blue': must match \[a-z\]"),
        (["--service", "a", "--color", "verdigris", "--model", "m=FILE"], "--color 'verdigris': is the tag"),
        (["--service", "a", "--color", "blue", "--model", "FILE"], "--model '.*': must be NAME=PATH"),
        (
            ["--service", "a", "--color", "blue", "--model", "m=/no/file"],
            "--model 'm=/no/file': no such file",
        ),
        (
            [*GOOD, "--model", "m=FILE"],
            "--model '.*': 'm' is given twice",
        ),
        (
            [*GOOD, "--listen", "nowhere"],
            "--listen 'nowhere'",
        ),
        (
            [*GOOD, "--listen", "127.0.0.1:70000"],
            "--listen '127.0.0.1:70000': must be HOST:PORT with a port",
        ),
        (
            [*GOOD, "--advertise", "0.0.0.0:1"],
            "--advertise '0.0.0.0:1': must be an address",
        ),
        (
            [*GOOD, "--consul-addr", "ftp://x"],
            "--consul-addr 'ftp://x': must be HOST:PORT",
        ),
        (
            [*GOOD, "--consul-token-file", "/no/token"],
            "--consul-token-file '/no/token': cannot be read: No such file",
        ),
        (
            [*GOOD, "--admin", "0.0.0.0:9000"],
            "--admin '0.0.0.0:9000': must be a loopback address",
        ),
        (
            [*GOOD, "--admin", "on"],
            "--admin 'on': must be HOST:PORT",
        ),
        (
            [*GOOD, "--threads", "0"],
            "--threads '0': must be 1",
        ),
        (
            [*GOOD, "--drain", "nan"],
            "--drain 'nan': must be 0",
        ),
        ([*GOOD, "--queue", "x"], "--queue"),
        (
            [*GOOD, "--max-message-mib", "2048"],
            "--max-message-mib '2048': must be below 2048",
        ),
        (["--nonsense"], "--nonsense"),
        (
            [*GOOD, "--model", "../m=FILE"],
            r"--model '\.\./m=.*': the name must have no separators",
        ),
        (
            [*GOOD, "--model", "=FILE"],
            "--model '=.*': the name must not be empty",
        ),
        (
            [*GOOD, "--repository", "/no/folder"],
            "--repository '/no/folder': no such folder",
        ),
        (
            [*GOOD, "--model-control", "poll"],
            "--model-control",
        ),
        (
            [*GOOD, "--model-control", "explicit", "--load-model", "n"],
            "--load-model 'n': needs --repository and --model-control explicit",
        ),
        (
            [*GOOD, "--repository", "FOLDER", "--load-model", "n"],
            "--load-model 'n': needs --repository and --model-control explicit",
        ),
        (
            [*GOOD, "--repository", "FOLDER", "--model-control", "explicit", "--load-model", "../n"],
            r"--load-model '\.\./n': must have no separators",
        ),
        (
            [*GOOD, "--batch", "n=8"],
            "--batch 'n': is no model of --model; for the repository's there is config.pbtxt",
        ),
        ([*GOOD, "--batch", "m"], "--batch 'm': must be NAME=MAX"),
        ([*GOOD, "--batch", "m=1"], "--batch 'm=1': must be NAME=MAX"),
        ([*GOOD, "--batch", "m=8:soon"], "--batch 'm=8:soon': must be NAME=MAX"),
        ([*GOOD, "--batch", "m=8", "--batch", "m=9"], "--batch 'm=9': 'm' is given twice"),
        (
            [*GOOD, "--provider", "NowhereExecutionProvider"],
            "--provider 'NowhereExecutionProvider': must be one of .*CPUExecutionProvider",
        ),
        ([*GOOD, "--graph-optimization", "most"], "--graph-optimization"),
    ],
)
def test_a_bad_setting_is_refused_by_name_value_and_rule(
    file: Path, arguments: list[str], culprit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [each.replace("FILE", str(file)).replace("FOLDER", str(file.parent)) for each in arguments]
    assert run(given) == 64
    assert re.search(culprit, capsys.readouterr().err)


def settings(file: Path, **changes: object) -> Settings:
    values: dict[str, object] = {
        "service": "a",
        "color": "blue",
        "models": [f"m={file}"],
        "listen": "127.0.0.1:0",
        "advertise": None,
        "consul_addr": "127.0.0.1:8500",
        "no_consul": False,
        "consul_token_file": None,
        "max_message_mib": 512,
        "plaintext": True,
    }
    return settings_of(**{**values, **changes})  # type: ignore[arg-type]


def test_how_models_are_run_is_read_from_the_command_line(file: Path) -> None:
    chosen = settings(
        file,
        repository=file.parent,
        model_control="explicit",
        load_models=["*"],
        batches=["m=8:500"],
        providers=["CPUExecutionProvider"],
        graph_optimization="basic",
    )
    assert chosen.batching == {"m": Batching(8, 0.0005)}
    assert (chosen.explicit, chosen.load_models, chosen.graph_optimization) == (True, ("*",), "basic")
    assert settings(file, batches=["m=8"]).batching == {"m": Batching(8)}


def test_a_repository_is_enough(file: Path) -> None:
    assert settings(file, models=[], repository=file.parent).models == {}


def test_the_consul_token_comes_from_its_file_or_the_environment_and_is_not_shown(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "of the environment")
    token = tmp_path / "token"
    token.write_text("of the file\n")
    of_file, of_environment = settings(file, consul_token_file=token), settings(file)
    assert of_file.consul is not None
    assert of_environment.consul is not None
    assert (of_file.consul.token, of_environment.consul.token) == ("of the file", "of the environment")
    assert "of the file" not in repr(of_file)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("[::1]:80", "::1", 80),
        ("model-1.example:65535", "model-1.example", 65535),
    ],
)
def test_an_address_reads_as_it_is_written(text: str, host: str, port: int) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, str(address)) == (host, port, text)


@pytest.mark.parametrize(
    "text", ["", "host", ":1", "host:", "host:x", "::1:80", "[::1]", "a b:1", "h:65536", "h:-1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be HOST:PORT"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("listen", "given", "advertised"),
    [
        ("127.0.0.1:0", None, "127.0.0.1:4711"),
        ("127.0.0.1:0", "model:0", "model:4711"),
        ("127.0.0.1:0", "model:80", "model:80"),
        ("0.0.0.0:0", None, "127.0.0.1:4711"),
        ("0.0.0.0:0", "model:0", "model:4711"),
    ],
)
def test_what_is_registered_is_what_was_told_or_where_it_listens_or_the_side_towards_consul(
    file: Path, listen: str, given: str | None, advertised: str
) -> None:
    chosen = settings(file, listen=listen, advertise=given)
    assert str(advertise(chosen, Address(chosen.listen.host, 4711))) == advertised


def test_the_side_towards_loopback_is_loopback() -> None:
    assert outgoing_host(Address("127.0.0.1", 8500)) == "127.0.0.1"
