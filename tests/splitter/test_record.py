"""What `splitter.record` promises: in a real Consul stands what this sidecar did, for as long as it lives."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from mesh import contract
from mesh.consul import Consul, ConsulAddress, ConsulError, DeniedError, Entry
from mesh.traffic import Problem
from splitter import record as module
from splitter.facts import Seen
from splitter.record import Recorder, encoded, entry
from tests.consul_agent import ConsulAgent, consul_binary

REFUSED = (Problem("split", "99", "must add up to exactly 100"),)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.05)


@dataclass
class Sidecar:
    """A recorder that runs, and the status it tells."""

    recorder: Recorder
    status: dict[str, Any]
    running: asyncio.Task[None]
    key: str

    def news(self, **status: Any) -> None:
        self.status.update(status)
        self.recorder.on_news()

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.wait((self.running,))


@asynccontextmanager
async def sidecar(consul: Consul, service: str, name: str = "host-1") -> AsyncIterator[Sidecar]:
    status: dict[str, Any] = {"revision": 0}
    recorder = Recorder(consul, service=service, sidecar=name, status=lambda: status)
    running = asyncio.create_task(recorder.run())
    made = Sidecar(recorder, status, running, contract.status_prefix(service) + name)
    recorder.on_news()
    try:
        yield made
    finally:
        await made.stop()


async def until(consul: Consul, key: str, holds: Callable[[Entry | None], Any]) -> Entry | None:
    """The key's entry, as soon as it is so."""
    index = None
    async with asyncio.timeout(20):
        while True:
            try:
                answer = await consul.get(key, index=index, wait=5)
            except ConsulError:
                index = None
                await asyncio.sleep(0.02)
                continue
            if holds(answer.value):
                return answer.value
            index = answer.index


async def present(consul: Consul, key: str, **wanted: Any) -> dict[str, Any]:
    """What stands in the key, as soon as it says this."""

    def holds(found: Entry | None) -> bool:
        return found is not None and wanted.items() <= json.loads(found.value).items()

    found = await until(consul, key, holds)
    assert found is not None
    value: dict[str, Any] = json.loads(found.value)
    return value


def sessions(agent: ConsulAgent, name: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{agent.url}/v1/session/list", timeout=5) as answer:
        return [each for each in json.loads(answer.read()) if each["Name"] == f"splitter {name}"]


async def test_the_status_follows_the_news_and_goes_with_the_sidecar(agent: ConsulAgent) -> None:
    async with Consul(ConsulAddress.parse(agent.address)) as consul, sidecar(consul, "status") as at:
        assert await present(consul, at.key) == {"sidecar": "host-1", "revision": 0}
        at.news(revision=7, warnings=["careful"])
        said = await present(consul, at.key, revision=7)
        assert said == {"sidecar": "host-1", "revision": 7, "warnings": ["careful"]}
        await at.stop()
        await until(consul, at.key, lambda found: found is None)


async def test_the_status_of_a_sidecar_that_was_killed_goes_with_its_session(agent: ConsulAgent) -> None:
    """Consul ends a session that is not renewed, and deletes what it holds."""
    async with Consul(ConsulAddress.parse(agent.address)) as consul, sidecar(consul, "killed", "k-1") as at:
        await present(consul, at.key)
        found = (await consul.get(at.key)).value
        (session,) = await asyncio.to_thread(sessions, agent, "k-1")
        assert found is not None
        assert found.session == session["ID"]
        assert (session["TTL"], session["Behavior"]) == ("15.0s", "delete")


async def test_its_session_is_renewed_though_there_is_no_news(
    agent: ConsulAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed = asyncio.Event()
    async with Consul(ConsulAddress.parse(agent.address)) as consul:

        async def renewing(id: str) -> None:
            await renew(id)
            renewed.set()

        renew = consul.renew_session
        monkeypatch.setattr(consul, "renew_session", renewing)
        async with sidecar(consul, "renewed") as at:
            await present(consul, at.key)
            monkeypatch.setattr(module, "SESSION_TTL", 0.03)
            at.news()
            renewed.clear()
            async with asyncio.timeout(10):
                await renewed.wait()


async def test_what_two_sidecars_see_stands_in_the_history_once(agent: ConsulAgent) -> None:
    async with Consul(ConsulAddress.parse(agent.address)) as consul:
        async with sidecar(consul, "twice", "a") as a, sidecar(consul, "twice", "b") as b:
            for revision in (11, 12):
                for each in (a, b):
                    each.recorder.on_seen(Seen(revision, b'{"split": {"blue": 100}}', ()))
            await asyncio.gather(*(idle(each) for each in (a, b)))
        history = (await consul.list(contract.history_prefix("twice"))).value
        assert [each.key for each in history] == [contract.history_key("twice", n) for n in (11, 12)]
        assert {json.loads(each.value)["sidecar"] for each in history} <= {"a", "b"}


async def idle(at: Sidecar) -> None:
    """Return once everything that was seen is written."""
    async with asyncio.timeout(10):
        while at.recorder._seen:  # noqa: ASYNC110  # a deque is no event
            await asyncio.sleep(0.005)


async def test_the_history_keeps_the_newest(agent: ConsulAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HISTORY_LIMIT", 3)
    async with Consul(ConsulAddress.parse(agent.address)) as consul, sidecar(consul, "newest") as at:
        for revision in range(95, 103):  # in order of number, not of text
            at.recorder.on_seen(Seen(revision, b"{}", REFUSED))
        await idle(at)
        history = (await consul.list(contract.history_prefix("newest"))).value
        assert [json.loads(each.value)["revision"] for each in history] == [100, 101, 102]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"split": {"blue": 50}, "note": "%s"}' % (b"x" * 480_000),
        b"[" + b"1," * 250_000 + b"1]",
        b"not JSON " + "é".encode() * 250_000,
        b'{"a": "' + b"\\u00e9" * 80_000 + b'"}',
        b"\xff" * 500_000,
        b"[" * 400_000,
    ],
    ids=["long", "many", "text", "escapes", "bytes", "deep"],
)
async def test_the_largest_value_consul_takes_holds_up_nothing(agent: ConsulAgent, raw: bytes) -> None:
    """One revision that cannot be told must not silence the sidecar for ever."""
    service = f"large-{len(raw)}-{raw[0]}"
    async with Consul(ConsulAddress.parse(agent.address)) as consul, sidecar(consul, service) as at:
        at.recorder.on_seen(Seen(1, raw, REFUSED * 100))
        at.recorder.on_seen(Seen(2, b"{}", REFUSED))
        for revision in (1, 2):
            said = await present(consul, contract.history_key(service, revision))
            assert said["applied"] is False
        at.news(revision=2)
        await present(consul, at.key, revision=2)


async def test_a_moment_without_consul_keeps_the_session_and_loses_no_history(agent: ConsulAgent) -> None:
    service = "moment"
    async with (
        Road(agent) as road,
        Consul(ConsulAddress.parse(agent.address)) as direct,
        Consul(ConsulAddress.parse(road.address)) as consul,
        sidecar(consul, service, "m-1") as at,
    ):
        await present(direct, at.key)
        before = (await direct.get(at.key)).value
        road.close()
        at.news(revision=5)
        at.recorder.on_seen(Seen(5, b"{}", REFUSED))
        await road.refused.wait()
        road.open()
        await present(direct, at.key, revision=5)
        await present(direct, contract.history_key(service, 5))
        after = (await direct.get(at.key)).value
        assert before is not None
        assert after is not None
        assert after.session == before.session
        assert len(await asyncio.to_thread(sessions, agent, "m-1")) == 1


async def test_a_key_that_another_session_holds_is_taken_when_that_ends(agent: ConsulAgent) -> None:
    """The sidecar before us had our name and was killed."""
    async with Consul(ConsulAddress.parse(agent.address)) as consul:
        key = contract.status_prefix("held") + "h-1"
        other = await consul.create_session(name="before", ttl=15)
        assert await consul.put(key, b'{"revision": -1}', acquire=other)
        async with sidecar(consul, "held", "h-1") as at:
            at.recorder.on_seen(Seen(1, b"{}", REFUSED))
            await asyncio.sleep(0.2)  # a few attempts
            assert len(await asyncio.to_thread(sessions, agent, "h-1")) == 1
            await consul.destroy_session(other)
            await present(consul, at.key, revision=0)
            await present(consul, contract.history_key("held", 1))


async def test_one_that_may_write_no_history_keeps_its_status_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Denied is denied, but the pause before the next try must not outlast the session."""
    slept: list[float] = []
    sleep, often = asyncio.sleep, asyncio.Event()

    async def noting(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 20:
            often.set()
        await sleep(0)

    class Denying:
        """A Consul that lets us have a session and a status, and no more."""

        renewed = 0

        async def create_session(self, **_: object) -> str:
            return "session"

        async def renew_session(self, id: str) -> None:
            self.renewed += 1

        async def destroy_session(self, id: str) -> None:
            pass

        async def put(self, key: str, value: bytes, **_: object) -> bool:
            if "/history/" in key:
                raise DeniedError("Permission denied")
            return True

    monkeypatch.setattr(module, "RETRY", 1.0)
    monkeypatch.setattr("splitter.record.asyncio.sleep", noting)
    consul = Denying()
    async with sidecar(consul, "denied") as at:  # type: ignore[arg-type]
        at.recorder.on_seen(Seen(1, b"{}", REFUSED))
        async with asyncio.timeout(10):
            await often.wait()
        monkeypatch.undo()
    assert consul.renewed >= 18
    assert max(slept) <= module.SESSION_TTL / 3


def test_what_cannot_be_told_is_kept_up_to_a_limit() -> None:
    recorder = Recorder(None, service="a", sidecar="b", status=dict)  # type: ignore[arg-type]
    for revision in range(1_000):
        recorder.on_seen(Seen(revision, b"{}", REFUSED))
    assert [seen.revision for seen in recorder._seen] == list(range(800, 1_000))


async def test_after_consul_has_lost_everything_the_status_stands_there_again() -> None:
    if consul_binary() is None:
        pytest.skip("consul: not installed; run `make consul`")
    async with (
        ConsulAgent() as own,
        Consul(ConsulAddress.parse(own.address)) as consul,
        sidecar(consul, "restarted") as at,
    ):
        await present(consul, at.key)
        await asyncio.to_thread(own.stop)
        at.news(revision=3)
        at.recorder.on_seen(Seen(3, b"{}", REFUSED))
        await asyncio.to_thread(own.start)
        await present(consul, at.key, revision=3)
        await present(consul, contract.history_key("restarted", 3))


async def test_a_bug_in_what_it_tells_does_not_end_it(
    agent: ConsulAgent, caplog: pytest.LogCaptureFixture
) -> None:
    async with Consul(ConsulAddress.parse(agent.address)) as consul, sidecar(consul, "bug") as at:
        await present(consul, at.key)
        at.news(revision=object())
        async with asyncio.timeout(10):
            while "cannot tell Consul" not in caplog.text:  # noqa: ASYNC110  # a log is no event
                await asyncio.sleep(0.005)
        at.news(revision=4)
        await present(consul, at.key, revision=4)


class TestAnEntry:
    def test_of_an_applied_document_holds_it_as_json(self) -> None:
        raw = b'{"split": {"blue": 100}, "note": "back"}'
        assert entry(Seen(7, raw, ()), sidecar="a", at=5.5) == {
            "revision": 7,
            "at": 5.5,
            "applied": True,
            "problems": [],
            "document": {"split": {"blue": 100}, "note": "back"},
            "note": "back",
            "sidecar": "a",
        }

    def test_of_a_refused_one_holds_the_reasons(self) -> None:
        made = entry(Seen(7, b'{"split": {"blue": 99}}', REFUSED), sidecar="a", at=5.5)
        assert made["applied"] is False
        assert made["problems"] == [{"path": "split", "value": "99", "rule": "must add up to exactly 100"}]

    @pytest.mark.parametrize("raw", [b'{"note": ["a"]}', b'{"note": null}', b"[]", b"{oops"])
    def test_has_a_note_that_is_a_text_or_none(self, raw: bytes) -> None:
        assert entry(Seen(7, raw, REFUSED), sidecar="a", at=5.5)["note"] == ""

    @pytest.mark.parametrize(
        ("raw", "document"),
        [
            (b"", ""),
            (b"{oops", "{oops"),
            (b"caf\xe9", "caf�"),
            (b"[NaN]", "[NaN]"),
            (b"[1]", [1]),
            (b'"text"', "text"),
            (b"[" * 100_000, "[" * module.TEXT_LIMIT),
            (b'{"a": "\\ud800"}', {"a": "\ud800"}),
        ],
    )
    def test_of_anything_else_holds_what_was_there(self, raw: bytes, document: object) -> None:
        seen = Seen(7, raw, REFUSED)
        assert entry(seen, sidecar="a", at=5.5)["document"] == document
        assert json.loads(encoded(seen, sidecar="a", at=5.5))["document"] == document


class Road:
    """The way to an agent, that can be closed: connections break, and none is accepted."""

    def __init__(self, agent: ConsulAgent) -> None:
        self._agent = agent
        self._port = 0
        self._server: asyncio.Server | None = None
        self._open = True
        self._writers: list[asyncio.StreamWriter] = []
        self.refused = asyncio.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def __aenter__(self) -> "Road":
        self._server = await asyncio.start_server(self._travel, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.close()
        self._break()
        await asyncio.sleep(0)

    def close(self) -> None:
        self._open = False
        self._break()

    def open(self) -> None:
        self._open = True

    def _break(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _travel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            self.refused.set()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._agent.http_port)
        self._writers += (writer, back)
        await asyncio.gather(_pump(reader, back), _pump(there, writer), return_exceptions=True)
        for each in (writer, back):
            each.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.transport.abort()
