"""The recorder's process, from the data path's side: started, fed, started again when it ends; never waited for.

What it is fed waits in the `Outbox` until it says that it is on disk. A recorder that hangs, or cannot write, costs
that budget and pairs, and nothing else; one that ends is started again and gets what its predecessor had not
acknowledged.
"""

import asyncio
import logging
import os
import random
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from mesh import contract
from shadow import wire
from splitter.capture import Captures
from splitter.facts import Facts
from splitter.outbox import Outbox
from splitter.outcome import DROPPED

FLUSH_EVERY: Final = 0.02
"""Seconds that a pair may wait for others to be sent with it."""
FIRST_DELAY: Final = 0.2
LONGEST_DELAY: Final = 30.0
"""Seconds before it is started again, doubled each time that it did not last."""
LASTING: Final = 10.0
JITTER: Final = 0.2
PATIENCE: Final = 3
"""Recorders in a row that ended without having kept anything: the message they all got first is given up."""
STORE: Final = "VERDIGRIS_STORE"
LOST: Final = "recorder_lost"
FAREWELL: Final = 5.0
"""Seconds that the recorder has, in the end, for what is left; it goes on alone with what it was sent by then."""
READ: Final = 65_536

log = logging.getLogger(__name__)


class Recording:
    """`run` until cancelled, then `finish`. `source` names this life of this data path."""

    def __init__(
        self,
        *,
        service: str,
        source: str,
        store: str,
        options: Sequence[str] = (),
        command: Sequence[str] = (sys.executable, "-m", "shadow.recorder"),
    ) -> None:
        self._outbox = Outbox(wake=self._wake)
        self.captures = Captures(service, self._outbox)
        self.restarts = 0
        self._command = (*command, *options)
        self._store = store
        self._service = service
        self._source = source
        self._said: Counter[tuple[str, str, str, str]] = Counter()
        """What the recorder says became of pairs: colour, role, outcome, reason."""
        self._wanted = asyncio.Event()
        """A document has a mirror: until then there is no recorder."""
        self._writer: asyncio.StreamWriter | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._fruitless = 0
        self._finishing = asyncio.Event()
        """There is one more life at most."""
        self._ended = asyncio.Event()

    # What it shows

    def totals(self) -> dict[tuple[str, str, str, str], int]:
        """What became of the shadows whose pairs are kept or given up, by colour, role, outcome and reason."""
        totals = self._said.copy()
        totals.update(self._outbox.earlier)
        for (color, role, _, outcome, reason), number in self._outbox.totals.items():
            totals[color, role, outcome, reason] += number
        return dict(totals)

    @property
    def waiting(self) -> int:
        """Bytes on their way to the store."""
        return self._outbox.size

    @property
    def running(self) -> bool:
        """There is a recorder."""
        return self._writer is not None

    @property
    def pid(self) -> int | None:
        """Of the recorder, if there is one."""
        return self._process.pid if self._writer is not None and self._process is not None else None

    def describe(self) -> list[dict[str, int | None]]:
        """For `/table`: this process's only recorder. `waiting`: bytes on their way to the store."""
        return [{"pid": self.pid, "restarts": self.restarts, "waiting": self.waiting}]

    # What it is told

    def learn(self, facts: Facts) -> None:
        """What the pairs from now on are to be read by."""
        terms = wire.terms(
            {
                "service": self._service,
                "source": self._source,
                "revision": facts.revision,
                "document": None if facts.raw is None else facts.raw.decode(),
                "versions": {
                    f"{each.address}:{each.port}": each.meta.get(contract.META_MODEL_VERSION, "")
                    for each in facts.instances
                },
            }
        )
        if terms != self._outbox.terms:
            self._flush()  # what came before is read by what held before
            self._outbox.obey(terms)
        if facts.traffic.mirror:
            self._wanted.set()

    # Feeding

    def _wake(self) -> None:
        asyncio.get_running_loop().call_later(FLUSH_EVERY, self._flush)

    def _flush(self) -> None:
        """Send what waits, if there is somebody to send it to; it is kept in any case."""
        batch = self._outbox.take()
        if batch and self._writer is not None:
            self._writer.write(batch)

    # The process

    async def run(self) -> None:
        """Keep a recorder, from the first mirror on, until it has all in the end (`finish`)."""
        try:
            await self._wanted.wait()
            await self._keep()
        finally:
            self._ended.set()

    async def _keep(self) -> None:
        delay, clock, last = FIRST_DELAY, asyncio.get_running_loop().time, False
        while True:
            began = clock()
            how = await self._live()
            if self._finishing.is_set() and (last or not self._outbox.size):
                return
            last = self._finishing.is_set()
            self.restarts += 1
            if clock() - began >= LASTING:
                delay = FIRST_DELAY
            log.error("the recorder %s; starting it again in about %g s", how, delay)
            if self._fruitless >= PATIENCE:
                self._forsake()
            with suppress(TimeoutError):
                async with asyncio.timeout(delay * random.uniform(1 - JITTER, 1 + JITTER)):
                    await self._finishing.wait()
            delay = min(delay * 2, LONGEST_DELAY)

    async def _live(self) -> str:
        """Start it, feed it until it ends; how it ended."""
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:  # no descriptor is left
            return f"could not be started: {error}"
        suspects = self._outbox.size if self._fruitless else 0
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            try:
                process = self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    f"--carefully={suspects}",
                    str(theirs.fileno()),
                    env={**os.environ, STORE: self._store},  # arguments are for everybody to read
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is for us: we tell it when nothing more comes
                )
            except OSError as error:
                writer.close()
                return f"could not be started: {error}"
        self._fruitless += 1
        terms, batches = self._outbox.again()  # now: while the process was started, more was put there
        writer.write(terms)
        writer.writelines(batches)
        if self._finishing.is_set():
            writer.write_eof()
        else:
            self._writer = writer
        try:
            await self._read(reader, len(terms))
            return f"ended with {await process.wait()}"
        finally:
            self._writer = None
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, extra: int) -> None:
        """Take acknowledgements until it ends. `extra`: bytes at the beginning that are not the outbox's."""
        before = 0
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size, length = wire.ACKNOWLEDGED.unpack(await reader.readexactly(wire.ACKNOWLEDGED.size))
                for total in wire.read_totals(await reader.readexactly(length)):
                    self._said[total.color, total.role, total.outcome, total.reason] += total.number
                size = max(0, size - extra)
                if size > before:
                    self._outbox.acknowledge(size - before)
                    self._fruitless = 0
                    before = size

    def _forsake(self) -> None:
        """Nobody survives the oldest message; all but the first of them got it alone."""
        self._fruitless = 0
        for kind, body, _ in wire.messages(self._outbox.forsake()):
            if kind == wire.PAIR:
                pair = wire.read_pair(body)
                labels = pair.labels
                self._outbox.count(labels.shadow_color, labels.role, pair.revision, DROPPED, LOST)
                log.error(
                    "%d recorders in a row have ended over a pair of %s: it is given up",
                    PATIENCE,
                    labels.method,
                )

    async def finish(self) -> None:
        """All that is left goes to a recorder, which ends by itself; at most `FAREWELL` seconds."""
        self._flush()
        self._finishing.set()
        writer, self._writer = self._writer, None  # what comes now is too late
        if not self._wanted.is_set():
            return
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(FAREWELL):
                if writer is not None:
                    writer.write_eof()
                await self._ended.wait()
        if self._outbox.size:
            log.error(
                "after %g s the recorder has not said that it kept the last %d pairs: what it has not read is lost",
                FAREWELL,
                self._outbox.pairs,
            )


class NoRecording:
    """Pairs are not recorded."""

    captures: None = None
    restarts = 0
    waiting = 0
    running = False
    pid: None = None

    def totals(self) -> dict[tuple[str, str, str, str], int]:
        return {}

    def describe(self) -> list[dict[str, int | None]]:
        return []

    def learn(self, facts: Facts) -> None:
        pass

    async def run(self) -> None:
        pass

    async def finish(self) -> None:
        pass
