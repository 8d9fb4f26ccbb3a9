"""A splitter of several processes is one sidecar: one watch, one status, one set of figures; a worker may die."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mesh import contract
from mesh.consul import Consul
from mesh.tracefile import read_spans
from tests.e2e.backends.scripted import SERVICE
from tests.e2e.harness import LOOPBACK, Mesh, Splitter, program
from tests.e2e.harness.client import ECHO, SAFE
from tests.e2e.harness.secure import Secured, SecureInference
from tests.otlp_receiver import OtlpReceiver, ReceivedSpan

SCRIPTED = [sys.executable, "-m", "tests.e2e.backends.scripted"]
TWO = ("--workers", "2")
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
USERS = [f"user-{number}" for number in range(60)]


class Line:
    """One connection of a client, and the worker at its other end."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.aio.insecure_channel(address, options=OWN_CONNECTION)
        self.worker = 0

    async def color(self, user: str | None = None) -> str:
        """The colour that serves the next call."""
        metadata = (("x-user-id", user),) if user else ()
        call = self.channel.unary_unary(ECHO)(b"hello", metadata=metadata, timeout=10)
        assert await call == b"hello"
        return str((await call.initial_metadata())[contract.HEADER_COLOR])

    async def colors(self, count: int) -> list[str]:
        return [await self.color() for _ in range(count)]


def workers(table: Mapping[str, Any], name: str) -> dict[int, Any]:
    """What the table says of each worker under this name."""
    return {each["number"]: each[name] for each in table["workers"]}


@asynccontextmanager
async def lines(splitter: Splitter, *, to: Sequence[int] = (1, 2)) -> AsyncIterator[dict[int, Line]]:
    """A connection to each of these workers: the kernel chooses, so as many are made as that takes."""
    made: list[Line] = []
    found: dict[int, Line] = {}
    await splitter.until(lambda table: table["clients"] == 0)  # those that close would be counted too
    try:
        while set(to) - set(found):
            before = await splitter.table()
            line = Line(splitter.address)
            made.append(line)
            await line.channel.channel_ready()
            after = await splitter.until(lambda table: table["clients"] > before["clients"])  # noqa: B023
            clients = workers(before, "clients")
            (line.worker,) = (
                number for number, count in workers(after, "clients").items() if count > clients[number]
            )
            found.setdefault(line.worker, line)
        yield found
    finally:
        for line in made:
            await line.channel.close()


@pytest.fixture
async def site(mesh: Mesh) -> Mesh:
    """Blue and green servers, and a splitter with two workers."""
    for color in ("blue", "green"):
        await mesh.backend(color, lambda port: [*SCRIPTED, str(port)], ready="ready")
    await mesh.splitter(*TWO)
    return mesh


async def figures(splitter: Splitter) -> dict[str, float]:
    """The sums of each metric's samples over all labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(await splitter.get("/metrics")):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


async def status(mesh: Mesh, revision: int) -> dict[str, Any]:
    """The one status key, once it speaks of this revision."""
    index = None
    async with Consul(mesh.consul) as consul, asyncio.timeout(20):
        while True:
            answer = await consul.list(contract.status_prefix(mesh.service), index=index, wait=10)
            index = answer.index
            for entry in answer.value:
                said: dict[str, Any] = json.loads(entry.value)
                if said["revision"] == revision:
                    assert len(answer.value) == 1, "several processes, one sidecar"
                    return said


def gone(pid: int) -> bool:
    """No process has this id, or only its parent has still to look."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def until_gone(*pids: int) -> None:
    async with asyncio.timeout(20):
        while not all(map(gone, pids)):  # noqa: ASYNC110  # another's children: nobody tells us
            await asyncio.sleep(0.02)


class TestTogether:
    async def test_every_worker_obeys_the_next_document_and_users_stay_whichever_they_meet(
        self, site: Mesh
    ) -> None:
        (splitter,) = site.splitters
        async with lines(splitter) as by:
            await site.put({"split": {"blue": 0, "green": 100}})
            assert [await line.color() for line in by.values()] == ["green"] * 2
            await site.put({"split": {"blue": 50, "green": 50}, "key": {"metadata": "x-user-id"}})
            one, other = [{user: await line.color(user) for user in USERS} for line in by.values()]
            assert one == other
            assert set(one.values()) == {"blue", "green"}

    async def test_the_split_of_calls_without_a_key_is_exact_on_each_worker(self, site: Mesh) -> None:
        (splitter,) = site.splitters
        await site.put({"split": {"blue": 90, "green": 10}})
        async with lines(splitter) as by:
            for line in by.values():
                assert (await line.colors(20)).count("green") == 2

    async def test_metrics_and_the_table_are_sums(self, site: Mesh) -> None:
        (splitter,) = site.splitters
        await site.put({"split": {"blue": 100}})
        async with lines(splitter) as by:
            for count, line in zip((3, 4), by.values(), strict=True):
                await line.colors(count)
            table = await splitter.until(lambda table: table["in_flight"] == 0)
            found = await figures(splitter)
            assert table["counts"] == {"blue": 7}
            assert found["verdigris_calls_total"] == 7
            assert found["verdigris_call_duration_seconds_count"] == 7
            assert found["verdigris_workers"] == 4, "two wanted, two listening"
            endpoint = f"blue {LOOPBACK}:{site.backends['blue'].port}"
            assert workers(table, "endpoints") == {1: {endpoint: 0}, 2: {endpoint: 0}}
            assert all(count >= 1 for count in workers(table, "clients").values())

    async def test_an_edit_is_reported_as_applied_only_when_every_worker_obeys(self, site: Mesh) -> None:
        (splitter,) = site.splitters
        first = await site.put({"split": {"blue": 100}})
        await status(site, first)
        stuck = workers(await splitter.table(), "pid")[2]
        os.kill(stuck, signal.SIGSTOP)
        try:
            async with Consul(site.consul) as consul:
                key = contract.traffic_key(site.service)
                assert await consul.put(key, b'{"split": {"green": 100}}')
                entry = (await consul.get(key)).value
                assert entry is not None
                table = await splitter.until(lambda table: workers(table, "revision")[1] == entry.revision)
                assert table["revision"] == first
                assert workers(table, "revision")[2] == first
                said = (await consul.list(contract.status_prefix(site.service))).value
                assert [json.loads(each.value)["revision"] for each in said] == [first]
        finally:
            os.kill(stuck, signal.SIGCONT)
        await status(site, entry.revision)
        async with lines(splitter) as by:
            assert [await line.color() for line in by.values()] == ["green"] * 2

    async def test_a_document_that_is_refused_is_refused_once_and_changes_nothing(self, site: Mesh) -> None:
        (splitter,) = site.splitters
        first = await site.put({"split": {"blue": 0, "green": 100}})
        second = await site.put({"split": {"blue": 99}})
        said = await status(site, first)
        while said["error"] is None:  # it is written once more, with the refusal
            said = await status(site, first)
        assert said["error"]["revision"] == second
        async with lines(splitter) as by:
            assert [await line.color() for line in by.values()] == ["green"] * 2

    async def test_with_consul_down_all_serve_what_the_sidecar_last_knew(
        self, site: Mesh, tmp_path: Path
    ) -> None:
        await site.put({"split": {"blue": 0, "green": 100}})
        state = tmp_path / "splitter-1"
        assert [path.name for path in state.glob("*.json")] == [f"{site.service}.json"]
        await site.splitters[0].process.stop()
        flags = ("--service", site.service, "--consul-addr", f"{LOOPBACK}:1", "--listen", f"{LOOPBACK}:0")
        process = site.run("splitter", [*program("splitter"), *flags, *TWO, "--state-dir", str(state)])
        admin = (await process.line(r"admin on (\S+)"))[1]
        splitter = Splitter(process, (await process.line(r"listening on (\S+)"))[1], admin)
        async with lines(splitter) as by:
            assert [await line.color() for line in by.values()] == ["green"] * 2


class TestDeath:
    async def test_a_worker_that_is_killed_is_started_again_and_told_what_holds(self, site: Mesh) -> None:
        (splitter,) = site.splitters
        await site.put({"split": {"blue": 0, "green": 100}})
        async with lines(splitter) as by:
            for line in by.values():
                await line.colors(5)
            before = await figures(splitter)
            pids = workers(await splitter.table(), "pid")
            os.kill(pids[1], signal.SIGKILL)
            assert await by[2].colors(20) == ["green"] * 20, "the other one serves on"
            await splitter.until(lambda table: workers(table, "pid")[1] not in (None, pids[1]))
            await splitter.until(lambda table: all(workers(table, "listening").values()))
            assert workers(await splitter.table(), "pid")[2] == pids[2]
            assert await splitter.get("/readyz") == "ready\n"
        async with lines(splitter, to=(1,)) as by:
            assert await by[1].color() == "green"
        after = await figures(splitter)
        assert after["verdigris_worker_restarts_total"] == 1
        assert after["verdigris_calls_total"] == before["verdigris_calls_total"] + 20 + 1
        assert any("worker 1 was ended by SIGKILL" in line for line in splitter.process.lines)

    async def test_a_worker_that_is_told_to_end_finishes_its_calls_and_is_replaced(self, site: Mesh) -> None:
        (splitter,) = site.splitters
        await site.put({"split": {"blue": 100}})
        async with lines(splitter) as by:
            pid = workers(await splitter.table(), "pid")[1]
            held = by[1].channel.stream_stream(f"/{SERVICE}/Swallow")(
                iter([b"abc"]), metadata=(("x-id", "held"),), timeout=30
            )
            await splitter.until(lambda table: workers(table, "in_flight")[1] == 1)
            os.kill(pid, signal.SIGTERM)
            await splitter.until(lambda table: not workers(table, "listening")[1])
            release = by[2].channel.unary_unary(f"/{SERVICE}/Release")
            await release(b"held", timeout=10)
            assert [json.loads(message) async for message in held] == [[1, 3]]
            await splitter.until(lambda table: workers(table, "listening")[1])
            assert workers(await splitter.table(), "pid")[1] != pid
        assert (await figures(splitter))["verdigris_calls_total"] == 2, "what it counted last is not lost"

    async def test_it_is_not_ready_while_a_worker_is_missing(self, site: Mesh) -> None:
        (splitter,) = site.splitters
        pid = workers(await splitter.table(), "pid")[2]
        os.kill(pid, signal.SIGKILL)
        table = await splitter.until(lambda table: not workers(table, "listening")[2])
        assert table["warnings"][-1] == "worker 2 was ended by SIGKILL; it is started again"
        await splitter.until(lambda table: not any("worker" in warning for warning in table["warnings"]))
        assert await splitter.get("/readyz") == "ready\n"

    async def test_workers_do_not_outlive_a_supervisor_that_is_killed_but_finish_their_calls(
        self, site: Mesh
    ) -> None:
        (splitter,) = site.splitters
        await site.put({"split": {"blue": 100}, "methods": SAFE})
        pids = workers(await splitter.table(), "pid").values()
        async with lines(splitter, to=(1,)) as by:
            held = by[1].channel.stream_stream(f"/{SERVICE}/Swallow")(
                iter([b"abc"]), metadata=(("x-id", "orphan"),), timeout=30
            )
            await splitter.until(lambda table: table["in_flight"] == 1)
            splitter.process.signal(signal.SIGKILL)
            assert await splitter.process.ended() == -signal.SIGKILL
            address = f"{LOOPBACK}:{site.backends['blue'].port}"
            async with grpc.aio.insecure_channel(address, options=OWN_CONNECTION) as direct:
                await direct.unary_unary(f"/{SERVICE}/Release")(b"orphan", timeout=10)
            assert [json.loads(message) async for message in held] == [[1, 3]]
        await until_gone(*pids)

    async def test_sigterm_drains_every_worker_and_ends_with_0(self, site: Mesh) -> None:
        (splitter,) = site.splitters
        await site.put({"split": {"blue": 100}})
        pids = workers(await splitter.table(), "pid").values()
        async with lines(splitter) as by:
            held = [
                line.channel.stream_stream(f"/{SERVICE}/Swallow")(
                    iter([b"abc"]), metadata=(("x-id", f"drain-{line.worker}"),), timeout=30
                )
                for line in by.values()
            ]
            await splitter.until(lambda table: table["in_flight"] == 2)
            splitter.process.signal(signal.SIGTERM)
            await splitter.until(lambda table: not any(workers(table, "listening").values()))
            address = f"{LOOPBACK}:{site.backends['blue'].port}"
            async with grpc.aio.insecure_channel(address, options=OWN_CONNECTION) as direct:
                for line in by.values():
                    await direct.unary_unary(f"/{SERVICE}/Release")(b"drain-%d" % line.worker, timeout=10)
            for call in held:
                assert [json.loads(message) async for message in call] == [[1, 3]]
        assert await splitter.process.ended() == 0
        assert all(map(gone, pids))
        async with Consul(site.consul) as consul:
            assert (await consul.list(contract.status_prefix(site.service))).value == ()

    async def test_ctrl_c_reaches_all_of_them_and_ends_with_0(self, site: Mesh) -> None:
        (splitter,) = site.splitters
        pids = workers(await splitter.table(), "pid").values()
        os.killpg(splitter.process.pid, signal.SIGINT)
        assert await splitter.process.ended() == 0
        assert all(map(gone, pids))
        assert not any("Traceback" in line for line in splitter.process.lines), splitter.process.tail()

    async def test_a_worker_that_does_not_end_is_killed_after_the_deadline(self, mesh: Mesh) -> None:
        await mesh.backend("blue", lambda port: [*SCRIPTED, str(port)], ready="ready")
        splitter = await mesh.splitter(*TWO, "--drain", "0.1")
        pids = workers(await splitter.table(), "pid")
        os.kill(pids[1], signal.SIGSTOP)
        splitter.process.signal(signal.SIGTERM)
        assert await splitter.process.ended() == 0
        assert any("worker 1 does not end: killing it" in line for line in splitter.process.lines)
        assert all(map(gone, pids.values()))


class TestItsBeginning:
    def argv(self, mesh: Mesh, *more: str) -> list[str]:
        consul = f"{mesh.consul.host}:{mesh.consul.port}"
        flags = ("--service", mesh.service, "--consul-addr", consul, "--listen", f"{LOOPBACK}:0")
        return [*program("splitter"), *flags, *TWO, *more]

    async def test_a_port_that_is_taken_ends_it_with_1(self, mesh: Mesh) -> None:
        with socket.create_server((LOOPBACK, 0)) as taken:
            port = taken.getsockname()[1]
            process = mesh.run("splitter", self.argv(mesh, "--listen", f"{LOOPBACK}:{port}"))
            assert await process.ended() == 1
        assert any(f"{LOOPBACK}:{port}" in line and "in use" in line for line in process.lines)
        assert not any("Traceback" in line for line in process.lines)

    async def test_the_port_of_another_splitter_with_workers_is_taken_too(self, mesh: Mesh) -> None:
        """SO_REUSEPORT alone would let two sidecars share it, and each get half of the calls."""
        splitter = await mesh.splitter(*TWO)
        process = mesh.run("splitter", self.argv(mesh, "--listen", splitter.address))
        assert await process.ended() == 1
        assert any("in use" in line for line in process.lines)

    async def test_it_can_be_ended_while_it_waits_for_consul(self, mesh: Mesh) -> None:
        process = mesh.run("splitter", self.argv(mesh, "--consul-addr", f"{LOOPBACK}:1"))
        await process.line(r"admin on")
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0
        assert not any("Traceback" in line for line in process.lines), process.tail()

    async def test_a_worker_that_cannot_start_ends_it_with_1(self, mesh: Mesh, tmp_path: Path) -> None:
        """Whatever keeps it from starting: here a module of ours that cannot be imported in workers."""
        (tmp_path / "sitecustomize.py").write_text(
            "import os, sys\n"
            "if 'VERDIGRIS_WORKER_ORDERS' in os.environ:\n"
            "    sys.modules['splitter.settings'] = None\n"
        )
        process = mesh.run("splitter", self.argv(mesh), env={"PYTHONPATH": str(tmp_path)})
        assert await process.ended() == 1
        assert any("could not start: ended with 1" in line for line in process.lines), process.tail()


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


async def test_spans_say_which_worker_made_them(mesh: Mesh, receiver: OtlpReceiver) -> None:
    await mesh.backend("blue", lambda port: [*SCRIPTED, str(port)], ready="ready")
    splitter = await mesh.splitter(*TWO, env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.grpc_endpoint})
    async with lines(splitter) as by:
        for line in by.values():
            await line.color()

        def both(spans: Sequence[ReceivedSpan]) -> bool:
            return len({span.resource["service.instance.id"] for span in spans}) == 2

        spans = await asyncio.to_thread(receiver.wait_for, both)
    instances = {str(span.resource["service.instance.id"]) for span in spans}
    assert len({instance.rpartition("-")[0] for instance in instances}) == 1
    assert {instance.rpartition("-")[2] for instance in instances} == {"1", "2"}
    await mesh.stop()  # while there is a receiver to take the last spans


async def test_all_workers_write_one_trace_file(site: Mesh, tmp_path: Path) -> None:
    (splitter,) = site.splitters
    async with lines(splitter) as by:
        for line in by.values():
            await line.colors(3)
    assert await splitter.process.stop() == 0
    spans = list(read_spans(tmp_path / "splitter-1" / "traces.jsonl"))
    assert len([span for span in spans if span.name == ECHO.lstrip("/")]) == 6


async def test_over_tls_every_worker_shows_the_certificate_and_knows_the_client(
    mesh: Mesh, tmp_path: Path
) -> None:
    secured = Secured.by(tmp_path)
    await mesh.backend("blue", lambda port: [*SCRIPTED, str(port)], ready="ready")
    splitter = await mesh.splitter(*TWO, *secured.towards_clients)
    await mesh.put({"split": {"blue": 100}})
    met: set[int] = set()
    while met != {1, 2}:  # the kernel chooses
        before = workers(await splitter.table(), "clients")
        async with SecureInference(splitter.address, secured.ca, secured.client) as client:
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await client.infer()  # the backend knows no such method, and says so
            assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED
            after = workers(await splitter.table(), "clients")
            met |= {number for number, count in after.items() if count > before[number]}
    async with SecureInference(splitter.address, secured.ca, None) as stranger:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stranger.infer(timeout=5)
        assert refusal.value.code() is not grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("flags", [(), TWO], ids=["one process", "two workers"])
async def test_a_splitter_that_is_registered_as_its_own_endpoint_says_so_and_does_not_loop(
    mesh: Mesh, flags: tuple[str, ...]
) -> None:
    """Whichever of its processes a connection reaches: they all know themselves by one token."""
    splitter = await mesh.splitter(*flags)
    async with Consul(mesh.consul) as consul:
        await consul.register(
            id=f"{mesh.service}-itself",
            service=mesh.service,
            address=LOOPBACK,
            port=int(splitter.address.rpartition(":")[2]),
            tags=("blue", contract.TAG),
            meta={},
            grpc_check=None,
        )
    itself = f"blue {splitter.address}"
    table = await splitter.until(lambda table: any(itself in warning for warning in table["warnings"]))
    (warning,) = [warning for warning in table["warnings"] if itself in warning]
    assert "this sidecar itself" in warning
    if flags:
        await splitter.until(
            lambda table: all(
                "this sidecar itself" in str(uses.get(itself))
                for uses in workers(table, "endpoints").values()
            )
        )
    async with grpc.aio.insecure_channel(splitter.address, options=OWN_CONNECTION) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await channel.unary_unary(ECHO)(b"hello", timeout=10)
        assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
    found = text_string_to_metric_families(await splitter.get("/metrics"))
    (faults,) = [family for family in found if family.name == "verdigris_connection_faults"]
    assert {sample.labels["reason"] for sample in faults.samples} == {"loop"}
