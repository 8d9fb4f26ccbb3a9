"""The status of a service: its document, the endpoints Consul knows, and what each sidecar makes of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mesh.consul import Instance
from mesh.words import ago
from rollout import edit
from rollout.document import Current
from rollout.status import Sidecar, Stand
from rollout.view import paint
from rollout.view.document import as_json, document, problem_lines, problems_json

_MARKS = {
    Stand.OBEYS: Text("● obeys", style="green3"),
    Stand.REFUSES: Text("✗ refuses", style="red"),
    Stand.BEHIND: Text("… behind", style="yellow"),
    Stand.KEEPS: Text("● keeps it", style="yellow"),
}


@dataclass(frozen=True, slots=True)
class Service:
    """Everything Consul says of one service."""

    current: Current
    instances: tuple[Instance, ...]
    sidecars: tuple[Sidecar, ...]

    @property
    def name(self) -> str:
        return self.current.service


def unregistered(current: Current, instances: Sequence[Instance]) -> list[str]:
    """A warning for each colour the document sends calls to and nobody, or nobody healthy, serves."""
    warnings = []
    for color in edit.colors_of(current.traffic) if current.traffic else ():
        serving = [each for each in instances if color in each.tags]
        if not serving:
            warnings.append(f"nobody has registered as {color} in {current.service}")
        elif not any(each.passing for each in serving):
            warnings.append(f"no {color} of {current.service} is healthy")
    return warnings


def as_data(service: Service) -> dict[str, Any]:
    """The status for scripts."""
    current = service.current
    return {
        "service": service.name,
        "revision": current.revision or None,
        "document": as_json(current.traffic),
        "problems": problems_json(current.problems),
        "endpoints": [
            {
                "id": each.id,
                "color": color_of(each),
                "address": f"{each.address}:{each.port}",
                "passing": each.passing,
            }
            for each in service.instances
        ],
        "sidecars": [
            {
                "id": each.id,
                "revision": each.revision or None,
                "applied_at": each.applied_at,
                "stand": str(each.stand(current.revision)),
                "problems": problems_json(each.problems),
                "warnings": list(each.warnings),
                "admin": each.admin,
            }
            for each in service.sidecars
        ],
        "warnings": unregistered(current, service.instances),
    }


def show(service: Service, now: float) -> Iterator[RenderableType]:
    """The status for people."""
    current = service.current
    yield Text.assemble((service.name, "bold"), (f"  {_revision(service)}", "dim"))
    if current.traffic:
        yield document(current.traffic)
    elif current.exists:
        yield Text("  The document is invalid; the last good one stays in force.", style="red")
        yield problem_lines(current.problems)
    yield Padding(_endpoints(service.instances), (1, 0, 0, 2))
    yield Padding(_sidecars(service, now), (1, 0, 0, 2))
    for warning in unregistered(current, service.instances):
        yield Text(f"  ! {warning}", style="yellow")


def _revision(service: Service) -> str:
    current = service.current
    if current.exists:
        return f"revision {current.revision}"
    if any(each.stand(current.revision) is Stand.KEEPS for each in service.sidecars):
        return "no document in Consul; sidecars keep the last good one"
    return "no document: everything to the default colour"


def color_of(instance: Instance) -> str:
    """The tags of an instance that are not the mesh's own: its colour, as a rule."""
    return " ".join(tag for tag in instance.tags if tag != "verdigris") or "(no colour)"


def _endpoints(instances: Sequence[Instance]) -> RenderableType:
    if not instances:
        return Text("no endpoints: nobody is registered under this name", style="yellow")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for title in ("endpoint", "address", "health", "model"):
        table.add_column(title, overflow="fold")
    for each in sorted(instances, key=color_of):
        health = Text("● passing", style="green3") if each.passing else Text("✗ failing", style="red")
        model = " ".join(each.meta[name] for name in ("model", "model_version") if each.meta.get(name))
        table.add_row(paint.name(color_of(each)), f"{each.address}:{each.port}", health, model)
    return table


def _sidecars(service: Service, now: float) -> RenderableType:
    if not service.sidecars:
        return Text("no live sidecar", style="yellow")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for title in ("sidecar", "revision", "since", "", "remarks"):
        table.add_column(title, overflow="fold")
    for each in service.sidecars:
        remarks = [*each.warnings, *map(str, each.problems)]
        mark = _MARKS[each.stand(service.current.revision)]
        since = ago(now - each.applied_at) if each.applied_at else ""
        table.add_row(each.id, str(each.revision or "–"), since, mark, "\n".join(remarks))
    return table
