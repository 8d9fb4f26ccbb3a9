"""`replay`: stored requests to a real server, found in a real Consul, judged and kept."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from mesh.pb import open_inference_pb2 as pb
from rollout.failure import Judged
from shadow.store.store import Store
from shadow.store.values import Scope
from tests.rollout.conftest import Site
from tests.shadow.report.pairs import METHOD, answer, liked, recorded

ROOT = Path(__file__).resolve().parents[3]


class Recommender(grpc.GenericRpcHandler):
    """Recommends what blue recommends, with scores times `scale`; after so many calls it hangs, and 4 make it stuck."""

    def __init__(self, *, scale: float = 1.0, ends_after: int | None = None) -> None:
        self.scale = scale
        self.ends_after = ends_after
        self.calls = self.hanging = 0
        self.stuck = asyncio.Event()
        self.roles: set[Any] = set()

    def service(self, details: Any) -> Any:
        assert details.method == METHOD
        self.roles.add(dict(details.invocation_metadata).get("x-verdigris-role"))
        return grpc.unary_unary_rpc_method_handler(self.infer)

    async def infer(self, request: bytes, context: Any) -> bytes:
        self.calls += 1
        if self.ends_after is not None and self.calls > self.ends_after:
            self.hanging += 1
            if self.hanging == 4:
                self.stuck.set()
            await asyncio.Event().wait()
        user = int.from_bytes(pb.ModelInferRequest.FromString(request).raw_input_contents[0], "little")
        return answer(liked(user), scale=self.scale)[5:]


@asynccontextmanager
async def serving(recommender: Recommender) -> AsyncIterator[int]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((recommender,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., str]:
    def fill(number: int, service: str, **how: Any) -> str:
        path = str(tmp_path / "shadow.db")
        with Store.open(path) as opened:
            opened.add(recorded(number, service=service, **how))
        return path

    return fill


async def started(consul: str, *words: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "VERDIGRIS_CONSUL_ADDR": consul, "COLUMNS": "100"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rollout", "replay", *words),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def replay(consul: str, *words: str) -> Ended:
    process = await started(consul, *words)
    out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())


async def test_stored_requests_are_sent_compared_kept_and_judged(
    site: Site, store: Callable[..., str]
) -> None:
    path = store(700, site.service)
    green = Recommender()
    async with serving(green) as port:
        await site.register("green", port=port)
        ended = await replay(
            site.address, site.service, "--to", "green", "--store", path, "--rate", "5000", "--json"
        )
    report = ended.data["reports"][0]
    assert (ended.code, report["state"], report["role"]) == (Judged.READY, "ready", "replay"), ended.err
    assert (report["accounting"]["mirrored"], report["accounting"]["compared"]) == (700, 700)
    assert report["environment"]["shadow"][0]["versions"] == {"3": 700}
    assert [each["criterion"] for each in report["verdict"]["findings"]] == ["pairs", "agreement", "errors"]
    assert "latencies" in report["criteria_from"]
    assert (green.calls, green.roles) == (700, {"shadow"})
    with Store.open(path, read_only=True) as opened:
        (one, *_) = opened.pairs(Scope(site.service, "green", "replay"))
        assert one.pair.id.source == report["run"]
        assert one.pair.shadow.body is not None
        assert (
            sum(each.number for each in opened.accounts(Scope(site.service, "green"))) == 700
        )  # the live ones


async def test_a_colour_that_answers_otherwise_is_not_ready(site: Site, store: Callable[..., str]) -> None:
    async with serving(Recommender(scale=1.1)) as port:
        target = f"127.0.0.1:{port}"
        path = store(400, site.service)
        ended = await replay(
            site.address,
            site.service,
            "--to",
            "green",
            "--store",
            path,
            "--target",
            target,
            "--rate",
            "5000/s",
        )
    assert ended.code == Judged.NOT_READY
    assert "1.1" in ended.out
    assert "replaying to green as replay-" in ended.err


async def test_only_so_many_as_are_wanted_the_oldest_first(site: Site, store: Callable[..., str]) -> None:
    async with serving(Recommender()) as port:
        path = store(30, site.service)
        words = (
            "--to",
            "green",
            "--store",
            path,
            "--target",
            f"127.0.0.1:{port}",
            "--limit",
            "7",
            "--rate",
            "500",
        )
        ended = await replay(site.address, site.service, *words, "--json")
    assert ended.code == Judged.NOT_ENOUGH_DATA
    assert ended.data["reports"][0]["accounting"]["mirrored"] == 7
    with Store.open(path, read_only=True) as opened:
        buckets = {each.pair.bucket for each in opened.pairs(Scope(site.service, "green", "replay"))}
    assert buckets == set(range(1, 8))


async def test_ctrl_c_keeps_what_is_done_and_says_so(site: Site, store: Callable[..., str]) -> None:
    green = Recommender(ends_after=100)
    async with serving(green) as port:
        path = store(200, site.service)
        words = (
            "--to",
            "green",
            "--store",
            path,
            "--target",
            f"127.0.0.1:{port}",
            "--rate",
            "5000",
            "--at-once",
            "4",
        )
        process = await started(site.address, site.service, *words)
        async with asyncio.timeout(30):
            await green.stuck.wait()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == Judged.INTERRUPTED
    run = err.decode().split("replaying to green as ")[1].split()[0]
    assert f"stopped by SIGINT after 100 of 200; they are kept as {run}" in " ".join(err.decode().split())
    with Store.open(path, read_only=True) as opened:
        assert len(list(opened.pairs(Scope(site.service, "green", "replay")))) == 100


async def test_a_dead_target_is_told_and_nothing_is_judged(site: Site, store: Callable[..., str]) -> None:
    async with serving(Recommender()) as port:
        pass
    ended = await replay(
        site.address,
        site.service,
        "--to",
        "green",
        "--store",
        store(5, site.service),
        "--target",
        f"127.0.0.1:{port}",
    )
    assert ended.code == Judged.UNAVAILABLE
    assert f"green at 127.0.0.1:{port} accepts no connection" in ended.err


async def test_a_colour_nobody_has_is_told_with_those_there_are(
    site: Site, store: Callable[..., str]
) -> None:
    await site.register("blue")
    ended = await replay(site.address, site.service, "--to", "grene", "--store", store(5, site.service))
    assert ended.code == Judged.USAGE
    assert f"nobody has registered as grene in {site.service}" in ended.err
    assert "Consul knows blue" in ended.err


async def test_a_store_without_payloads_is_told(site: Site, store: Callable[..., str]) -> None:
    path = store(5, site.service, keep=False)
    ended = await replay(
        site.address, site.service, "--to", "green", "--store", path, "--target", "127.0.0.1:1"
    )
    assert ended.code == Judged.UNAVAILABLE
    assert f"has no request of {site.service} with its payload" in " ".join(ended.err.split())


@pytest.mark.parametrize(
    "words",
    [(), ("--to", "Green"), ("--to", "green", "--rate", "fast"), ("--to", "green", "--target", "here")],
)
async def test_a_command_line_that_makes_no_sense_is_no_verdict(
    site: Site, store: Callable[..., str], words: tuple[str, ...]
) -> None:
    ended = await replay(site.address, site.service, *words, "--store", store(5, site.service))
    assert ended.code == Judged.USAGE, ended.err


async def test_a_comparator_that_is_not_installed_is_told_before_anything_is_sent(
    site: Site, store: Callable[..., str]
) -> None:
    await site.put(b'{"split": {"blue": 100}, "compare": {"comparator": "nobodys"}}')
    green = Recommender()
    async with serving(green) as port:
        words = ("--to", "green", "--store", store(5, site.service), "--target", f"127.0.0.1:{port}")
        ended = await replay(site.address, site.service, *words)
    assert (ended.code, green.calls) == (Judged.UNAVAILABLE, 0)
    assert "comparator 'nobodys'" in ended.err


async def test_a_redactor_that_is_not_installed_is_told_before_anything_is_sent(
    site: Site, store: Callable[..., str]
) -> None:
    green = Recommender()
    async with serving(green) as port:
        words = ("--to", "green", "--store", store(5, site.service), "--target", f"127.0.0.1:{port}")
        ended = await replay(site.address, site.service, *words, "--redactor", "nobodys")
    assert (ended.code, green.calls) == (Judged.UNAVAILABLE, 0)
    assert "redactor 'nobodys'" in ended.err


async def test_an_endpoint_that_fails_its_checks_gets_nothing(site: Site, store: Callable[..., str]) -> None:
    await site.consul.register(
        id=f"{site.service}-green", service=site.service, address="127.0.0.1", port=1, tags=("green",), meta={},
        grpc_check="127.0.0.1:1", initially_passing=False,
    )  # fmt: skip
    ended = await replay(site.address, site.service, "--to", "green", "--store", store(5, site.service))
    assert ended.code == Judged.UNAVAILABLE
    assert f"no green of {site.service} is healthy" in ended.err
