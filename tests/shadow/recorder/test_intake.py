"""What `shadow.recorder.intake` promises: a pair says what was asked and answered, and nobody's credentials."""

import pytest

from mesh.http2.blocks import literal
from shadow import wire
from shadow.pair import Pair
from shadow.recorder.intake import Terms
from tests.shadow import pipe


def read(message: bytes, terms: bytes = pipe.terms()) -> Pair:
    ((_, told, _),) = wire.messages(terms)
    ((_, body, _),) = wire.messages(message)
    return Terms.read(told).pair(wire.read_pair(body))


def test_metadata_is_kept_without_what_http_and_grpc_need_for_themselves() -> None:
    head = b"\x83\x86" + pipe.block(
        te="trailers", grpc_timeout="1S", traceparent="00-1", x_user_id="7", x_list="a"
    )
    found = read(pipe.pair(request_block=head + pipe.block(x_list="b", grpc_encoding="gzip")))
    assert found.metadata == (("x-user-id", "7"), ("x-list", "a"), ("x-list", "b"))
    assert found.encoding == "gzip"


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-api-key",
        "apikey",
        "x-auth-token",
        "x-amz-security-token",
        "authorization-bin",
        "x-forwarded-client-cert",
        "x-session",
        "db-password",
        "x-signature",
        "x-goog-iam-authorization-token",
    ],
)
def test_credentials_are_never_kept(name: str) -> None:
    found = read(pipe.pair(request_block=pipe.block(**{name: "secret", "x-user-id": "7"})))
    assert found.metadata == (("x-user-id", "7"),)


@pytest.mark.parametrize("name", ["x-user-id", "x-author", "x-monkey", "x-tokenizer", "x-authority"])
def test_what_only_sounds_like_one_is_kept(name: str) -> None:
    assert read(pipe.pair(request_block=pipe.block(**{name: "7"}))).metadata == ((name, "7"),)


def test_what_its_sender_marked_as_sensitive_is_never_kept() -> None:
    marked = literal(b"x-pin", b"1234", never_indexed=True)
    assert read(pipe.pair(request_block=marked + pipe.block(x_user_id="7"))).metadata == (("x-user-id", "7"),)


def test_an_answer_has_its_status_its_message_its_encoding_and_its_model_s_version() -> None:
    said = pipe.block(grpc_encoding="gzip") + pipe.block(grpc_status="13", grpc_message="50%25 caf%C3%A9")
    found = read(pipe.pair(status="INTERNAL", shadow_block=said), pipe.terms(versions={"10.0.0.2:7": "3"}))
    assert (found.shadow.status, found.shadow.message, found.shadow.encoding) == (
        "INTERNAL",
        "50% café",
        "gzip",
    )
    assert (found.shadow.version, found.primary.version) == ("3", "")
    assert (found.primary.latency, found.shadow.latency) == (2_000_000, 3_000_000)


def test_a_block_that_cannot_be_read_costs_what_it_says_and_nothing_else() -> None:
    found = read(pipe.pair(request_block=b"\x40"))
    assert (found.metadata, found.request) == ((), pipe.framed(b"7"))


def test_without_a_document_pairs_are_read_too() -> None:
    terms = wire.terms(
        {"service": "films", "source": "here", "revision": 0, "document": None, "versions": {}}
    )
    assert read(pipe.pair(), terms).id.source == "here"
