"""What the operator says about TLS is checked at the start, and the files are followed afterwards."""

import asyncio
import logging
import os
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from mesh import tls
from mesh.tls import BadTLS, ClientTLS, LiveTLS, ServerTLS
from mesh.tls_files import said
from tests.certificates import Authority, Shown


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def shown(ca: Authority) -> Shown:
    return ca.issue("server", "localhost", "127.0.0.1")


def live(shown: Shown, ca: Authority | None = None) -> LiveTLS[ServerTLS]:
    return LiveTLS(ServerTLS(shown.cert, shown.key, ca.cert if ca else None), "--tls")


def refusal(settings: ServerTLS | ClientTLS, name: str = "--tls") -> str:
    with pytest.raises(BadTLS) as refused:
        settings.checked(name)
    return str(refused.value)


class TestWhatIsGiven:
    def test_nothing_is_plain_text(self) -> None:
        assert ServerTLS.given("--tls", None, None, None, ()) is None
        assert ClientTLS.given("--upstream-tls", None, None, None, None) is None

    def test_a_half_is_refused_by_the_half_that_is_missing(self, shown: Shown, ca: Authority) -> None:
        for cert, key, authority, names, culprit in (
            (shown.cert, None, None, (), "--tls-cert: needs --tls-key, "),
            (None, shown.key, None, (), "--tls-key: needs --tls-cert, "),
            (None, None, ca.cert, (), "--tls-client-ca: needs --tls-cert and --tls-key"),
            (None, None, None, ("a",), "--tls-client-name: needs --tls-cert and --tls-key"),
        ):
            with pytest.raises(BadTLS, match=culprit):
                ServerTLS.given("--tls", cert, key, authority, names)
        for ca_, cert, key, name, culprit in (
            (None, shown.cert, None, None, "--up-cert: needs --up-key, "),
            (None, None, shown.key, None, "--up-key: needs --up-cert, "),
            (None, shown.cert, shown.key, None, r"--up-cert: needs --up-ca \(a file, or 'system'\)"),
            (None, None, None, "a", r"--up-name: needs --up-ca \(a file, or 'system'\) \(found 'a'\)"),
            (ca.cert, shown.cert, None, None, "--up-cert: needs --up-key"),
            (ca.cert, None, shown.key, None, "--up-key: needs --up-cert"),
        ):
            with pytest.raises(BadTLS, match=culprit):
                ClientTLS.given("--up", ca_, cert, key, name)

    def test_system_is_the_trust_of_this_system(self) -> None:
        given = ClientTLS.given("--up", Path("system"), None, None, None)
        assert given == ClientTLS(None)
        assert given.checked("--up") is given

    def test_names_need_a_ca_and_are_whole(self, shown: Shown, ca: Authority) -> None:
        assert refusal(ServerTLS(shown.cert, shown.key, None, ("a",))) == (
            "--tls-client-name: needs --tls-client-ca (found 'a')"
        )
        for name in ("", "*.example.org", "a b", "-", "spiffe://", "spiffe://a b"):
            assert "must be a DNS name or a URI" in refusal(
                ServerTLS(shown.cert, shown.key, ca.cert, (name,))
            )
        good = ServerTLS(shown.cert, shown.key, ca.cert, ("a.example.org", "spiffe://mesh/ns/a/sa/b"))
        assert good.checked("--tls") is good
        assert "must be a DNS name" in refusal(ClientTLS(ca.cert, server_name="https://a"))


class TestAFile:
    def test_that_is_not_there_is_named(self, shown: Shown, tmp_path: Path) -> None:
        absent = tmp_path / "absent.pem"
        assert refusal(ServerTLS(absent, shown.key)) == (
            f"--tls-cert: cannot be read: No such file or directory (found '{absent}')"
        )
        assert refusal(ClientTLS(tmp_path), "--up") == (
            f"--up-ca: cannot be read: Is a directory (found '{tmp_path}')"
        )

    def test_that_holds_something_else_is_named(self, shown: Shown, ca: Authority, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.write_text("nothing of the kind\n")
        assert refusal(ServerTLS(other, shown.key)).startswith("--tls-cert: holds no PEM certificate")
        assert refusal(ServerTLS(shown.cert, other)).startswith("--tls-key: holds no PEM private key")
        assert refusal(ServerTLS(shown.cert, shown.key, other)).startswith("--tls-client-ca: holds no PEM")
        assert refusal(ClientTLS(other), "--up").startswith("--up-ca: holds no PEM certificate")
        assert refusal(ServerTLS(shown.key, shown.cert)).startswith("--tls-cert: holds no PEM certificate")

    def test_of_another_pair_is_refused(self, shown: Shown, ca: Authority) -> None:
        other = ca.issue("other", "localhost")
        assert refusal(ServerTLS(shown.cert, other.key)) == (
            f"--tls-key: is not the key of the certificate in {shown.cert} (found '{other.key}')"
        )

    def test_that_is_encrypted_is_refused_and_nobody_is_asked(self, shown: Shown) -> None:
        key = serialization.load_pem_private_key(shown.key.read_bytes(), None)
        shown.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
        assert refusal(ServerTLS(shown.cert, shown.key)).startswith("--tls-key: must not be encrypted")

    def test_too_large_to_be_one_is_refused(self, shown: Shown, tmp_path: Path) -> None:
        with (tmp_path / "large").open("wb") as large:
            large.truncate(5 << 20)
        assert "is larger than 4 MiB" in refusal(ServerTLS(tmp_path / "large", shown.key))


class TestAContext:
    @pytest.mark.parametrize("side", ["server", "client"])
    def test_has_only_what_rfc_9113_leaves(self, side: str, shown: Shown, ca: Authority) -> None:
        """Section 9.2.2 and appendix A: ephemeral keys, authenticated encryption; section 9.2.1: no compression."""
        settings = ServerTLS(shown.cert, shown.key, ca.cert) if side == "server" else ClientTLS(ca.cert)
        context = LiveTLS(settings, "--tls").context  # type: ignore[type-var]
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED
        ciphers = context.get_ciphers()
        assert all(each["aead"] and each["kea"] in ("kx-ecdhe", "kx-any") for each in ciphers)
        names = {each["name"] for each in ciphers}
        assert "ECDHE-RSA-AES128-GCM-SHA256" in names  # required by section 9.2.2
        assert "TLS_AES_128_GCM_SHA256" in names
        assert context.options & ssl.OP_NO_COMPRESSION
        assert context.options & ssl.OP_NO_RENEGOTIATION
        assert context.verify_mode is ssl.CERT_REQUIRED

    def test_of_a_server_without_a_ca_asks_for_no_certificate(self, shown: Shown) -> None:
        assert live(shown).context.verify_mode is ssl.CERT_NONE

    def test_of_a_client_checks_names_in_the_san_only(self, ca: Authority) -> None:
        context = LiveTLS(ClientTLS(ca.cert), "--up").context
        assert context.check_hostname
        assert not context.hostname_checks_common_name


class TestReloading:
    def test_new_files_are_a_new_context(self, shown: Shown, ca: Authority) -> None:
        tls = live(shown)
        before = tls.context
        assert not tls.look()
        assert tls.context is before
        shown.replace(ca.issue("next", "localhost"))
        assert tls.look()
        assert tls.context is not before
        assert tls.pem.cert == shown.cert.read_bytes()
        assert not tls.look()
        assert tls.reloads == 1

    def test_a_certificate_whose_key_follows_later_changes_nothing_until_then(
        self, shown: Shown, ca: Authority, caplog: pytest.LogCaptureFixture
    ) -> None:
        tls = live(shown)
        before, new = tls.context, ca.issue("next", "localhost")
        os.replace(new.cert, shown.cert)
        assert not tls.look()
        assert tls.context is before
        os.replace(new.key, shown.key)
        assert tls.look()
        assert [each.levelname for each in caplog.records if each.levelno > logging.INFO] == []

    def test_a_fault_that_stays_is_said_once_and_the_old_one_stays(
        self, shown: Shown, ca: Authority, caplog: pytest.LogCaptureFixture
    ) -> None:
        tls = live(shown)
        before = tls.context
        good = shown.cert.read_bytes()
        shown.cert.write_text("half a certificate")
        assert [tls.look() for _ in range(4)] == [False] * 4
        shown.cert.unlink()
        assert [tls.look() for _ in range(3)] == [False] * 3
        assert tls.context is before
        errors = [each.message for each in caplog.records if each.levelno == logging.ERROR]
        assert len(errors) == 2
        assert "holds no PEM certificate" in errors[0]
        assert "cannot be read" in errors[1]
        assert all("stay in use" in error and str(shown.cert) in error for error in errors)
        shown.cert.write_bytes(good)  # as it was: nothing new, and nothing to complain of
        assert not tls.look()
        shown.replace(ca.issue("next", "localhost"))
        assert tls.look()

    def test_a_symlink_turned_elsewhere_is_news(self, tmp_path: Path, ca: Authority) -> None:
        """As Kubernetes does: tls.crt -> ..data/tls.crt, and ..data -> a folder that is replaced as a whole."""
        for number in ("1", "2"):
            made, folder = ca.issue(f"v{number}", "localhost"), tmp_path / f"..{number}"
            folder.mkdir()
            os.replace(made.cert, folder / "tls.crt")
            os.replace(made.key, folder / "tls.key")
        data = tmp_path / "..data"
        data.symlink_to("..1")
        for name in ("tls.crt", "tls.key"):
            (tmp_path / name).symlink_to(f"..data/{name}")
        followed = LiveTLS(ServerTLS(tmp_path / "tls.crt", tmp_path / "tls.key"), "--tls")
        (tmp_path / "..new").symlink_to("..2")
        os.replace(tmp_path / "..new", data)
        assert followed.look()

    def test_another_ca_is_news_too(self, shown: Shown, ca: Authority, tmp_path: Path) -> None:
        tls = live(shown, ca)
        os.replace(Authority(tmp_path / "new").cert, ca.cert)
        assert tls.look()
        client = LiveTLS(ClientTLS(ca.cert, server_name="a"), "--up")
        assert client.server_name == "a"
        os.replace(Authority(tmp_path / "newer").cert, ca.cert)
        assert client.look()

    async def test_the_watch_tells_of_each_reload(
        self, shown: Shown, ca: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tls, "LOOK_EVERY", 0.01)
        reloaded = asyncio.Event()
        followed = live(shown)
        watch = asyncio.create_task(followed.watch(reloaded.set))
        shown.replace(ca.issue("next", "localhost"))
        await asyncio.wait_for(reloaded.wait(), 10)
        assert followed.pem.cert == shown.cert.read_bytes()
        watch.cancel()

    def test_no_key_is_shown_where_it_is_not_meant_to_be(self, shown: Shown) -> None:
        followed = live(shown)
        assert "PRIVATE" not in repr(followed) + repr(followed.pem)


def test_what_openssl_says_comes_without_where_python_said_it(shown: Shown) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(b"this is no TLS")
    with pytest.raises(ssl.SSLError) as refused:
        live(shown).context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
    assert said(refused.value) == "wrong version number"
    assert said(ConnectionResetError()) == "ConnectionResetError"
