"""A steady flow of the log's requests, and a line on the terminal that shows who serves them just now."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mesh.words import duration
from rollout.demo import requests
from rollout.demo.replay import Replay, running
from rollout.demo.show import shares
from rollout.demo.tally import Tally
from rollout.local import COLORS
from rollout.view import paint

WINDOW: Final = 1.0
"""Seconds that the line looks back."""


@asynccontextmanager
async def shown(address: str, rate: float, terminal: Console) -> AsyncIterator[None]:
    """The flow runs while the block does; without a terminal it runs unseen."""
    flow = Flow(Replay(requests.load(), rate=rate))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(flow.replay, address))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        turning = group.create_task(flow.turn())
        stack.callback(turning.cancel)
        if terminal.is_terminal:
            stack.enter_context(Live(console=terminal, get_renderable=flow.line, refresh_per_second=4))
        yield


class Flow:
    """Counts window by window; the line shows the last whole one."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self._last = Tally()

    async def turn(self) -> None:
        """Begin the next window, and the next; until cancelled."""
        while True:
            await asyncio.sleep(WINDOW)
            before = self.replay.tally
            await self.replay.close(before)
            self._last = before

    def line(self) -> RenderableType:
        tally = self._last
        line = Table.grid(padding=(0, 2))
        parts = [paint.bar(shares(tally))]
        parts += [Text.assemble(paint.name(color), f" {tally.share_of_calls(color):.0%}") for color in COLORS]
        failed = sum(count for code, count in self.replay.outcomes.items() if code != "OK")
        parts.append(
            Text(f"{tally.calls / WINDOW:.0f} calls/s, p50 {duration(tally.percentile(0.5))}", style="dim")
        )
        parts.append(Text(f"{failed} failed", style="bold red" if failed else "dim"))
        line.add_row(*parts)
        return line
