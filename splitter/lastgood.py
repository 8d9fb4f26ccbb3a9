"""The last good document and the last known instances, on disk for a restart while Consul is down."""

import contextlib
import json
import logging
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from mesh.consul import Instance
from mesh.traffic import Invalid, parse

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Saved:
    """`document` is the key's value as it was, or None where there was none."""

    document: bytes | None
    revision: int
    instances: tuple[Instance, ...]


class LastGood:
    """One JSON file, replaced whole. Without a directory nothing is kept."""

    def __init__(self, directory: Path | None, service: str) -> None:
        self.path = directory / f"{service}.json" if directory else None
        self._written: Saved | None = None

    def save(self, *, document: bytes | None, revision: int, instances: tuple[Instance, ...]) -> None:
        """Replace the file if anything changed; a disk that fails is a warning, never an outage."""
        saved = Saved(document, revision, instances)
        if self.path is None or saved == self._written:
            return
        content = {
            "document": None if document is None else document.decode(),
            "revision": revision,
            "instances": [asdict(instance) for instance in instances],
        }
        temporary = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False, suffix=".tmp") as file:
                temporary = Path(file.name)
                json.dump(content, file)
            temporary.replace(self.path)
        except OSError as error:
            log.warning("cannot keep the last good document in %s: %s", self.path, error)
            if temporary is not None:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)
        else:
            self._written = saved

    def load(self) -> Saved | None:
        """What was saved, or None if there is nothing that can be read and whose document is good."""
        if self.path is None:
            return None
        try:
            if not self.path.exists():
                return None
            content = json.loads(self.path.read_text())
            document = content["document"]
            instances = tuple(
                Instance(**{**each, "tags": tuple(each["tags"])}) for each in content["instances"]
            )
            raw = None if document is None else str.encode(document)
            if raw is not None:
                parse(raw)
            return Saved(raw, int(content["revision"]), instances)
        except (OSError, ValueError, KeyError, TypeError, Invalid) as error:
            log.warning("cannot read the last good document in %s: %s", self.path, error)
            return None
