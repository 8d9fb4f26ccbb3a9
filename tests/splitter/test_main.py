"""The command as an operator runs it: what it says of a bad start, and its exit codes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.consul import ConsulAddress
from splitter import __main__ as module
from splitter.__main__ import main
from splitter.settings import Address, Settings

GOOD = ["--service", "recommender", "--listen", "127.0.0.1:0", "--consul-addr", "127.0.0.1:1"]


def ended(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and stderr of a process that ends by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "splitter", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(env or {})},
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


class TestAProcess:
    def test_with_a_bad_setting_ends_with_64_and_says_which(self) -> None:
        code, said = ended("--service", "recommender", "--listen", "nowhere")
        assert code == 64
        assert said == "splitter: --listen: must be HOST:PORT with a port from 0 to 65535 (found 'nowhere')\n"

    def test_that_cannot_listen_ends_with_1_and_says_where(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            code, said = ended(*GOOD, "--admin", f"127.0.0.1:{port}")
        assert code == 1
        assert "address already in use" in said.lower()
        assert str(port) in said
        assert "Traceback" not in said


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of each start; nothing really starts."""
    starts: list[Settings] = []

    class NoApp:
        def __init__(self, settings: Settings, *, say: object) -> None:
            starts.append(settings)

        async def run(self) -> None:
            pass

    monkeypatch.setattr(module, "App", NoApp)
    for name in ("freeze", "set_threshold"):
        monkeypatch.setattr(f"splitter.__main__.gc.{name}", lambda *_: None)
    for name in list(os.environ):
        if name.startswith(("VERDIGRIS_", "CONSUL_")):
            monkeypatch.delenv(name)
    return starts


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ([], "Missing option '--service'"),
        ([*GOOD, "--service", "a b"], "--service: must be a DNS label"),
        ([*GOOD, "--default-color", "Blue"], "--default-color: must match"),
        ([*GOOD, "--admin", "0.0.0.0:1"], "--admin: must be a loopback address"),
        ([*GOOD, "--admin", "on"], "--admin: must be HOST:PORT"),
        ([*GOOD, "--consul-addr", "ftp://x"], "--consul-addr: must be HOST:PORT"),
        ([*GOOD, "--consul-token-file", "/no/token"], "--consul-token-file: cannot be read"),
        ([*GOOD, "--drain", "soon"], "'--drain': 'soon'"),
        ([*GOOD, "--drain", "-1"], "--drain: must be from 0"),
        ([*GOOD, "--log-level", "loud"], "'--log-level': 'loud'"),
        ([*GOOD, "--state-dir", __file__], "'--state-dir'"),
        ([*GOOD, "--nonsense"], "--nonsense"),
        ([*GOOD, "surplus"], "surplus"),
    ],
)
def test_a_bad_setting_is_refused_by_name_and_nothing_starts(
    arguments: list[str], culprit: str, started: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 64
    assert culprit in capsys.readouterr().err
    assert started == []


def test_only_the_service_must_be_given(started: list[Settings]) -> None:
    assert main(["--service", "recommender"]) == 0
    (settings,) = started
    assert settings == Settings(
        service="recommender",
        listen=Address("127.0.0.1", 50_051),
        admin=Address("127.0.0.1", 0),
        consul=ConsulAddress("127.0.0.1", 8500),
        default_color="blue",
        state_dir=None,
        trace_file=None,
        drain=30.0,
        sidecar=settings.sidecar,
    )


def test_every_setting_is_also_a_variable(
    started: list[Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("secret")
    for name, value in {
        "SERVICE": "films",
        "LISTEN": "[::1]:7",
        "ADMIN": "off",
        "CONSUL_ADDR": "https://consul:8501",
        "CONSUL_TOKEN_FILE": str(tmp_path / "token"),
        "DEFAULT_COLOR": "green",
        "STATE_DIR": str(tmp_path),
        "TRACE_FILE": str(tmp_path / "own.jsonl"),
        "DRAIN": "1.5",
        "LOG_LEVEL": "error",
    }.items():
        monkeypatch.setenv(f"VERDIGRIS_{name}", value)
    assert main([]) == 0
    (settings,) = started
    assert settings == Settings(
        service="films",
        listen=Address("::1", 7),
        admin=None,
        consul=ConsulAddress("consul", 8501, "https", "secret"),
        default_color="green",
        state_dir=tmp_path,
        trace_file=tmp_path / "own.jsonl",
        drain=1.5,
        sidecar=settings.sidecar,
    )


def test_the_agent_may_be_named_as_consul_s_own_commands_name_it(
    started: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "http://127.0.0.1:9500")
    main(["--service", "a"])
    monkeypatch.setenv("VERDIGRIS_CONSUL_ADDR", "127.0.0.1:9600")
    main(["--service", "a"])
    main(["--service", "a", "--consul-addr", "127.0.0.1:9700"])
    assert [settings.consul.port for settings in started] == [9500, 9600, 9700]


def test_a_state_directory_holds_the_traces_too(started: list[Settings], tmp_path: Path) -> None:
    main(["--service", "a", "--state-dir", str(tmp_path)])
    assert started[0].trace_file == tmp_path / "traces.jsonl"


def test_help_is_no_error(started: list[Settings], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for flag in ("--service", "--listen", "--consul-addr", "--admin", "--default-color", "--state-dir"):
        assert flag in said
    assert started == []
