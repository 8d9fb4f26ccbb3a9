"""Mutual TLS on both hops, with real programs: it serves, it keeps strangers out, and it outlives its certificates."""

import asyncio
import json
import re
import socket
import ssl
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from mesh.consul import Consul, ConsulAddress
from tests.certificates import Authority
from tests.consul_agent import ConsulAgent, consul_binary
from tests.e2e.harness import Backend, Mesh, Splitter
from tests.e2e.harness.infer import Inference
from tests.e2e.harness.models import simple
from tests.e2e.harness.secure import CLIENT, SPLITTER, Secured, SecureInference

WITHIN = 15.0


@pytest.fixture
def secured(tmp_path: Path) -> Secured:
    return Secured.by(tmp_path)


@pytest.fixture
async def mesh(secured: Secured, tmp_path: Path) -> AsyncIterator[Mesh]:
    """A mesh with a Consul of its own, whose checks show a certificate."""
    if consul_binary() is None:
        pytest.skip("needs a Consul agent: make consul")
    async with (
        ConsulAgent(hcl=secured.of_consul) as agent,
        Mesh(ConsulAddress.parse(agent.address), tmp_path) as mesh,
    ):
        yield mesh


async def served(mesh: Mesh, secured: Secured, folder: Path) -> tuple[Backend, Splitter]:
    models = {"simple": simple(folder)}
    backend = await mesh.model_server("blue", models, *secured.of_model_server)
    return backend, await mesh.splitter(*secured.of_splitter)


async def checked(mesh: Mesh, backend: Backend) -> str:
    """What Consul's own check of it has found, once it has run."""
    url = f"{mesh.consul}/v1/agent/checks"  # at once; the catalog hears of the same status later
    ends = time.monotonic() + WITHIN
    while True:
        with await asyncio.to_thread(urllib.request.urlopen, url) as answer:
            found = {each["ServiceID"]: each for each in json.load(answer).values()}
        check = found.get(backend.id, {})
        if check.get("Output") and check["Status"] == "passing":
            return str(check["Output"])
        assert time.monotonic() < ends, check
        await asyncio.sleep(0.1)  # the check runs when Consul runs it


async def refused(address: str, ca: Authority, **shown: object) -> str:
    """What the client is told."""
    async with SecureInference(address, ca, shown.get("shown")) as client:  # type: ignore[arg-type]
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await client.infer(timeout=5)
    assert refusal.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    return str(refusal.value.details())


async def test_both_hops_and_consuls_check_speak_mutual_tls(
    mesh: Mesh, secured: Secured, tmp_path: Path
) -> None:
    backend, splitter = await served(mesh, secured, tmp_path)
    async with SecureInference(splitter.address, secured.ca, secured.client) as client:
        assert await client.infer() == "blue"
    assert "success" in await checked(mesh, backend)


async def test_every_worker_speaks_it_and_follows_the_files(
    mesh: Mesh, secured: Secured, tmp_path: Path
) -> None:
    await mesh.model_server("blue", {"simple": simple(tmp_path)}, *secured.of_model_server)
    splitter = await mesh.splitter(*secured.of_splitter, "--workers", "2")
    secured.server.replace(secured.ca.issue("next", "localhost"))
    await _reloaded(splitter, "--tls", 2)
    for _ in range(10):  # connections of their own, so that each worker gets some
        assert _shown(splitter.address) == secured.server.cert.read_text().strip()
        async with SecureInference(splitter.address, secured.ca, secured.client) as client:
            assert await client.infer() == "blue"


async def test_strangers_hear_nothing_and_are_a_line_each_in_the_log(
    mesh: Mesh, secured: Secured, tmp_path: Path
) -> None:
    _, splitter = await served(mesh, secured, tmp_path)
    ca, other, address, log = (
        secured.ca,
        Authority(tmp_path / "other"),
        splitter.address,
        splitter.process,
    )
    await refused(address, ca)
    await log.line("TLS: client .* refused: peer did not return a certificate")
    await refused(address, ca, shown=other.issue("stranger", CLIENT))
    await log.line("TLS: client .* refused: certificate refused: unable to get local issuer certificate")
    await refused(address, ca, shown=secured.splitter)
    await log.line(f"TLS: client .* refused: its certificate names {SPLITTER}, who is not allowed")
    await refused(address, other, shown=secured.client)  # this one does not believe us
    async with Inference(address) as plain:
        with pytest.raises(grpc.aio.AioRpcError):
            await plain.color(user="1", timeout=2)
    await log.line("TLS: client .* refused: it does not speak TLS; this port takes no plain text")
    async with SecureInference(address, ca, secured.client) as client:
        assert await client.infer() == "blue"
    assert not any("Traceback" in line for line in log.lines)


async def test_tls_on_a_plain_port_is_told_from_other_garbage(
    mesh: Mesh, secured: Secured, tmp_path: Path
) -> None:
    await mesh.model_server("blue", {"simple": simple(tmp_path)}, *secured.of_model_server)
    splitter = await mesh.splitter(*secured.towards_models, "--log-level", "info")
    await refused(splitter.address, secured.ca, shown=secured.client)
    await splitter.process.line("closing .*the peer speaks TLS, and this port plain text")
    async with Inference(splitter.address) as plain:
        assert await plain.color(user="1") == "blue"


@pytest.mark.parametrize("wrong", ["ca", "name", "plain"])
async def test_a_model_server_that_proves_nothing_gets_no_call(
    wrong: str, mesh: Mesh, secured: Secured, tmp_path: Path
) -> None:
    """Its CA is not ours, its certificate names another host, or it speaks plain text."""
    other = Authority(tmp_path / "other") if wrong == "ca" else secured.ca
    shown = other.issue("impostor", "elsewhere.test" if wrong == "name" else "127.0.0.1")
    flags = ("--tls-cert", str(shown.cert), "--tls-key", str(shown.key), "--check-tls-skip-verify")
    backend = await mesh.model_server(
        "blue", {"simple": simple(tmp_path)}, *(() if wrong == "plain" else flags)
    )
    mesh.backends.clear()  # nobody is to wait until it is connected
    splitter = await mesh.splitter(*secured.of_splitter)
    why = {
        "ca": "unable to get local issuer",
        "name": "IP address mismatch",
        "plain": "(wrong version number|WRONG_VERSION_NUMBER)",
    }
    await splitter.process.line(f"cannot connect to blue .*:{backend.port}: .*{why[wrong]}")
    async with SecureInference(splitter.address, secured.ca, secured.client) as client:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await client.infer()
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
    assert not any("Traceback" in line for line in splitter.process.lines)


async def test_an_address_that_is_not_in_the_certificate_needs_the_name_that_is(
    mesh: Mesh, secured: Secured, tmp_path: Path
) -> None:
    secured.models.replace(secured.ca.issue("named", "models.mesh.test"))
    await mesh.model_server("blue", {"simple": simple(tmp_path)}, *secured.of_model_server)
    splitter = await mesh.splitter(*secured.of_splitter, "--upstream-tls-name", "models.mesh.test")
    async with SecureInference(splitter.address, secured.ca, secured.client) as client:
        assert await client.infer() == "blue"


async def test_a_caller_of_the_right_ca_with_the_wrong_name_is_denied_by_the_model_server(
    mesh: Mesh, secured: Secured, tmp_path: Path
) -> None:
    backend, _ = await served(mesh, secured, tmp_path)
    async with SecureInference(
        backend.address, secured.ca, secured.client, name="models.mesh.test"
    ) as client:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await client.infer()
    assert refusal.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert refusal.value.details() == f"client refused: its certificate names {CLIENT}, who is not allowed"
    await refused(backend.address, secured.ca)


async def test_no_call_fails_while_every_certificate_and_the_ca_are_replaced(
    mesh: Mesh, secured: Secured, tmp_path: Path
) -> None:
    """Old and new CA overlap, as they do where a CA is rotated. Clients come and go, with a handshake each."""
    backend, splitter = await served(mesh, secured, tmp_path)
    stop, calls, failures = asyncio.Event(), 0, []

    async def call() -> None:
        nonlocal calls
        while not stop.is_set():
            async with SecureInference(splitter.address, secured.ca, secured.client) as client:
                for _ in range(5):
                    try:
                        assert await client.infer() == "blue"
                        calls += 1
                    except grpc.aio.AioRpcError as error:
                        failures.append(f"{error.code()}: {error.details()}")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(call())
        try:
            await _rotate(mesh, secured, splitter, backend, tmp_path)
        finally:
            stop.set()
    assert failures == []
    assert calls > 100
    async with Consul(mesh.consul) as consul:
        await consul.deregister(backend.id)  # it registers again, and its check begins anew
    assert "success" in await checked(mesh, backend)
    assert _shown(splitter.address) == secured.server.cert.read_text().strip()


async def _rotate(mesh: Mesh, secured: Secured, splitter: Splitter, backend: Backend, tmp_path: Path) -> None:
    new = Secured.by(_folder(tmp_path / "new"))
    everybody = ("server", "splitter", "models", "client")
    # 1. Everybody believes both CAs. 2. Everybody shows the new one's certificates, the key a moment later
    both = secured.ca.cert.with_suffix(".both")
    both.write_bytes(secured.ca.cert.read_bytes() + new.ca.cert.read_bytes())
    both.replace(secured.ca.cert)
    await _reloaded(splitter, "--tls", 1)
    await _reloaded(splitter, "--upstream-tls", 1)
    await _reloaded(backend, "--tls", 1)
    reload = urllib.request.Request(f"{mesh.consul}/v1/agent/reload", method="PUT")  # Consul follows no file
    (await asyncio.to_thread(urllib.request.urlopen, reload)).close()
    for name in everybody:
        ours, theirs = getattr(secured, name), getattr(new, name)
        ours.replace(theirs)
    await _reloaded(splitter, "--tls", 2)
    await _reloaded(splitter, "--upstream-tls", 2)
    await _reloaded(backend, "--tls", 2)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


async def _reloaded(who: Splitter | Backend, name: str, times: int) -> None:
    line, ends = re.compile(f"{name}: certificates were replaced"), time.monotonic() + WITHIN
    while sum(bool(line.search(each)) for each in who.process.lines) < times:
        assert time.monotonic() < ends, who.process.tail()
        await asyncio.sleep(0.05)


def _shown(address: str) -> str:
    """The certificate that a listener shows now, as PEM."""
    host, port = address.split(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain) as secure:
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return ssl.DER_cert_to_PEM_cert(shown).strip()
