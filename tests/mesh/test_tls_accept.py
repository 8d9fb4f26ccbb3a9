"""Who is let in over TLS, and what becomes of everybody else: a reason in the log, and no byte of ours."""

import asyncio
import logging
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from mesh import tls_accept
from mesh.tls import ServerTLS
from mesh.tls_accept import TLSAcceptor
from mesh.tls_live import LiveTLS
from tests.certificates import Authority, Shown

SPIFFE = "spiffe://mesh.example/ns/shop/sa/client"
WITHIN = 10.0

# pytest-asyncio's newer way to choose a loop cannot be confined to one file
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy. fixture")


@pytest.fixture(params=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """uvloop has a TLS of its own, and it is what the programs run on."""
    if request.param == "uvloop":
        return uvloop.EventLoopPolicy()  # type: ignore[no-any-return]
    return asyncio.DefaultEventLoopPolicy()


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "other")


@pytest.fixture(scope="module")
def client(ca: Authority) -> Shown:
    return ca.issue("client", SPIFFE)


class Greeter(asyncio.Protocol):
    """Says "secret", then what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.write(b"secret")

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Door:
    """A listening acceptor that asks for certificates of `ca`."""

    def __init__(self, acceptor: TLSAcceptor, live: LiveTLS[ServerTLS], port: int, ca: Authority) -> None:
        self.acceptor, self.live, self.port, self.ca = acceptor, live, port, ca

    async def heard(self, context: ssl.SSLContext | None, says: bytes = b"hello") -> bytes:
        """All that a client hears who says this and then nothing more; b"" if it is turned away."""
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.port, ssl=context, server_hostname="localhost" if context else None
            )
        except (OSError, ssl.SSLError):
            return b""
        heard = b""
        try:
            writer.write(says)
            async with asyncio.timeout(WITHIN):
                heard = await reader.readexactly(len(b"secret" + says))
        except asyncio.IncompleteReadError as ended:
            heard = ended.partial
        except (OSError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()
        return heard


@asynccontextmanager
async def door(ca: Authority, shown: Shown, *names: str, mutual: bool = True) -> AsyncIterator[Door]:
    live = LiveTLS(ServerTLS(shown.cert, shown.key, ca.cert if mutual else None, names), "--tls")
    acceptor = TLSAcceptor(live, Greeter)
    server = await asyncio.get_running_loop().create_server(acceptor.accept, "127.0.0.1", 0)
    try:
        yield Door(acceptor, live, server.sockets[0].getsockname()[1], ca)
    finally:
        server.close()
        acceptor.close()
        await asyncio.sleep(0)


@pytest.fixture
def server(ca: Authority) -> Shown:
    return ca.issue("server", "localhost")


def hello(ca: Authority, shown: Shown | None = None, *, alpn: tuple[str, ...] = ("h2",)) -> ssl.SSLContext:
    """A client that believes `ca` and shows `shown`."""
    context = ssl.create_default_context(cafile=str(ca.cert))
    if shown is not None:
        context.load_cert_chain(shown.cert, shown.key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


async def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The log's lines about refusals, once there is one, without the peers' ports."""
    async with asyncio.timeout(WITHIN):
        while not caplog.records:  # noqa: ASYNC110  # logging has no event to wait for
            await asyncio.sleep(0.005)
    assert all(each.levelno == logging.INFO and each.exc_info is None for each in caplog.records)
    return [re.sub(r"127\.0\.0\.1:\d+", "PEER", each.getMessage()) for each in caplog.records]


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


class TestAClient:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    async def test_with_a_certificate_of_the_ca_is_served(
        self, version: ssl.TLSVersion, ca: Authority, client: Shown, server: Shown
    ) -> None:
        async with door(ca, server) as here:
            context = hello(ca, client)
            context.minimum_version = context.maximum_version = version
            assert await here.heard(context) == b"secrethello"
            assert here.acceptor.refused == {}

    async def test_needs_no_certificate_where_none_is_asked_for(self, ca: Authority, server: Shown) -> None:
        async with door(ca, server, mutual=False) as here:
            assert await here.heard(hello(ca)) == b"secrethello"

    async def test_with_an_allowed_name_is_served(self, ca: Authority, client: Shown, server: Shown) -> None:
        async with door(ca, server, "other.example", SPIFFE) as here:
            assert await here.heard(hello(ca, client)) == b"secrethello"
        async with door(ca, server, "Client.Example") as here:
            shown = ca.issue("named", "client.example", "second.example")
            assert await here.heard(hello(ca, shown)) == b"secrethello"

    async def test_a_megabyte_comes_whole_through_what_was_sent_with_the_handshake(
        self, ca: Authority, client: Shown, server: Shown
    ) -> None:
        async with door(ca, server) as here:
            says = bytes(range(256)) * 4096
            assert await here.heard(hello(ca, client), says) == b"secret" + says


def nothing(ca: Authority, other: Authority) -> ssl.SSLContext:
    return hello(ca)


def wrong_ca(ca: Authority, other: Authority) -> ssl.SSLContext:
    return hello(ca, other.issue("stranger", SPIFFE))


def expired(ca: Authority, other: Authority) -> ssl.SSLContext:
    return hello(ca, ca.issue("expired", "client.example", expired=True))


def wrong_name(ca: Authority, other: Authority) -> ssl.SSLContext:
    return hello(ca, ca.issue("wrong", "client.example.evil"))


def nearly_the_name(ca: Authority, other: Authority) -> ssl.SSLContext:
    return hello(ca, ca.issue("nearly", SPIFFE + "/2"))


def no_alpn(ca: Authority, other: Authority) -> ssl.SSLContext:
    return hello(ca, ca.issue("plain", SPIFFE), alpn=())


def other_alpn(ca: Authority, other: Authority) -> ssl.SSLContext:
    return hello(ca, ca.issue("plain", SPIFFE), alpn=("http/1.1",))


def tls_1_1(ca: Authority, other: Authority) -> ssl.SSLContext:
    context = hello(ca, ca.issue("old", SPIFFE))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def old_cipher(ca: Authority, other: Authority) -> ssl.SSLContext:
    context = hello(ca, ca.issue("old", SPIFFE))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES256-SHA384:AES256-GCM-SHA384")  # appendix A: CBC; a static key
    return context


def believes_another(ca: Authority, other: Authority) -> ssl.SSLContext:
    return hello(other, ca.issue("believer", SPIFFE))


REFUSED: list[tuple[Callable[[Authority, Authority], ssl.SSLContext], str, str]] = [
    (nothing, "certificate", "peer did not return a certificate"),
    (wrong_ca, "certificate", "certificate refused: unable to get local issuer certificate"),
    (expired, "certificate", "certificate refused: certificate has expired"),
    (wrong_name, "identity", "its certificate names client.example.evil, who is not allowed"),
    (nearly_the_name, "identity", f"its certificate names {SPIFFE}/2, who is not allowed"),
    (no_alpn, "alpn", "it negotiated None where ALPN must be 'h2'"),
    (other_alpn, "alpn", "it negotiated None where ALPN must be 'h2'"),
    (tls_1_1, "handshake", "unsupported protocol"),
    (old_cipher, "handshake", "no shared cipher"),
    (believes_another, "handshake|hung_up", "(it hung up during the handshake|.*unknown ca)"),
]


@pytest.mark.parametrize(
    ("client_of", "reason", "sentence"), REFUSED, ids=lambda each: getattr(each, "__name__", "")
)
async def test_anybody_else_hears_nothing_and_is_one_line_in_the_log(
    client_of: Callable[[Authority, Authority], ssl.SSLContext],
    reason: str,
    sentence: str,
    ca: Authority,
    other_ca: Authority,
    client: Shown,
    server: Shown,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with door(ca, server, SPIFFE) as here:
        assert await here.heard(client_of(ca, other_ca)) == b""
        (line,) = await told(caplog)
        assert re.fullmatch(f"TLS: client PEER refused: {sentence}", line)
        assert list(here.acceptor.refused.values()) == [1]
        assert set(here.acceptor.refused) <= set(reason.split("|"))
        assert await here.heard(hello(ca, client)) == b"secrethello"  # nobody else noticed


@pytest.mark.parametrize("says", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 64])
async def test_plain_text_is_told_from_a_bad_handshake(
    says: bytes, ca: Authority, server: Shown, caplog: pytest.LogCaptureFixture
) -> None:
    async with door(ca, server) as here:
        assert b"secret" not in await here.heard(None, says)
        (line,) = await told(caplog)
        assert line == "TLS: client PEER refused: it does not speak TLS; this port takes no plain text"
        assert here.acceptor.refused == {"plaintext": 1}


async def test_whoever_says_nothing_is_cut_off(
    ca: Authority, server: Shown, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_accept, "HANDSHAKE_TIMEOUT", 0.05)
    async with door(ca, server) as here:
        assert await here.heard(None, b"") == b""
        (line,) = await told(caplog)
        assert line == "TLS: client PEER refused: it did not finish its handshake within 0.05 s"
        assert here.acceptor.refused == {"timeout": 1}


async def test_whoever_leaves_is_forgotten(
    ca: Authority, server: Shown, caplog: pytest.LogCaptureFixture
) -> None:
    async with door(ca, server) as here:
        _, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.close()
        (line,) = await told(caplog)
        assert line == "TLS: client PEER refused: it hung up during the handshake"
        assert here.acceptor.refused == {"hung_up": 1}


async def test_too_many_handshakes_at_once_are_refused(
    ca: Authority, server: Shown, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_accept, "MAX_HANDSHAKES", 1)
    async with door(ca, server) as here:
        _, silent = await asyncio.open_connection("127.0.0.1", here.port)
        reader, second = await asyncio.open_connection("127.0.0.1", here.port)
        assert await asyncio.wait_for(reader.read(), WITHIN) == b""
        (line,) = await told(caplog)
        assert line == "TLS: client PEER refused: too many handshakes are under way"
        assert here.acceptor.refused == {"too_many": 1}
        for writer in (silent, second):
            writer.close()


async def test_a_new_certificate_is_for_new_handshakes_and_open_connections_stay(
    ca: Authority, other_ca: Authority, client: Shown, tmp_path: Path
) -> None:
    shown = Authority(tmp_path / "folder").issue("server", "localhost")
    shown.replace(ca.issue("first", "localhost"))
    async with door(ca, shown) as here:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", here.port, ssl=hello(ca, client), server_hostname="localhost"
        )
        assert await reader.readexactly(6) == b"secret"
        shown.replace(other_ca.issue("second", "localhost"))
        assert here.live.look()
        assert await here.heard(hello(ca, client)) == b""
        assert await here.heard(hello(other_ca, client)) == b"secrethello"
        writer.write(b"still here")
        assert await asyncio.wait_for(reader.readexactly(10), WITHIN) == b"still here"
        writer.transport.abort()
