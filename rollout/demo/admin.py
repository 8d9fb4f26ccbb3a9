"""The splitter's admin pages, as the demo reads them: the table it applies, and its counters."""

from types import TracebackType
from typing import Any, Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from mesh.contract import ROLE_SHADOW


class Admin:
    """One kept connection to the admin port."""

    def __init__(self, address: str) -> None:
        self._session = aiohttp.ClientSession(f"http://{address}")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def revision(self) -> int:
        """The revision that calls obey now; 0 without a document."""
        async with self._session.get("/table", raise_for_status=True) as answer:
            table: dict[str, Any] = await answer.json()
        return int(table["revision"] or 0)

    async def shadows(self, color: str) -> dict[str, int]:
        """Shadows of this colour, without noise: how many were begun, and how many ended with each outcome."""
        async with self._session.get("/metrics", raise_for_status=True) as answer:
            text = await answer.text()
        found = {"begun": 0}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if (sample.labels.get("color"), sample.labels.get("role")) != (color, ROLE_SHADOW):
                    continue
                if sample.name == "verdigris_mirrored_total":
                    found["begun"] += int(sample.value)
                elif sample.name == "verdigris_mirror_total":
                    outcome = sample.labels["outcome"]
                    found[outcome] = found.get(outcome, 0) + int(sample.value)
        return found
