"""What the operator says about TLS is checked at the start, and the files are followed afterwards."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from mesh.tls import BadTLS, ClientTLS, ServerTLS
from mesh.tls_files import said
from mesh.tls_live import LiveTLS
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


def test_what_openssl_says_comes_without_where_python_said_it(shown: Shown) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(b"this is no TLS")
    with pytest.raises(ssl.SSLError) as refused:
        live(shown).context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
    assert said(refused.value) == "wrong version number"
    assert said(ConnectionResetError()) == "ConnectionResetError"
