"""What `splitter.recording` promises of the recorder's process: fed, never waited for, started again, told the end."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from mesh import traffic
from mesh.consul import Instance
from shadow import wire
from splitter.facts import Facts
from splitter.recording import Recording
from tests.splitter.test_outbox import put
from tests.until import until

MIRRORED = b'{"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 100}]}'
PLAIN = b'{"split": {"blue": 100}}'

OBEDIENT = """
import os, socket, sys
from shadow import wire
connection, log = socket.socket(fileno=int(sys.argv[-1])), open(os.environ["VERDIGRIS_STORE"], "a", buffering=1)
print("begun", *sys.argv[1:-1], file=log)
data, done = b"", 0
while received := connection.recv(1 << 16):
    data += received
    position = 0
    for kind, body, position in wire.messages(data):
        print(kind, body.decode(), file=log)
        LINE
    data, done = data[position:], done + position
    text = b'[["green", "shadow", 1, "compared", "", 1]]' if position else b""
    connection.sendall(wire.ACKNOWLEDGED.pack(done, len(text)) + text)
print("ended", file=log)
"""


def facts(raw: bytes, *instances: Instance, revision: int = 1) -> Facts:
    return Facts(traffic.parse(raw), raw=raw, revision=revision, instances=instances)


class Watched:
    """A recording with a recorder of these lines, and what that wrote down."""

    def __init__(self, folder: Path, line: str, options: Sequence[str]) -> None:
        self.log = folder / "log"
        script = folder / "recorder.py"
        script.write_text(OBEDIENT.replace("LINE", line))
        self.recording = Recording(
            service="films",
            source="here",
            store=str(self.log),
            options=options,
            command=(sys.executable, str(script)),
        )

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    async def until(self, *wanted: str) -> None:
        """Return when the log has these lines."""
        await until(lambda: set(wanted) <= set(self.lines))

    def offer(self, text: str) -> None:
        assert put(self.recording.captures.outbox, wire.message(wire.PAIR, text.encode()))


@asynccontextmanager
async def watched(folder: Path, line: str = "pass", *, options: Sequence[str] = ()) -> AsyncIterator[Watched]:
    at = Watched(folder, line, options)
    running = asyncio.create_task(at.recording.run())
    try:
        yield at
        await at.recording.finish()
        assert not running.done() or running.exception() is None
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_there_is_no_recorder_until_a_document_has_a_mirror(tmp_path: Path) -> None:
    async with watched(tmp_path, options=("--retain-age=60",)) as at:
        at.recording.learn(facts(PLAIN))
        await asyncio.sleep(0)
        assert (at.lines, at.recording.running) == ([], False)
        at.recording.learn(facts(MIRRORED))
        await at.until("begun --retain-age=60 --carefully=0")


async def test_it_is_told_the_terms_before_the_pairs_that_they_are_for(tmp_path: Path) -> None:
    at_home = Instance("a", "10.0.0.1", 7, ("green",), {"model_version": "3"}, True)
    async with watched(tmp_path) as at:
        at.recording.learn(facts(MIRRORED, at_home))
        at.offer("first")
        at.recording.learn(facts(MIRRORED, at_home, revision=2))  # nothing is read by it
        at.recording.learn(facts(PLAIN, revision=3))
        at.offer("second")
        await at.until(f"{wire.PAIR} second")
        kinds = [line.partition(" ")[0] for line in at.lines[1:]]
        assert kinds[-4:] == [*map(str, (wire.TERMS, wire.PAIR, wire.TERMS, wire.PAIR))]
        first = at.lines[at.lines.index(f"{wire.PAIR} first") - 1]
        assert '"versions": {"10.0.0.1:7": "3"}' in first
        assert '"source": "here"' in first


async def test_what_it_kept_waits_no_more_and_what_became_of_it_is_known(tmp_path: Path) -> None:
    async with watched(tmp_path) as at:
        at.recording.learn(facts(MIRRORED))
        at.offer("one")
        at.recording.captures.outbox.count("green", "shadow", 1, "dropped", "in_flight")
        await until(lambda: at.recording.running and not at.recording.waiting)
        totals = at.recording.totals()
        assert totals["green", "shadow", "dropped", "in_flight"] == 1
        assert totals["green", "shadow", "compared", ""] >= 1


async def test_one_that_is_killed_is_started_again_and_gets_what_it_had_not_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    once = "import os; b'fatal' in body and not os.path.exists('died') and (open('died', 'w'), os.kill(os.getpid(), 9))"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        async with watched(tmp_path, once) as at:
            at.recording.learn(facts(MIRRORED))
            at.offer("fatal")
            await at.until(f"{wire.PAIR} fatal")
            at.offer("later")
            await at.until(f"{wire.PAIR} later")
            assert at.lines.count(f"{wire.PAIR} fatal") == 2
            assert at.recording.restarts == 1
    assert "the recorder ended with -9; starting it again" in caplog.text


async def test_a_pair_that_no_recorder_survives_is_given_up_and_counted(tmp_path: Path) -> None:
    always = "import os; b'fatal' in body and os.kill(os.getpid(), 9)"
    labels = wire.Labels("/m", "shadow", "compared", "", "blue", "", "OK", "green", "", "OK", "films")
    text = wire.SEPARATOR.join(labels).encode()
    body = (
        wire.FACTS.pack(1, 0, 5, -1, False, 0, 0, wire.NO_TRACE, len(text), 5, 0, 0, 0, 0, 0)
        + text
        + b"fatal"
    )
    async with watched(tmp_path, always) as at:
        at.recording.learn(facts(MIRRORED))
        put(at.recording.captures.outbox, wire.message(wire.PAIR, body))
        await until(at.recording.totals)
        assert at.recording.totals() == {("green", "shadow", "dropped", "recorder_lost"): 1}
        at.offer("later")
        await at.until(f"{wire.PAIR} later")


async def test_one_that_cannot_be_started_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    recording = Recording(service="films", source="here", store="s", command=("/no/such/command",))
    recording.learn(facts(MIRRORED))
    running = asyncio.create_task(recording.run())
    await until(lambda: recording.restarts == 2)
    running.cancel()
    assert "could not be started" in caplog.text


async def test_what_comes_while_it_is_started_is_sent_to_it_too(tmp_path: Path) -> None:
    async with watched(tmp_path) as at:
        at.recording.learn(facts(MIRRORED))
        numbers = [f"pair {number}" for number in range(40)]
        for number in numbers:  # a process takes longer to start than these to be sent
            at.offer(number)
            at.recording._flush()
            await asyncio.sleep(0.001)
        await at.until(*(f"{wire.PAIR} {number}" for number in numbers))
        await until(lambda: not at.recording.waiting)


async def test_in_the_end_it_gets_what_is_left_and_ends_by_itself(tmp_path: Path) -> None:
    async with watched(tmp_path) as at:
        at.recording.learn(facts(MIRRORED))
        await at.until("begun --carefully=0")
        at.offer("last")
    assert at.lines[-2:] == [f"{wire.PAIR} last", "ended"]


async def test_what_comes_after_the_end_is_too_late_and_no_error(tmp_path: Path) -> None:
    """Consul may tell news while the recorder writes the last pairs."""
    go = tmp_path / "go"
    waits = f"b'last' in body and not os.path.exists({str(go)!r}) and os.getppid() != 1"
    slow = f"import os, time\n        while {waits}: time.sleep(0.01)"
    async with watched(tmp_path, slow) as at:
        at.recording.learn(facts(MIRRORED))
        await at.until("begun --carefully=0")
        at.offer("last")
        ending = asyncio.create_task(at.recording.finish())
        await at.until(f"{wire.PAIR} last")
        at.recording.learn(facts(PLAIN, revision=2))
        at.recording._flush()
        go.touch()
        await ending
    assert at.lines[-2:] == [f"{wire.PAIR} last", "ended"]
