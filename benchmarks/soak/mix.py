"""Everything at once, for as long as it is told: what is counted here says what the splitter lived through."""

import asyncio
import re
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from benchmarks import load
from benchmarks.client import OK, Client, message
from benchmarks.counting.stream import RESET_ME
from benchmarks.scenario import BUSY, KIB, Scenario
from benchmarks.soak.place import Place

UNARY: Final = ((Scenario(100, *BUSY), 4_000), (Scenario(64 * KIB, 2, 4), 200), (Scenario(100, 50, 2), 500))
"""What h2load sends, and how often, on connections that are new each time."""
PART: Final = b"x" * 500
EDIT_EVERY: Final = 0.7
RESTART_EVERY: Final = 4.0
SCRAPE_EVERY: Final = 5.0


class Mix:
    """`run` until cancelled; `counts` of what was done and what became of it."""

    def __init__(self, place: Place, directory: Path) -> None:
        self.place, self.directory = place, directory
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._unary())
            for deed in (self._streams, self._cancels, self._resets, self._vanish):
                group.create_task(self._again(deed))
            group.create_task(self._every(EDIT_EVERY, self._edit))
            group.create_task(self._every(RESTART_EVERY, self.place.restart))
            group.create_task(self._every(SCRAPE_EVERY, self._scrape))

    async def _unary(self) -> None:
        while True:
            for scenario, calls in UNARY:
                body = self.directory / f"body-{scenario.payload}.bin"
                body.write_bytes(scenario.message)
                argv = load.command(self.place.target.port, scenario, calls=calls, body=body)
                child = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
                try:
                    report = (await child.communicate())[0].decode()
                finally:
                    with suppress(ProcessLookupError):
                        child.kill()
                    await child.wait()  # or its transport outlives the loop
                self.counts["unary calls"] += calls
                found = re.search(r"\((\d+)\) data", report)
                whole = int(found[1]) // len(scenario.message) if found else 0
                if whole != calls:
                    self.failures["unary"] += calls - whole

    async def _again(self, deed: Callable[[Client], Awaitable[None]]) -> None:
        """The deed on one connection after another."""
        while True:
            with suppress(OSError):
                client = await Client.connect(self.place.target.port)
                try:
                    await deed(client)
                finally:
                    client.abort()
            await asyncio.sleep(0.05)

    async def _streams(self, client: Client) -> None:
        """Calls of ten messages each way, twenty at a time."""
        calls = [client.open(PART) for _ in range(20)]
        for number in range(1, 11):
            for call in calls:
                await call.echoed(number * len(message(PART)))
                if not call.ended.done():
                    client.send(call, message(PART) if number < 10 else b"", end=number == 10)
        for call in calls:
            status = await call.ended
            self.counts["streams"] += 1
            if status != OK:
                self.failures[f"stream: {status}"] += 1

    async def _cancels(self, client: Client) -> None:
        """Calls that are cancelled at once, or after their first answer; slow enough to be no attack."""
        for number in range(10):
            call = client.open(PART)
            if number % 2:
                await call.echoed(1)
            client.cancel(call)
            self.counts["cancels"] += 1
            await asyncio.sleep(0.1)

    async def _resets(self, client: Client) -> None:
        """Calls that their server resets."""
        for _ in range(10):
            call = client.open(RESET_ME, end=True)
            self.counts[f"resets: ended {await call.ended}"] += 1
            await asyncio.sleep(0.02)

    async def _vanish(self, client: Client) -> None:
        """A client that is gone in the middle of its calls."""
        calls = [client.open(PART) for _ in range(5)]
        await calls[0].echoed(1)
        client.abort()
        self.counts["vanished clients"] += 1

    async def _edit(self) -> None:
        await asyncio.to_thread(self.place.edit)

    async def _scrape(self) -> None:
        """As Prometheus would."""

        def read() -> int:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.place.admin}/metrics", timeout=5) as answer:
                return len(answer.read())

        await asyncio.to_thread(read)
        self.counts["scrapes"] += 1

    @staticmethod
    async def _every(seconds: float, deed: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await deed()
