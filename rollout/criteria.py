"""Which criteria hold: those of a file, of the document in Consul, or the defaults; and which these are, in words."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mesh.consul import Consul, ConsulError
from mesh.problem import Invalid
from mesh.traffic import Traffic, default, parse
from rollout import document
from rollout.failure import Exit, Failure


@dataclass(frozen=True, slots=True)
class Terms:
    """What a document says of shadows, and where that was found, in words for a report."""

    traffic: Traffic
    found: str


async def terms(consul: Consul, service: str, file: Path | None) -> Terms:
    """The document as it stands in Consul, else the default; with the criteria of `file`, if there is one.

    Failure if the file holds no criteria. That Consul is not there is none: pairs can be judged anywhere.
    """
    try:
        current = await document.read(consul, service)
    except ConsulError:
        held = Terms(default("blue"), f"the defaults (Consul at {consul.address} does not answer)")
    else:
        if current.traffic is not None:
            held = Terms(current.traffic, f"the document in Consul, revision {current.revision}")
        elif current.exists:
            held = Terms(
                default("blue"), f"the defaults (the document, revision {current.revision}, is invalid)"
            )
        else:
            held = Terms(default("blue"), "the defaults (there is no document in Consul)")
    return held if file is None else Terms(_with(file, held.traffic), str(file))


def without_latencies(held: Terms) -> Terms:
    """For a replay: it has latencies, but those of another client, at another load and another time."""
    criteria = replace(held.traffic.criteria, p50=None, p99=None)
    found = f"{held.found}, without latencies: a replay's are another client's"
    return Terms(replace(held.traffic, criteria=criteria), found)


def _with(file: Path, traffic: Traffic) -> Traffic:
    try:
        said: Any = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise Failure(Exit.USAGE, f"{file}: {error}", hint="It must be a JSON object.") from None
    if isinstance(said, dict) and "criteria" in said:
        said = said["criteria"]  # of a whole document
    try:
        found = parse(json.dumps({"split": {"blue": 100}, "criteria": said}).encode())
    except Invalid as error:
        details = tuple(map(str, error.problems))
        raise Failure(Exit.USAGE, f"{file} holds no valid criteria:", details=details) from None
    return replace(traffic, criteria=found.criteria)
