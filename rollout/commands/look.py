"""`status` and `history`: the commands that only look."""

import time

import click
from rich.text import Text

from mesh import contract
from mesh.consul import Consul
from rollout import document
from rollout.failure import Exit, Failure
from rollout.history import revisions
from rollout.report import Report, asks_consul
from rollout.status import sidecars
from rollout.view import history as history_view
from rollout.view import status as status_view


@click.command()
@click.argument("service", required=False)
@asks_consul
async def status(consul: Consul, *, service: str | None) -> Report:
    """Show the traffic document, the endpoints and the live sidecars, of one service or of all."""
    if service:
        one = await _service(consul, service)
        return Report(status_view.as_data(one), status_view.show(one, time.time()))
    found = [await _service(consul, each) for each in await _services(consul)]
    lines = [line for each in found for line in (*status_view.show(each, time.time()), Text())]
    nothing = Text(f"No service has anything under {contract.KEY_ROOT}/ in Consul yet.")
    return Report([status_view.as_data(each) for each in found], lines or [nothing])


@click.command()
@click.argument("service")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first."
)
@asks_consul
async def history(consul: Consul, *, service: str, limit: int) -> Report:
    """Show every revision of the document that a sidecar has seen, also those made in Consul's own UI."""
    entries = (await consul.list(contract.history_prefix(service))).value
    current = (await document.read(consul, service)).revision
    found = revisions(entries)
    data = history_view.as_data(found[-limit:], current)
    return Report(data, history_view.show(found, current, limit=limit))


async def _service(consul: Consul, name: str) -> status_view.Service:
    if not contract.SERVICE.fullmatch(name):
        raise Failure(Exit.USAGE, f"{name!r} is no service name: letters, digits and - only")
    current = await document.read(consul, name)
    instances = (await consul.instances(name)).value
    entries = (await consul.list(contract.status_prefix(name))).value
    return status_view.Service(current, instances, sidecars(entries))


async def _services(consul: Consul) -> list[str]:
    entries = (await consul.list(f"{contract.KEY_ROOT}/")).value
    names = {entry.key.split("/")[1] for entry in entries}
    return sorted(name for name in names if contract.SERVICE.fullmatch(name))
