"""TLS contexts that follow their files while the program runs, and say what becomes of them.

New handshakes use the newest good files; open connections stay as they are. What is told here is for an operator: a
reload that failed and one that mended it, and a certificate that ends soon, each once.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from mesh.tls import BadTLS, ClientTLS, Pem, ServerTLS
from mesh.tls_expiry import expiries, remark

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the files: a millisecond of a thread's time. Content is compared, not times: a file
that was replaced by rename, or behind a symlink, is as new as one that was written over."""

T = TypeVar("T", ServerTLS, ClientTLS)

log = logging.getLogger(__name__)


class LiveTLS(Generic[T]):
    """The newest good context of `settings`. BadTLS if there is none at the start."""

    def __init__(self, settings: T, name: str) -> None:
        self.settings: T = settings
        self.reloads = 0
        """Times that new files took the place of others."""
        self.refused = 0
        """Times that what the files held could not be used."""
        self._name = name
        self._bad = ""
        """What was wrong when we last looked."""
        self._told = ""
        """The fault that the log has, until the files are good again."""
        self._remarked: dict[str, str] = {}
        self.pem = settings.read(name)
        self.context = settings.context(name, self.pem)
        self.expiries = self._expiries(self.pem)
        """By option, when what it names ends (unix time): the first of a chain, the last of a bundle of CAs."""

    def __repr__(self) -> str:
        return f"LiveTLS({self._name}, reloads={self.reloads})"

    @property
    def server_name(self) -> str | None:
        """Of a client's side: what the server's certificate must name, if not the address."""
        return getattr(self.settings, "server_name", None)

    @property
    def client_names(self) -> tuple[str, ...]:
        """Of a server's side."""
        return getattr(self.settings, "client_names", ())

    async def watch(self, on_reload: Callable[[], None] = lambda: None) -> None:
        """Follow the files until cancelled."""
        while True:
            self.remind(now=time.time())
            await asyncio.sleep(LOOK_EVERY)
            if await asyncio.to_thread(self.look):
                on_reload()

    def look(self) -> bool:
        """Take in what the files hold now; True if that is new and good.

        What is bad is kept to oneself at first: a certificate whose key is replaced a moment later is on its way,
        and no mistake. The second look that finds the same fault says so, once.
        """
        try:
            pem = self.settings.read(self._name)
            context = self.settings.context(self._name, pem) if pem != self.pem else None
        except BadTLS as error:
            self._doubt(str(error))
            return False
        if context is not None:
            self.pem, self.context, self.expiries = pem, context, self._expiries(pem)
            self.reloads += 1
            log.info("%s: certificates were replaced; new connections use them", self._name)
        if self._told:
            log.warning("%s: the files can be used again, and new connections use them", self._name)
        self._bad = self._told = ""
        return context is not None

    def remind(self, *, now: float) -> None:
        """Warn of what ends soon, and say when it has; each once."""
        for option, expires in self.expiries.items():
            said = remark(expires, now=now)
            if said and said != self._remarked.get(option):
                self._remarked[option] = said
                log.log(logging.ERROR if now >= expires else logging.WARNING, "%s: %s", option, said)

    def _doubt(self, fault: str) -> None:
        before, self._bad = self._bad, fault
        if before == fault and self._told != fault:
            self._told = fault
            self.refused += 1
            log.error("%s; the certificates from before stay in use", fault)

    def _expiries(self, pem: Pem) -> dict[str, float]:
        chain, bundle = expiries(pem.cert), expiries(pem.ca)
        found = {f"{self._name}-cert": min(chain)} if chain else {}
        return found | ({f"{self._name}-{self.settings.ca_option}": max(bundle)} if bundle else {})
