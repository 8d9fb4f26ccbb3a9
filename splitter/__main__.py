"""The command `splitter`: settings and exit codes (0: stopped, 64: bad configuration, 1: failed start)."""

import asyncio
import gc
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import uvloop

from mesh import contract
from mesh.quantity import seconds, size
from mesh.tls import BadTLS, ClientTLS, ServerTLS
from mesh.tls_options import server_options, upstream_options
from mesh.version import version
from splitter import memory
from splitter.app import App
from splitter.settings import BadSetting, Settings, address, consul_address, parse_limits, quantity

BAD_CONFIGURATION: Final = 64
FAILED_START: Final = 1


class _Command(click.Command):
    """Returns our exit codes, where click would end the process with its own."""

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> int:  # type: ignore[override]
        try:
            return int(super().main(args, "splitter", standalone_mode=False, **extra) or 0)
        except click.ClickException as error:
            error.show()
        except (BadSetting, BadTLS) as error:
            click.echo(f"splitter: {error}", err=True)
        return BAD_CONFIGURATION


@click.command(
    cls=_Command,
    context_settings={"auto_envvar_prefix": "VERDIGRIS", "show_default": True, "max_content_width": 110},
)
@click.version_option(version(), prog_name="splitter")
@click.option("--service", required=True, help="The service in Consul whose calls are split.")
@click.option(
    "--listen", default="127.0.0.1:50051", help="Where gRPC clients connect; port 0 is any free port."
)
@click.option(
    "--consul-addr",
    default="127.0.0.1:8500",
    envvar=["VERDIGRIS_CONSUL_ADDR", "CONSUL_HTTP_ADDR"],
    help="The local Consul agent.",
)
@click.option(
    "--consul-token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with the ACL token [else CONSUL_HTTP_TOKEN].",
)
@click.option(
    "--admin",
    default="127.0.0.1:0",
    help="Where /healthz, /readyz, /metrics and /table are served (loopback only); 'off' for nowhere.",
)
@click.option(
    "--default-color",
    default=contract.DEFAULT_COLOR,
    help="Where everything goes while there is no traffic document.",
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keeps the last good document for a restart while Consul is down.",
)
@click.option(
    "--trace-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write spans here as OTLP JSON, unless OTEL_* names an exporter  [default: traces.jsonl in --state-dir]",
)
@click.option(
    "--store",
    metavar="URL",
    help="Where pairs of shadows are kept, for `verdigris report`: a file, or the URL of an SQLite or PostgreSQL "
    "database; 'off' for nowhere  [default: shadow.db in --state-dir]",
)
@click.option("--retain-age", default="30d", help="How long a pair is kept; 'off' for ever.")
@click.option(
    "--retain-size", default="2GiB", help="What the store may take; the oldest pairs go. 'off' for no bound."
)
@click.option(
    "--redactor",
    "redactors",
    multiple=True,
    metavar="NAME",
    envvar="VERDIGRIS_REDACTOR",
    help="An entry point of the group verdigris.redactors, which sees each pair before it is kept. Repeatable (in the "
    "variable: by spaces).",
)
@click.option(
    "--drain",
    default=30.0,
    help="Seconds that calls in flight have to finish after SIGTERM.",
)
@server_options
@upstream_options
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    envvar="VERDIGRIS_LIMIT",
    help="Another limit on what peers may cost. Repeatable (in the variable: by spaces); docs/http2.md lists them.",
)
@click.option(
    "--workers",
    default=1,
    help="Processes that serve calls; one Consul watch serves all of them. Users of a key stay with their colour "
    "whichever they meet; calls without one are dealt exactly by each process for itself.",
)
@click.option(
    "--watchdog",
    default=1.0,
    help="Seconds without a turn of the event loop after which its stack is logged; 0 for never.",
)
@click.option(
    "--log-level",
    default="warning",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="What is logged to stderr.",
)
def main(
    service: str,
    listen: str,
    consul_addr: str,
    consul_token_file: Path | None,
    admin: str,
    default_color: str,
    state_dir: Path | None,
    trace_file: Path | None,
    store: str | None,
    retain_age: str,
    retain_size: str,
    redactors: tuple[str, ...],
    drain: float,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    tls_client_names: tuple[str, ...],
    plaintext: bool,
    upstream_tls_ca: Path | None,
    upstream_tls_cert: Path | None,
    upstream_tls_key: Path | None,
    upstream_tls_name: str | None,
    limits: tuple[str, ...],
    workers: int,
    watchdog: float,
    log_level: str,
) -> int:
    """The sidecar: gRPC clients connect to it, and one Consul key says which colour serves, and who shadows."""
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    settings = Settings(
        service=service,
        listen=address("--listen", listen),
        admin=None if admin == "off" else address("--admin", admin),
        consul=consul_address(consul_addr, consul_token_file),
        default_color=default_color,
        state_dir=state_dir,
        trace_file=trace_file or (state_dir / "traces.jsonl" if state_dir else None),
        store=None if store == "off" else store or (str(state_dir / "shadow.db") if state_dir else None),
        retain_age=quantity("--retain-age", retain_age, seconds),
        retain_size=quantity("--retain-size", retain_size, size),
        redactors=redactors,
        drain=drain,
        tls=ServerTLS.given("--tls", tls_cert, tls_key, tls_client_ca, tls_client_names),
        upstream_tls=ClientTLS.given(
            "--upstream-tls", upstream_tls_ca, upstream_tls_cert, upstream_tls_key, upstream_tls_name
        ),
        plaintext=plaintext,
        limits=parse_limits(limits),
        workers=workers,
        watchdog=watchdog,
    ).checked()
    # Calls are short-lived cycles of three objects; collecting them less often saves a few percent of the CPU.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    code = 0
    try:
        uvloop.run(App(settings, say=lambda line: click.echo(line, err=True)).run())
    except* OSError as group:
        click.echo("splitter: " + "; ".join(str(error) for error in group.exceptions), err=True)
        code = FAILED_START
    except* asyncio.CancelledError:
        pass
    return code


if __name__ == "__main__":
    memory.returnable()
    sys.exit(main())
