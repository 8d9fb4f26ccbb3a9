"""The command as an operator runs it: what it says of a bad start, and its exit codes."""

import os
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from mesh.address import Address
from mesh.consul import ConsulAddress
from mesh.http2.limits import Limits
from mesh.tls import ClientTLS, ServerTLS
from splitter import __main__ as module
from splitter import app
from splitter.__main__ import main
from splitter.settings import Settings
from splitter.worker import Orders
from tests.certificates import Authority
from tests.splitter.test_settings import GIVEN

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

    @pytest.mark.parametrize("option", ["--listen", "--admin"])
    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_that_cannot_listen_ends_with_1_and_says_where(self, option: str, workers: str) -> None:
        """Whether or not Consul answers."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            code, said = ended(*GOOD, "--workers", workers, option, address)
        assert code == 1
        assert said.splitlines()[-1] == (
            f"splitter: {option} '{address}': cannot listen there: address already in use"
        )
        assert "Traceback" not in said

    def test_on_a_host_that_nobody_knows_says_so(self) -> None:
        where = "nobody.invalid:1"
        code, said = ended(*GOOD, "--plaintext", "--listen", where)
        assert code == 1
        line = said.splitlines()[-1]
        assert line.startswith(f"splitter: --listen '{where}': cannot listen there: ")
        assert "Errno" not in line

    def test_says_its_version(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "splitter", "--version"], capture_output=True, text=True, timeout=60
        )
        said = f"splitter, version {version('verdigris')}\n"
        assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


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
        ([*GOOD, "--retain-age", "a week"], "--retain-age: must be a time with its unit"),
        ([*GOOD, "--retain-size", "2"], "--retain-size: must be a size with its unit"),
        ([*GOOD, "--drain", "soon"], "'--drain': 'soon'"),
        ([*GOOD, "--drain", "-1"], "--drain: must be from 0"),
        ([*GOOD, "--listen", "0.0.0.0:1"], "--listen: an address that is not loopback needs --tls-cert"),
        ([*GOOD, "--tls-cert", __file__], "--tls-cert: needs --tls-key"),
        ([*GOOD, "--tls-cert", __file__, "--tls-key", __file__], "--tls-cert: holds no PEM certificate"),
        ([*GOOD, "--tls-client-name", "a"], "--tls-client-name: needs --tls-cert and --tls-key"),
        ([*GOOD, "--upstream-tls-ca", "/no/ca"], "--upstream-tls-ca: cannot be read"),
        ([*GOOD, "--upstream-tls-name", "a"], "--upstream-tls-name: needs --upstream-tls-ca"),
        ([*GOOD, "--upstream-tls-key", "/no/key"], "--upstream-tls-key: needs --upstream-tls-cert"),
        ([*GOOD, "--limit", "max_streams"], "--limit 'max_streams': must be NAME=VALUE"),
        ([*GOOD, "--workers", "0"], "--workers: must be from 1 to 256"),
        ([*GOOD, "--watchdog", "-1"], "--watchdog: must be from 0.01"),
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


@pytest.mark.parametrize(("compiled", "lines"), [(True, 0), (False, 1)])
@pytest.mark.parametrize("workers", [1, 2])
async def test_an_interpreted_data_path_is_a_warning_once_a_sidecar(
    compiled: bool,
    lines: int,
    workers: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Nothing:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        async def run(self) -> None:
            pass

    for name in ("Single", "Supervisor", "Worker"):
        monkeypatch.setattr(app, name, Nothing)
    monkeypatch.setattr(app, "COMPILED", compiled)
    settings = Settings(**{**GIVEN, "workers": workers})
    await app.App(settings, say=print).run()
    for number in range(workers if workers > 1 else 0):
        for name, value in Orders(number, "a", 1, ()).to_environment().items():
            monkeypatch.setenv(name, value)
        await app.App(settings, say=print).run()
    told = [each.getMessage() for each in caplog.records]
    assert len(told) == lines
    assert all("the data path is interpreted" in each for each in told)


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
        retain_age=30 * 86_400.0,
        retain_size=2 << 30,
        sidecar=settings.sidecar,
    )


def test_every_setting_is_also_a_variable(
    started: list[Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("secret")
    ca = Authority(tmp_path / "ca")
    shown = ca.issue("any", "localhost")
    for name, value in {
        "SERVICE": "films",
        "LISTEN": "[::1]:7",
        "ADMIN": "off",
        "CONSUL_ADDR": "https://consul:8501",
        "CONSUL_TOKEN_FILE": str(tmp_path / "token"),
        "DEFAULT_COLOR": "green",
        "STATE_DIR": str(tmp_path),
        "TRACE_FILE": str(tmp_path / "own.jsonl"),
        "STORE": "postgresql://films@db/pairs",
        "RETAIN_AGE": "12h",
        "RETAIN_SIZE": "off",
        "REDACTOR": "names faces",
        "DRAIN": "1.5",
        "TLS_CERT": str(shown.cert),
        "TLS_KEY": str(shown.key),
        "TLS_CLIENT_CA": str(ca.cert),
        "TLS_CLIENT_NAME": "a.example spiffe://b/c",
        "UPSTREAM_TLS_CA": str(ca.cert),
        "UPSTREAM_TLS_CERT": str(shown.cert),
        "UPSTREAM_TLS_KEY": str(shown.key),
        "UPSTREAM_TLS_NAME": "models.example",
        "PLAINTEXT": "1",
        "LIMIT": "max_streams=7 write_timeout=2",
        "WORKERS": "3",
        "WATCHDOG": "0",
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
        store="postgresql://films@db/pairs",
        retain_age=43_200.0,
        retain_size=None,
        redactors=("names", "faces"),
        tls=ServerTLS(shown.cert, shown.key, ca.cert, ("a.example", "spiffe://b/c")),
        upstream_tls=ClientTLS(ca.cert, shown.cert, shown.key, "models.example"),
        plaintext=True,
        limits=Limits(max_streams=7, write_timeout=2.0),
        workers=3,
        watchdog=0.0,
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


def test_a_state_directory_holds_the_traces_and_the_pairs_too(
    started: list[Settings], tmp_path: Path
) -> None:
    main(["--service", "a", "--state-dir", str(tmp_path)])
    assert started[0].trace_file == tmp_path / "traces.jsonl"
    assert started[0].store == str(tmp_path / "shadow.db")


def test_pairs_are_not_kept_where_that_is_off(started: list[Settings], tmp_path: Path) -> None:
    main(["--service", "a", "--state-dir", str(tmp_path), "--store", "off"])
    assert started[0].store is None


def test_help_is_no_error(started: list[Settings], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for flag in ("--service", "--listen", "--consul-addr", "--admin", "--default-color", "--state-dir"):
        assert flag in said
    assert started == []
