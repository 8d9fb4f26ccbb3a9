"""When certificates end, as another reader of X.509 says it, and when that is worth a word."""

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mesh.tls_expiry import expiries, remark
from tests.certificates import Authority

END = 1_800_000_000.0
DAY = 86_400.0


def ending(end: datetime.datetime) -> bytes:
    """A certificate that ends then."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x" * 60)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(1960, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("year", [1970, 1999, 2000, 2026, 2049, 2050, 2126, 9999])
def test_the_end_is_read_whichever_of_two_forms_it_has(year: int) -> None:
    """RFC 5280 section 4.1.2.5: two digits of the year until 2049, four from 2050."""
    end = datetime.datetime(year, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
    assert expiries(ending(end)) == (end.timestamp(),)


def test_every_certificate_of_a_file_has_its_own_and_text_between_them_none(tmp_path: Path) -> None:
    shown = Authority(tmp_path / "ca").issue("server", "localhost", "127.0.0.1")
    other = datetime.datetime(2031, 2, 3, tzinfo=datetime.UTC)
    file = (
        b"subject=/CN=a\n" + shown.cert.read_bytes() + b"\nissuer=\n" + ending(other) + shown.key.read_bytes()
    )
    (first,) = expiries(shown.cert.read_bytes())
    assert first == x509.load_pem_x509_certificate(shown.cert.read_bytes()).not_valid_after_utc.timestamp()
    assert expiries(file) == (first, other.timestamp())


@pytest.mark.parametrize("body", ["", "AAAA", "MAA=", "MIIB", "MAMwAQA=", "not base64!", "MAYwBKADAgEC"])
def test_what_is_no_certificate_after_all_has_no_end(body: str) -> None:
    pem = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n".encode()
    assert expiries(pem) == ()
    assert expiries(body.encode()) == ()


def test_seven_days_before_the_end_it_is_news_and_at_the_end_again() -> None:
    assert remark(END, now=END - 7 * DAY - 1) == ""
    assert remark(END, now=END - 7 * DAY) == "expires on 2027-01-15 08:00 UTC"
    assert remark(END, now=END - 1) == "expires on 2027-01-15 08:00 UTC"
    assert remark(END, now=END) == "has expired, on 2027-01-15 08:00 UTC: peers refuse it"
