"""The command `model-server`: settings from flags and VERDIGRIS_* variables, log, exit codes.

0: stopped by SIGTERM or SIGINT. 64: bad configuration (EX_USAGE). 1: the start failed. 70: gRPC's server died
(EX_SOFTWARE); whoever supervises us should start another.
"""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import uvloop

from mesh.address import Address
from mesh.consul import CheckTLS, read_token
from mesh.tls import BadTLS, ServerTLS
from mesh.tls_options import server_options
from mesh.version import version
from model_server.app import serve
from model_server.errors import BrokenModelError, ServerDiedError, StartError
from model_server.memory import share_heap
from model_server.onnx_model import CPU
from model_server.repository_options import EXPLICIT, repository_options
from model_server.settings import (
    BadSettingError,
    Settings,
    parse_address,
    parse_batching,
    parse_consul,
    parse_models,
    usable_cpus,
)

BAD_CONFIGURATION: Final = 64
FAILED_START: Final = 1
SERVER_DIED: Final = 70


@click.command(context_settings={"auto_envvar_prefix": "VERDIGRIS", "show_default": True})
@click.version_option(version(), prog_name="model-server")
@click.option("--service", required=True, help="Name to register in Consul, such as recommender.")
@click.option("--color", required=True, help="Colour of this instance, such as blue or green.")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME=PATH",
    envvar="VERDIGRIS_MODEL",
    help="An .onnx file, or a folder of <version>/model.onnx. Repeatable (in the variable: by spaces).",
)
@repository_options
@click.option("--listen", default="127.0.0.1:8001", help="HOST:PORT to serve on; port 0 takes a free one.")
@click.option("--advertise", metavar="HOST:PORT", help="Where others reach it, if not at --listen.")
@server_options
@click.option(
    "--consul-addr",
    default="127.0.0.1:8500",
    envvar=["VERDIGRIS_CONSUL_ADDR", "CONSUL_HTTP_ADDR"],
    help="Consul's HTTP API.",
)
@click.option("--no-consul", is_flag=True, help="Serve without registering anywhere.")
@click.option(
    "--consul-token-file",
    type=click.Path(path_type=Path),
    help="File with the Consul token; else CONSUL_HTTP_TOKEN.",
)
@click.option(
    "--check-tls-name",
    help="With TLS: what Consul's check expects the certificate to name (not known to Consul 1.8).",
)
@click.option(
    "--check-tls-skip-verify", is_flag=True, help="With TLS: Consul's check believes any certificate."
)
@click.option(
    "--threads", type=int, default=usable_cpus(), help="Inferences that run at a time, beside the shortest."
)
@click.option("--intra-op-threads", type=int, default=1, help="Threads that share one inference.")
@click.option("--queue", type=int, default=1024, help="Inferences of one model that may wait for a thread.")
@click.option("--max-message-mib", type=int, default=512, help="Largest message, either way.")
@click.option("--linger", type=float, default=1.0, help="Seconds between leaving Consul and refusing calls.")
@click.option("--drain", type=float, default=10.0, help="Seconds that calls in flight have to finish.")
@click.option(
    "--admin",
    default="off",
    help="HOST:PORT of metrics and readiness, on loopback; or off; port 0 takes a free one.",
)
@click.option(
    "--trace-file", type=click.Path(path_type=Path), help="Append traces here, if no OTEL_* says other."
)
@click.option("--verbose", is_flag=True, help="Log more.")
def command(verbose: bool, **values: Any) -> None:
    """Serve ONNX models over the Open Inference Protocol v2, registered in Consul with a colour."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    uvloop.run(serve(settings_of(**values), announce=announce))


def settings_of(
    *,
    models: Sequence[str],
    model_control: str = "none",
    load_models: Sequence[str] = (),
    batches: Sequence[str] = (),
    providers: Sequence[str] = (CPU,),
    listen: str,
    advertise: str | None,
    consul_addr: str,
    no_consul: bool,
    consul_token_file: Path | None,
    max_message_mib: int,
    admin: str = "off",
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    tls_client_ca: Path | None = None,
    tls_client_names: Sequence[str] = (),
    check_tls_name: str | None = None,
    check_tls_skip_verify: bool = False,
    **rest: Any,
) -> Settings:
    """The flags as settings, or BadSettingError."""
    try:
        tls = ServerTLS.given("--tls", tls_cert, tls_key, tls_client_ca, tls_client_names)
    except BadTLS as error:
        raise BadSettingError(error.setting, error.value, error.rule) from None
    return Settings(
        models=parse_models("--model", models),
        explicit=model_control == EXPLICIT,
        load_models=tuple(load_models),
        batching=parse_batching("--batch", batches),
        providers=tuple(providers),
        listen=parse_address("--listen", listen),
        advertise=parse_address("--advertise", advertise) if advertise else None,
        consul=None if no_consul else parse_consul("--consul-addr", consul_addr, token_of(consul_token_file)),
        max_message=max_message_mib * 2**20,
        admin=None if admin == "off" else parse_address("--admin", admin),
        tls=tls,
        check_tls=CheckTLS(check_tls_name, check_tls_skip_verify),
        **rest,
    ).checked()


def token_of(file: Path | None) -> str | None:
    try:
        return read_token(file, os.environ)
    except OSError as error:
        raise BadSettingError("--consul-token-file", file, f"cannot be read: {error.strerror}") from None


def announce(address: Address) -> None:
    """The line that whoever started us waits for."""
    click.echo(f"listening on {address}", err=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit code; what went wrong is said on stderr."""
    share_heap()  # before anything that starts threads
    try:
        command.main(arguments, prog_name="model-server", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return BAD_CONFIGURATION
    except BadSettingError as error:
        click.echo(f"model-server: {error}", err=True)
        return BAD_CONFIGURATION
    except (BrokenModelError, StartError) as error:
        click.echo(f"model-server: {error}", err=True)
        return FAILED_START
    except ServerDiedError as error:
        click.echo(f"model-server: {error}", err=True)
        return SERVER_DIED
    return 0


if __name__ == "__main__":
    main()
