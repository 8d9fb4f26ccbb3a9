"""What a sidecar knows of its service, as one immutable value: what its data paths are told, and obey.

The value is whole: a data path that has the newest needs none before it. As JSON it goes to other processes of the
same sidecar, which run the same code.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from mesh import traffic as document
from mesh.consul import Instance
from mesh.traffic import Problem, Traffic


@dataclass(frozen=True, slots=True)
class Refused:
    """A revision that was not applied, and why."""

    revision: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A revision that Consul showed us, for the history."""

    revision: int
    raw: bytes
    refused: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """The document that holds, and the instances there are."""

    traffic: Traffic
    raw: bytes | None = None
    """The document as it stands in Consul; None where there is none, and `traffic` is the default."""
    revision: int = 0
    refused: Refused | None = None
    """A later revision, which changed nothing."""
    missing: str = ""
    """A warning: why `raw` is not what Consul says now."""
    instances: tuple[Instance, ...] = ()
    remembered: tuple[str, ...] = ()
    """Ids among `instances` that Consul lists no more, though nobody may have taken them out."""
    complete: bool = False
    """Both the document (or its absence) and the instances are known: calls can be taken."""
    version: int = 0
    """Grows with every change."""

    def to_json(self) -> bytes:
        """All of it but `traffic`, which follows from `raw`."""
        refused = self.refused
        return json.dumps(
            {
                "raw": None if self.raw is None else self.raw.decode(),
                "revision": self.revision,
                "refused": None if refused is None else asdict(refused),
                "missing": self.missing,
                "instances": [asdict(instance) for instance in self.instances],
                "remembered": self.remembered,
                "complete": self.complete,
                "version": self.version,
            }
        ).encode()

    @classmethod
    def from_json(cls, value: dict[str, Any], *, default: Traffic) -> Self:
        """What `to_json` gave, decoded; `default` is the traffic where there is no document."""
        raw, refused = value["raw"], value["refused"]
        facts = cls(
            default if raw is None else document.parse(raw.encode()),
            raw=None if raw is None else raw.encode(),
            revision=value["revision"],
            missing=value["missing"],
            instances=tuple(Instance(**{**each, "tags": tuple(each["tags"])}) for each in value["instances"]),
            remembered=tuple(value["remembered"]),
            complete=value["complete"],
            version=value["version"],
        )
        if refused is None:
            return facts
        problems = tuple(Problem(**each) for each in refused["problems"])
        return replace(facts, refused=Refused(refused["revision"], problems))
