"""The composition root: one process, or a supervisor and its workers; each makes its parts and takes them down."""

from collections.abc import Callable

from splitter.settings import Settings
from splitter.single import Single
from splitter.supervisor import Supervisor
from splitter.worker import Orders, Worker


class App:
    """One sidecar. `run` serves until a stop signal; `say` is told each address that we listen on."""

    def __init__(self, settings: Settings, *, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say

    async def run(self) -> None:
        """Raises OSError if a port cannot be had."""
        orders = Orders.taken()
        if orders is not None:
            await Worker(self._settings, orders).run()
        elif self._settings.workers > 1:
            await Supervisor(self._settings, say=self._say).run()
        else:
            await Single(self._settings, say=self._say).run()
