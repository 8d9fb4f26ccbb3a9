"""The command line's options of TLS, the same for every program that listens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path, dir_okay=False)


def server_options(command: F) -> F:
    """`--tls-…` and `--plaintext`."""
    for option in reversed(
        (
            click.option(
                "--tls-cert", type=_FILE, help="TLS towards clients: PEM certificate, its chain after it."
            ),
            click.option(
                "--tls-key", type=_FILE, help="Its private key. Both are read again when they change."
            ),
            click.option(
                "--tls-client-ca",
                type=_FILE,
                help="Clients must show a certificate of these CAs (mutual TLS).",
            ),
            click.option(
                "--tls-client-name",
                "tls_client_names",
                multiple=True,
                envvar="VERDIGRIS_TLS_CLIENT_NAME",
                help="… that names this DNS name or URI in its SAN, exactly. Repeatable (in the variable: by spaces).",
            ),
            click.option(
                "--plaintext",
                is_flag=True,
                help="Allow plain text on an address that is not loopback: the network is trusted.",
            ),
        )
    ):
        command = option(command)
    return command


def upstream_options(command: F) -> F:
    """`--upstream-tls-…`."""
    for option in reversed(
        (
            click.option(
                "--upstream-tls-ca",
                type=click.Path(path_type=Path),
                help="TLS towards model servers: the CAs to believe, a PEM file or 'system'.",
            ),
            click.option(
                "--upstream-tls-cert", type=_FILE, help="Our certificate towards them (mutual TLS)."
            ),
            click.option("--upstream-tls-key", type=_FILE, help="Its private key."),
            click.option(
                "--upstream-tls-name",
                help="What their certificates name, if that is not the address in Consul.",
            ),
        )
    ):
        command = option(command)
    return command
