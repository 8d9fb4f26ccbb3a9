"""The whole sidecar as a process, beside a real Consul: how it begins, how it ends, and what it leaves."""

import asyncio
import contextlib
import json
import re
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from mesh import contract
from mesh.consul import Consul, ConsulAddress
from mesh.tls_expiry import expiries
from mesh.tracefile import read_spans
from tests.certificates import Authority
from tests.consul_agent import ConsulAgent, consul_binary
from tests.e2e.harness.process import Process, program
from tests.splitter.rig import LOOPBACK, SAFE, Backend, Client
from tests.splitter.wire import News


@dataclass
class Sidecar:
    """A running `splitter`, and whoever speaks to it."""

    process: Process
    admin: str
    address: str = ""

    async def listening(self) -> None:
        self.address = (await self.process.line(r"listening on (\S+)"))[1]

    async def client(self) -> Client:
        host, _, port = self.address.rpartition(":")
        _, client = await asyncio.get_running_loop().create_connection(Client, host, int(port))
        await client.ready()
        await client.sync()
        return client

    async def get(self, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.admin}{path}") as answer,
        ):
            return answer.status, await answer.text()


def arguments(service: str, consul: str, *more: str) -> list[str]:
    """The command; of a flag given twice the last counts."""
    always = ("--service", service, "--listen", f"{LOOPBACK}:0", "--consul-addr", consul)
    return [*program("splitter"), *always, *more]


@asynccontextmanager
async def sidecar(
    service: str, consul: str, *more: str, listens: bool = True, env: Mapping[str, str] | None = None
) -> AsyncIterator[Sidecar]:
    process = Process("splitter", arguments(service, consul, *more), env=env)
    try:
        made = Sidecar(process, (await process.line(r"admin on (\S+)"))[1])
        if listens:
            await made.listening()
        yield made
    finally:
        await process.stop()


@asynccontextmanager
async def registered(
    consul: ConsulAgent, service: str, color: str = "blue", *, news: News | None = None
) -> AsyncIterator[Backend]:
    """An endpoint that we play by hand, known to Consul."""
    backend = Backend(color, news=news or News())
    await backend.listen()
    try:
        async with Consul(ConsulAddress.parse(consul.address)) as client:
            await client.register(
                id=f"{service}-{color}",
                service=service,
                address=LOOPBACK,
                port=backend.port,
                tags=(color, "verdigris"),
                meta={},
                grpc_check=None,
            )
            yield backend
    finally:
        backend.die()
        for peer in backend.peers:
            await peer.gone()


async def keys(consul: ConsulAgent, prefix: str) -> list[str]:
    async with Consul(ConsulAddress.parse(consul.address)) as client:
        return [entry.key for entry in (await client.list(prefix)).value]


class TestTheBeginning:
    async def test_it_says_where_it_listens_and_serves_at_once(self, agent: ConsulAgent) -> None:
        async with registered(agent, "begin") as blue, sidecar("begin", agent.address) as at:
            assert [line.partition(" on ")[0] for line in at.process.lines] == ["admin", "listening"]
            assert await at.get("/readyz") == (200, "ready\n")
            client = await at.client()
            call = client.call()
            (await blue.request()).answer(b"hello")
            await call.end()
            assert (call.data, call.fields[b"x-verdigris-color"]) == (b"hello", b"blue")
            client.cut()

    async def test_it_listens_only_when_it_has_a_table(self) -> None:
        """Its first answer of Consul, whenever that comes."""
        if consul_binary() is None:
            pytest.skip("consul: not installed; run `make consul`")
        late = ConsulAgent()
        try:
            async with sidecar("late", late.address, listens=False) as at:
                await at.process.line("cannot connect")
                assert await at.get("/readyz") == (503, "waiting for the first answer of Consul\n")
                assert not any("listening on" in line for line in at.process.lines)
                await asyncio.to_thread(late.start)
                await at.listening()
                assert (await at.get("/readyz"))[0] == 200
        finally:
            await asyncio.to_thread(late.close)

    async def test_a_port_that_is_taken_ends_it_with_1(self, agent: ConsulAgent) -> None:
        with socket.create_server((LOOPBACK, 0)) as taken:
            port = taken.getsockname()[1]
            process = Process("splitter", arguments("taken", agent.address, "--listen", f"{LOOPBACK}:{port}"))
            try:
                assert await process.ended() == 1
                assert any(str(port) in line and "in use" in line for line in process.lines)
                assert not any("Traceback" in line for line in process.lines)
            finally:
                await process.stop()

    @pytest.mark.parametrize("workers", ["1", "2"])
    async def test_over_tls_its_figures_say_who_was_refused_and_when_certificates_end(
        self, workers: str, agent: ConsulAgent, tmp_path: Path
    ) -> None:
        ca = Authority(tmp_path / "ca")
        shown = ca.issue("server", "localhost")
        files = (
            "--tls-cert",
            str(shown.cert),
            "--tls-key",
            str(shown.key),
            "--upstream-tls-ca",
            str(ca.cert),
        )
        async with sidecar("tls", agent.address, *files, "--workers", workers) as at:
            host, _, port = at.address.rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                await reader.read()  # it is told what is wrong, and then the end
            writer.close()
            page = (await at.get("/metrics"))[1]
        assert 'verdigris_tls_refused_total{service="tls",reason="plaintext"} 1\n' in page
        for side in ("client", "upstream"):
            for outcome in ("applied", "refused"):
                labels = f'service="tls",side="{side}",outcome="{outcome}"'
                assert f"verdigris_tls_reloads_total{{{labels}}} 0\n" in page
        for name, file in (("tls-cert", shown.cert), ("upstream-tls-ca", ca.cert)):
            (ends,) = expiries(file.read_bytes())
            family = "verdigris_tls_certificate_expiry_timestamp_seconds"
            assert f'{family}{{service="tls",file="{name}"}} {ends}\n' in page
        assert re.search(r"\nverdigris_build_info\{.*\} 1\n", page), "however many processes say so"

    async def test_with_consul_down_it_serves_what_it_last_knew(
        self, agent: ConsulAgent, tmp_path: Path
    ) -> None:
        async with (
            registered(agent, "disk", "green") as green,
            Consul(ConsulAddress.parse(agent.address)) as kv,
        ):
            await kv.put(contract.traffic_key("disk"), b'{"split": {"green": 100}}')
            state = ("--state-dir", str(tmp_path))
            async with sidecar("disk", agent.address, *state) as at:
                await green.connection()
                assert await at.process.stop() == 0
            async with sidecar("disk", f"{LOOPBACK}:1", *state) as at:
                client = await at.client()
                call = client.call()
                (await green.request()).answer()
                assert (await call.end()).fields[b"x-verdigris-color"] == b"green"
                table = json.loads((await at.get("/table"))[1])
                assert table["warnings"] == [
                    "Consul has not answered yet; the last good document on disk is applied"
                ]
                client.cut()


class TestTheEnd:
    @pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
    async def test_calls_in_flight_finish_and_new_ones_go_elsewhere(
        self, agent: ConsulAgent, which: signal.Signals
    ) -> None:
        async with registered(agent, "drain") as blue, sidecar("drain", agent.address) as at:
            client, idle = await at.client(), await at.client()
            call = client.call(body=b"one", end=False)
            request = await blue.request()
            at.process.signal(which)
            await client.news.until(lambda: len(client.goaways) == 2, what="GOAWAY, twice")
            assert client.goaways == [(2**31 - 1, 0), (call.id, 0)]
            await idle.gone()
            assert await at.get("/readyz") == (503, "draining\n")
            with pytest.raises(ConnectionRefusedError):
                await at.client()
            call.send(b"two", end=True)
            await request.end()
            request.answer(b"done")
            await call.end()
            assert (request.data, call.data, call.status) == (b"onetwo", b"done", 0)
            await client.gone()
            assert await at.process.ended() == 0

    async def test_what_takes_too_long_is_cut_off(self, agent: ConsulAgent) -> None:
        async with registered(agent, "cut") as blue, sidecar("cut", agent.address, "--drain", "0.1") as at:
            client = await at.client()
            client.call()
            await blue.request()
            at.process.signal(signal.SIGTERM)
            await client.gone()
            assert await at.process.ended() == 0
            await at.process.line(r"1 calls did not finish within 0.1 s")

    async def test_it_can_be_ended_while_it_waits_for_consul(self) -> None:
        async with sidecar("waiting", f"{LOOPBACK}:1", listens=False) as at:
            at.process.signal(signal.SIGTERM)
            assert await at.process.ended(timeout=5) == 0

    async def test_its_status_goes_with_it_and_the_history_stays(self, agent: ConsulAgent) -> None:
        async with Consul(ConsulAddress.parse(agent.address)) as kv, sidecar("told", agent.address) as at:
            await kv.put(contract.traffic_key("told"), b'{"split": {"blue": 100}}')
            entry = (await kv.get(contract.traffic_key("told"))).value
            assert entry is not None
            history = contract.history_key("told", entry.revision)
            index = None
            async with asyncio.timeout(10):
                while history not in await keys(agent, contract.history_prefix("told")):
                    index = (await kv.list(contract.history_prefix("told"), index=index, wait=5)).index
            (status,) = await keys(agent, contract.status_prefix("told"))
            assert re.search(rf"-{at.process.pid}-[0-9a-f]+$", status)
            assert await at.process.stop() == 0
            assert await keys(agent, contract.status_prefix("told")) == []
            assert await keys(agent, contract.history_prefix("told")) == [history]

    async def test_the_last_spans_are_written(self, agent: ConsulAgent, tmp_path: Path) -> None:
        file = tmp_path / "traces.jsonl"
        async with (
            registered(agent, "spans") as blue,
            sidecar("spans", agent.address, "--trace-file", str(file)) as at,
        ):
            client = await at.client()
            call = client.call()
            (await blue.request()).answer()
            await call.end()
            client.cut()
            assert await at.process.stop() == 0
        assert {span.name for span in read_spans(file)} == {SAFE.decode().lstrip("/"), "primary blue"}


async def test_an_edit_is_obeyed_by_the_next_calls_of_an_open_connection(agent: ConsulAgent) -> None:
    news = News()
    async with (
        registered(agent, "edit", "blue", news=news) as blue,
        registered(agent, "edit", "green", news=news) as green,
        sidecar("edit", agent.address) as at,
        Consul(ConsulAddress.parse(agent.address)) as kv,
    ):
        client = await at.client()
        call = client.call()
        (await blue.request()).answer()
        await call.end()
        await kv.put(contract.traffic_key("edit"), b'{"split": {"blue": 0, "green": 100}}')
        async with asyncio.timeout(1):
            while True:
                call = client.call()
                request = await news.until(lambda: blue.arrived() or green.arrived())
                request.answer()
                if (await call.end()).fields[b"x-verdigris-color"] == b"green":
                    break
        client.cut()


class TestWhatRunsBesideTheCalls:
    async def test_a_client_that_says_nothing_is_sent_away(self, agent: ConsulAgent) -> None:
        async with sidecar("silent", agent.address, "--limit", "greeting_timeout=1") as at:
            host, _, port = at.address.rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            async with asyncio.timeout(10):
                while await reader.read(1_000):
                    pass
            writer.close()
            fault = 'verdigris_connection_faults_total{service="silent",side="client",reason="greeting_timeout"} 1'
            assert fault in (await at.get("/metrics"))[1].splitlines()

    async def test_an_event_loop_that_hangs_is_told_with_its_place(
        self, agent: ConsulAgent, tmp_path: Path
    ) -> None:
        (tmp_path / "sitecustomize.py").write_text(
            "import signal, time\ndef hang(*_): time.sleep(1)\nsignal.signal(signal.SIGUSR1, hang)\n"
        )
        env = {"PYTHONPATH": str(tmp_path)}
        async with sidecar("stalls", agent.address, "--watchdog", "0.2", env=env) as at:
            at.process.signal(signal.SIGUSR1)
            await at.process.line(r"the event loop has not turned for 0.2 s; it is at")
            await at.process.line(r"sitecustomize.py.*in hang")
            await at.process.line(r"the event loop turns again")
            assert 'verdigris_loop_stalls_total{service="stalls"} 1' in (await at.get("/metrics"))[1]
