"""Certificates are followed while the program runs, and an operator is told what becomes of them."""

import asyncio
import logging
import os
from pathlib import Path

import pytest
from cryptography import x509

from mesh import tls_live
from mesh.tls import ClientTLS, ServerTLS
from mesh.tls_live import LiveTLS
from tests.certificates import Authority, Shown

DAY = 86_400.0


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def shown(ca: Authority) -> Shown:
    return ca.issue("server", "localhost", "127.0.0.1")


def live(shown: Shown, ca: Authority | None = None) -> LiveTLS[ServerTLS]:
    return LiveTLS(ServerTLS(shown.cert, shown.key, ca.cert if ca else None), "--tls")


def test_new_files_are_a_new_context(shown: Shown, ca: Authority) -> None:
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
    shown: Shown, ca: Authority, caplog: pytest.LogCaptureFixture
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
    shown: Shown, ca: Authority, caplog: pytest.LogCaptureFixture
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


def test_a_symlink_turned_elsewhere_is_news(tmp_path: Path, ca: Authority) -> None:
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


def test_another_ca_is_news_too(shown: Shown, ca: Authority, tmp_path: Path) -> None:
    tls = live(shown, ca)
    os.replace(Authority(tmp_path / "new").cert, ca.cert)
    assert tls.look()
    client = LiveTLS(ClientTLS(ca.cert, server_name="a"), "--up")
    assert client.server_name == "a"
    os.replace(Authority(tmp_path / "newer").cert, ca.cert)
    assert client.look()


async def test_the_watch_tells_of_each_reload(
    shown: Shown, ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_live, "LOOK_EVERY", 0.01)
    reloaded = asyncio.Event()
    followed = live(shown)
    watch = asyncio.create_task(followed.watch(reloaded.set))
    shown.replace(ca.issue("next", "localhost"))
    await asyncio.wait_for(reloaded.wait(), 10)
    assert followed.pem.cert == shown.cert.read_bytes()
    watch.cancel()


def test_no_key_is_shown_where_it_is_not_meant_to_be(shown: Shown) -> None:
    followed = live(shown)
    assert "PRIVATE" not in repr(followed) + repr(followed.pem)


def test_a_failed_reload_is_counted_once_and_its_end_is_said(
    shown: Shown, ca: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    tls, good = live(shown), shown.cert.read_bytes()
    for _ in range(2):
        shown.cert.write_text("half a certificate")
        for _ in range(4):
            tls.look()
        shown.cert.write_bytes(good)
        for _ in range(2):
            tls.look()
    assert (tls.reloads, tls.refused) == (0, 2)
    shown.cert.write_text("half a certificate")
    for _ in range(2):
        tls.look()
    shown.replace(ca.issue("next", "localhost"))
    assert tls.look()
    assert (tls.reloads, tls.refused) == (1, 3)
    again = "--tls: the files can be used again, and new connections use them"
    warnings = [each.message for each in caplog.records if each.levelno == logging.WARNING]
    assert warnings == [again] * 3


def test_what_was_never_complained_of_is_not_said_to_be_mended(
    shown: Shown, caplog: pytest.LogCaptureFixture
) -> None:
    tls, good = live(shown), shown.cert.read_bytes()
    shown.cert.write_text("half a certificate")
    tls.look()
    shown.cert.write_bytes(good)
    tls.look()
    assert (tls.refused, caplog.records) == (0, [])


def test_the_end_of_each_file_is_known_by_its_option(shown: Shown, ca: Authority) -> None:
    tls = live(shown, ca)
    assert tls.expiries == {"--tls-cert": expiry(shown.cert), "--tls-client-ca": expiry(ca.cert)}
    shown.replace(ca.issue("old", "localhost", expired=True))
    assert tls.look()
    assert tls.expiries["--tls-cert"] == expiry(shown.cert) < expiry(ca.cert)
    upstream = LiveTLS(ClientTLS(ca.cert, shown.cert, shown.key), "--upstream-tls")
    assert set(upstream.expiries) == {"--upstream-tls-cert", "--upstream-tls-ca"}
    assert LiveTLS(ClientTLS(None), "--upstream-tls").expiries == {}, (
        "this system's own CAs are its own affair"
    )


def test_a_certificate_that_ends_within_a_week_is_a_warning_and_one_that_has_ended_an_error_each_once(
    shown: Shown, ca: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    tls = live(shown)
    end = tls.expiries["--tls-cert"]
    for now in (end - 8 * DAY, end - 6.9 * DAY, end - 6 * DAY, end - 1, end, end + 1, end + DAY):
        tls.remind(now=now)
    assert [(each.levelname, each.message.partition(" on ")[0]) for each in caplog.records] == [
        ("WARNING", "--tls-cert: expires"),
        ("ERROR", "--tls-cert: has expired,"),
    ]
    caplog.clear()
    shown.replace(ca.issue("next", "localhost"))
    assert tls.look()
    tls.remind(now=tls.expiries["--tls-cert"] - 1)
    assert [each.levelname for each in caplog.records] == ["WARNING"], "another certificate, another warning"


async def test_the_watch_reminds_at_once(
    ca: Authority, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = asyncio.create_task(live(ca.issue("old", "localhost", expired=True)).watch())
    await asyncio.sleep(0)
    watch.cancel()
    assert "--tls-cert: has expired, on 2020-01-01 00:00 UTC: peers refuse it" in caplog.text


def expiry(file: Path) -> float:
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc.timestamp()
