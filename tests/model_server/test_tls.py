"""The model server over TLS: whom it serves, what it shows, and how Consul checks it."""

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mesh.consul import CheckTLS
from mesh.pb import open_inference_pb2 as pb
from mesh.pb import open_inference_pb2_grpc as pb_grpc
from model_server.errors import ForbiddenError
from model_server.transport.callers import Callers
from tests.certificates import Authority, Shown
from tests.consul_agent import ConsulAgent, consul_binary
from tests.model_server.served import Served, run_to_end

NAME = "spiffe://mesh.test/splitter"
WITHIN = 20.0


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def shown(ca: Authority) -> Shown:
    return ca.issue("server", "127.0.0.1", "localhost")


def options(shown: Shown, *more: str) -> tuple[str, ...]:
    return ("--linger", "0", "--tls-cert", str(shown.cert), "--tls-key", str(shown.key), *more)


def live(address: str, ca: Authority, client: Shown | None = None) -> bool:
    """Whether the server at this address says that it is live; RpcError if we are not served."""
    with channel(address, ca, client) as secure:
        stub: Any = pb_grpc.GRPCInferenceServiceStub(secure)  # type: ignore[no-untyped-call]
        return bool(stub.ServerLive(pb.ServerLiveRequest(), timeout=5).live)


def channel(address: str, ca: Authority, client: Shown | None = None) -> grpc.Channel:
    """A connection of its own."""
    credentials = grpc.ssl_channel_credentials(
        ca.cert.read_bytes(),
        client.key.read_bytes() if client else None,
        client.cert.read_bytes() if client else None,
    )
    return grpc.secure_channel(address, credentials, [("grpc.use_local_subchannel_pool", 1)])


def code(refused: pytest.ExceptionInfo[grpc.RpcError]) -> grpc.StatusCode:
    return refused.value.code()  # type: ignore[attr-defined,no-any-return]


def test_beyond_this_machine_it_is_tls_or_a_plain_word(models: dict[str, Path], shown: Shown) -> None:
    given = ("--service", "a", "--color", "blue", "--no-consul", "--model", f"m={models['simple']}")
    ended, said = run_to_end(*given, "--listen", "0.0.0.0:0")
    assert ended == 64
    assert said == (
        "model-server: --listen '0.0.0.0:0': an address that is not loopback needs --tls-cert and --tls-key, "
        "or --plaintext if the network is trusted\n"
    )
    for flags in (("--plaintext", "--linger", "0"), options(shown)):
        with Served(*flags, models={"m": models["simple"]}, listen="0.0.0.0:0"):
            pass


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--tls-cert", "/no/cert"), "--tls-cert '/no/cert': needs --tls-key, the certificate's "),
        (("--tls-key", "/no/key"), "--tls-key '/no/key': needs --tls-cert, the certificate of "),
        (("--tls-cert", "/no/cert", "--tls-key", "/no/key"), "--tls-cert '/no/cert': cannot be read"),
        (("--check-tls-name", "a"), "--check-tls-name 'a': needs --tls-cert and --tls-key"),
        (("--check-tls-skip-verify",), "--check-tls-skip-verify '': needs --tls-cert and --tls-key"),
    ],
)
def test_half_of_it_is_refused(flags: tuple[str, ...], said: str, models: dict[str, Path]) -> None:
    given = ("--service", "a", "--color", "blue", "--no-consul", "--model", f"m={models['simple']}")
    ended, line = run_to_end(*given, *flags)
    assert ended == 64
    assert line.startswith(f"model-server: {said}")


def test_a_client_is_served_over_tls_and_in_plain_text_not_at_all(
    models: dict[str, Path], ca: Authority, shown: Shown, tmp_path: Path
) -> None:
    with Served(*options(shown), models={"m": models["simple"]}) as server:
        assert live(server.address, ca)
        with pytest.raises(grpc.RpcError) as refused:
            live(server.address, Authority(tmp_path / "other"))
        assert code(refused) is grpc.StatusCode.UNAVAILABLE
        with grpc.insecure_channel(server.address) as plain:
            stub: Any = pb_grpc.GRPCInferenceServiceStub(plain)  # type: ignore[no-untyped-call]
            with pytest.raises(grpc.RpcError) as refused:
                stub.ServerLive(pb.ServerLiveRequest(), timeout=5)
        assert code(refused) in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def test_with_a_ca_and_a_name_only_that_caller_is_served_but_anybody_of_the_ca_learns_the_health(
    models: dict[str, Path], ca: Authority, shown: Shown, tmp_path: Path
) -> None:
    flags = options(shown, "--tls-client-ca", str(ca.cert), "--tls-client-name", NAME)
    other = ca.issue("other", "consul.mesh.test")
    with Served(*flags, models={"m": models["simple"]}) as server:
        assert live(server.address, ca, ca.issue("splitter", NAME))
        for stranger in (
            None,
            Authority(tmp_path / "other").issue("stranger", NAME),
            ca.issue("expired", "a.test", expired=True),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                live(server.address, ca, stranger)
            assert code(refused) is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(grpc.RpcError) as refused:
            live(server.address, ca, other)
        assert code(refused) is grpc.StatusCode.PERMISSION_DENIED
        assert "its certificate names consul.mesh.test, who is not allowed" in str(refused.value)
        with channel(server.address, ca, other) as secure:
            health = health_pb2_grpc.HealthStub(secure).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_new_certificates_and_a_new_ca_are_used_without_a_restart(
    models: dict[str, Path], ca: Authority, shown: Shown, tmp_path: Path
) -> None:
    new = Authority(tmp_path / "new")
    first, second = ca.issue("first", "a.test"), new.issue("second", "b.test")
    with (
        Served(*options(shown, "--tls-client-ca", str(ca.cert)), models={"m": models["simple"]}) as server,
        channel(server.address, ca, first) as open_before,
    ):
        stub: Any = pb_grpc.GRPCInferenceServiceStub(open_before)  # type: ignore[no-untyped-call]
        assert stub.ServerLive(pb.ServerLiveRequest(), timeout=5).live
        old_ca = Authority(tmp_path / "copy")
        old_ca.cert.write_bytes(ca.cert.read_bytes())
        shown.replace(new.issue("server", "127.0.0.1"))
        ca.cert.write_bytes(new.cert.read_bytes())
        ends = time.monotonic() + WITHIN
        while "certificates were replaced" not in server.log:
            assert time.monotonic() < ends, server.log
            time.sleep(0.05)
        assert live(server.address, new, second)
        for authority, client in ((old_ca, second), (new, first)):
            with pytest.raises(grpc.RpcError) as refused:
                live(server.address, authority, client)
            assert code(refused) is grpc.StatusCode.UNAVAILABLE
        assert stub.ServerLive(pb.ServerLiveRequest(), timeout=5).live


@pytest.fixture(scope="module")
def agent() -> Iterator[ConsulAgent]:
    if consul_binary() is None:
        pytest.skip("consul: not installed; run `make consul`")
    with ConsulAgent() as agent:
        yield agent


@pytest.mark.parametrize(("flags", "status"), [((), "critical"), (("--check-tls-skip-verify",), "passing")])
def test_consul_believes_its_systems_cas_or_whatever_it_is_told_to(
    flags: tuple[str, ...],
    status: str,
    agent: ConsulAgent,
    models: dict[str, Path],
    shown: Shown,
) -> None:
    """A check over TLS; this CA is not the system's."""
    consul = {**os.environ, "CONSUL_HTTP_ADDR": agent.address}
    server = Served(
        *options(shown, *flags), models={"m": models["simple"]}, service=f"checked-{status}", env=consul
    )
    server.arguments.remove("--no-consul")
    with server:
        ends, found = time.monotonic() + WITHIN, {"Output": "", "Status": ""}
        while not found["Output"]:
            assert time.monotonic() < ends, agent.log
            time.sleep(0.1)
            with urllib.request.urlopen(f"{agent.url}/v1/agent/checks") as answer:
                checks = [each for each in json.load(answer).values() if str(server.port) in each["CheckID"]]
            found = checks[0] if checks else found
        assert found["Status"] == status
        assert ("success" if status == "passing" else "x509") in found["Output"]


class _Context:
    def __init__(self, **proved: list[bytes]) -> None:
        self._proved = proved

    def auth_context(self) -> dict[str, list[bytes]]:
        return self._proved


def test_names_are_asked_for_only_where_there_are_some() -> None:
    Callers(()).check(_Context())
    Callers((NAME,)).check(_Context(peer_uri=[NAME.encode()], peer_dns=[b"a"]))
    for proved in ({}, {"peer_dns": [NAME.encode()]}, {"peer_uri": [b"\xff"]}):
        with pytest.raises(ForbiddenError, match="client refused"):
            Callers((NAME,)).check(_Context(**proved))


def test_a_check_verifies_unless_told_otherwise() -> None:
    assert CheckTLS() == CheckTLS(server_name=None, skip_verify=False)
