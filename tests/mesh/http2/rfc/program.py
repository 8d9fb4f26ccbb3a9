"""The real `splitter` without a Consul: it starts from its state directory, as it does while Consul is down."""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.harness import LOOPBACK, Process, program

SERVICE = "rfc"
NOBODY = f"{LOOPBACK}:9"


class Splitter:
    """Started by `start`; each colour is served by one port of this machine."""

    def __init__(self, folder: Path, colors: Mapping[str, int]) -> None:
        first = next(iter(colors))
        document = {
            "split": {color: 100 if color == first else 0 for color in colors},
            "overrides": [{"metadata": {"x-verdigris-color": color}, "color": color} for color in colors],
            "methods": {"safe": []},
            "fallback": False,
        }
        instances = [
            {
                "id": color,
                "address": LOOPBACK,
                "port": port,
                "tags": [color, "verdigris"],
                "meta": {},
                "passing": True,
            }
            for color, port in colors.items()
        ]
        state = {"document": json.dumps(document), "revision": 1, "instances": instances}
        (folder / f"{SERVICE}.json").write_text(json.dumps(state))
        self._folder = folder
        self.process: Process | None = None
        self.port = 0

    async def start(self) -> None:
        self.process = Process(
            "splitter",
            [
                *program("splitter"),
                *("--service", SERVICE, "--consul-addr", NOBODY, "--listen", f"{LOOPBACK}:0"),
                *("--admin", "off", "--state-dir", str(self._folder), "--drain", "0"),
            ],
        )
        self.port = int((await self.process.line(r"listening on \S+:(\d+)"))[1])

    async def stop(self) -> None:
        if self.process is not None:
            await self.process.stop()

    def errors(self) -> list[str]:
        """What it logged as a mistake of its own."""
        lines = self.process.lines if self.process is not None else []
        return [line for line in lines if " ERROR " in line or "Traceback" in line]
