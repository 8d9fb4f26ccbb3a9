"""A real recorder that is killed again and again while pairs come: what it acknowledged is there, nothing is twice."""

import asyncio
import json
import os
import random
import signal
from contextlib import suppress
from pathlib import Path

from mesh import traffic
from shadow.store.store import Store
from shadow.store.values import Scope
from splitter.facts import Facts
from splitter.recording import Recording
from tests.shadow import pipe
from tests.splitter.test_outbox import put
from tests.until import until

PAIRS = 100_000
KILLS = 4
WITHIN = 110.0
CHUNK = 500


async def kill(recording: Recording, kept: int) -> int:
    """Kill the recorder when it has kept more pairs than so many; return how many it has."""
    await until(lambda: recording.pid and sum(recording.totals().values()) > kept)
    assert recording.pid is not None
    os.kill(recording.pid, signal.SIGKILL)
    return sum(recording.totals().values())


async def test_100_000_pairs_and_four_kills_later_every_pair_is_there_once(tmp_path: Path) -> None:
    raw = json.dumps(pipe.document(record={"payloads": "none"})).encode()
    store = tmp_path / "shadow.db"
    recording = Recording(service="films", source="here", store=str(store))
    recording.learn(Facts(traffic.parse(raw), raw=raw, revision=5))
    running = asyncio.create_task(recording.run())
    outbox = recording.captures.outbox
    chance = random.Random(7)
    kills = sorted(chance.sample(range(PAIRS // 10, PAIRS, CHUNK), KILLS))
    kept = 0
    async with asyncio.timeout(WITHIN):
        for number in range(1, PAIRS + 1):
            message = pipe.pair(number)
            if not put(outbox, message):  # a data path would drop it, and count that
                await until(lambda message=message: put(outbox, message))
            if number % CHUNK == 0:
                await asyncio.sleep(0)
            if kills and number >= kills[0]:
                kills.pop(0)
                kept = await kill(recording, kept)
        await until(lambda: not recording.waiting)
    await recording.finish()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert recording.restarts == KILLS
    assert recording.totals() == {("green", "shadow", "compared", ""): PAIRS}
    with Store.open(str(store), read_only=True) as opened:
        scope = Scope("films")
        (account,) = opened.accounts(scope)
        assert (account.outcome.value, account.number) == ("compared", PAIRS)
        numbers = [each.pair.id.number for each in opened.pairs(scope, payloads=False)]
        assert sorted(numbers) == list(range(1, PAIRS + 1))
