"""The composition root: one process, or a supervisor and its workers; each makes its parts and takes them down."""

import logging
from collections.abc import Callable

from mesh.build import COMPILED
from splitter.settings import Settings
from splitter.single import Single
from splitter.supervisor import Supervisor
from splitter.worker import Orders, Worker

log = logging.getLogger(__name__)


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
            return
        if not COMPILED:
            log.warning(
                "the data path is interpreted, which costs about four times the CPU time of each call: there was no C "
                "compiler when verdigris was installed, or VERDIGRIS_INTERPRETED was set"
            )
        if self._settings.workers > 1:
            await Supervisor(self._settings, say=self._say).run()
        else:
            await Single(self._settings, say=self._say).run()
