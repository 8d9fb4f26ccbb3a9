"""All workers of a sidecar as one: what holds is what every one of them obeys, and figures are sums."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from splitter import figures
from splitter.facts import Facts
from splitter.figures import Figures
from splitter.member import Member

GRACE: Final = 7.0
"""Seconds beyond the drain that a worker has to deliver its last spans (`tracing.CLOSE_WITHIN`) and end."""


class Crew:
    """`on_news` is called when `status` may say something new."""

    def __init__(self, service: str, members: Callable[[Callable[[], None]], Sequence[Member]]) -> None:
        self._service = service
        self.members = tuple(members(self._on_report))
        self.on_news: Callable[[], None] = lambda: None
        self.ready = asyncio.Event()
        """Every worker has listened once."""
        self._applied_at = time.time()
        self._status: dict[str, Any] = {"revision": 0, "error": None, "warnings": [], "endpoints": {}}
        """Of the worker that is furthest behind, and what the others warn of."""
        self._running: list[asyncio.Task[None]] = []

    def run(self, group: asyncio.TaskGroup) -> None:
        """Start them, and again whenever one ends."""
        self._running = [
            group.create_task(member.run(), name=f"worker {member.number}") for member in self.members
        ]

    def publish(self, facts: Facts) -> None:
        """What holds from now on."""
        encoded = facts.to_json()
        for member in self.members:
            member.tell(encoded)

    async def drain(self, within: float) -> None:
        """Return when all have ended; those that do not in time are killed."""
        for member in self.members:
            member.drain()
        _, late = await asyncio.wait(self._running, timeout=within + GRACE)
        if late:
            for member in self.members:
                member.kill()
            await asyncio.wait(late)

    # What they say

    def _on_report(self) -> None:
        reports = [each.report for each in self.members if each.listening and each.report is not None]
        if reports:
            last = min(reports, key=lambda report: int(report["version"]))["status"]
            if last["revision"] != self._status["revision"]:
                self._applied_at = time.time()
            warnings = dict.fromkeys(
                warning for report in reports for warning in report["status"]["warnings"]
            )
            self._status = {**last, "warnings": list(warnings)}
        if len(reports) == len(self.members):
            self.ready.set()
        self.on_news()

    def status(self) -> dict[str, Any]:
        """What stands in the status key: a revision counts as applied when every worker obeys it."""
        down = [
            f"worker {each.number} {each.ended}; it is started again" for each in self.members if each.ended
        ]
        return {
            "service": self._service,
            **self._status,
            "applied_at": self._applied_at,
            "warnings": [*self._status["warnings"], *down],
        }

    def obstacle(self) -> str:
        """Why they cannot all take calls; empty if they can."""
        missing = [str(each.number) for each in self.members if not each.listening]
        return f"waiting for worker {', '.join(missing)}" if missing else ""

    async def figures(self) -> Figures:
        """The sums, and how many they are."""
        several = await asyncio.gather(*(member.figures() for member in self.members))
        listening = sum(each.listening for each in self.members)
        return figures.total(several) | {
            "verdigris_workers": {("listening",): listening, ("wanted",): len(self.members)},
            "verdigris_worker_restarts_total": {(): sum(each.restarts for each in self.members)},
        }

    async def table(self) -> dict[str, Any]:
        """The status, what they do with it together, and in a few words what each does."""
        answers = await asyncio.gather(*(member.table() for member in self.members))
        tables = [table for table in answers if table is not None]
        if not tables:
            return {**self.status(), "workers": [_worker(each, None) for each in self.members]}
        slowest = min(tables, key=lambda table: bool(table["revision"] != self._status["revision"]))
        return {
            **slowest,
            **self.status(),
            "endpoints": _merged(table["endpoints"] for table in tables),
            "shadow_endpoints": _merged(table["shadow_endpoints"] for table in tables),
            "counts": _summed(table["counts"] for table in tables),
            "mirrored": _summed(table["mirrored"] for table in tables),
            "noise": _summed(table["noise"] for table in tables),
            "recorders": [each for table in tables for each in table["recorders"]],
            "clients": sum(table["clients"] for table in tables),
            "in_flight": sum(table["in_flight"] for table in tables),
            "workers": [_worker(each, table) for each, table in zip(self.members, answers, strict=True)],
        }


def _worker(member: Member, table: dict[str, Any] | None) -> dict[str, Any]:
    """One line of `/table`: per endpoint the calls in flight, or why there can be none."""
    return {
        "number": member.number,
        "pid": member.pid,
        "listening": member.listening,
        "revision": member.report["status"]["revision"] if member.report else None,
        "clients": table["clients"] if table else 0,
        "in_flight": table["in_flight"] if table else 0,
        "endpoints": {
            f"{row['color']} {row['address']}:{row['port']}": _use(row)
            for row in (table["endpoints"] if table else ())
        },
    }


def _use(row: dict[str, Any]) -> int | str:
    if row["ejected"]:
        return "ejected"
    if row["connected"] and not row["problem"]:
        return int(row["in_flight"])
    return str(row["problem"] or "not connected")


def _merged(several: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Rows of the same endpoint as one: the worst that any worker says of it, with all calls in flight."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for rows in several:
        for row in rows:
            key = row["color"], row["address"], row["port"]
            before = found.setdefault(key, row)
            if before is not row:
                found[key] = before | {
                    "connected": before["connected"] and row["connected"],
                    "in_flight": before["in_flight"] + row["in_flight"],
                    "usable": before["usable"] and row["usable"],
                    "problem": before["problem"] or row["problem"],
                    "ejected": before["ejected"] or row["ejected"],
                    "failures": max(before["failures"], row["failures"]),
                }
    return list(found.values())


def _summed(several: Iterable[dict[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for counts in several:
        for name, number in counts.items():
            sums[name] = sums.get(name, 0) + number
    return sums
