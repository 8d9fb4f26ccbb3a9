"""The cases are complete: each of h2spec's is among them, for servers and for clients."""

from collections import Counter

import pytest

from tests.mesh.http2.rfc import server_frames, server_hpack, server_messages, upstream_frames
from tests.mesh.http2.rfc.case import Case

SERVER = server_frames.CASES + server_messages.CASES + server_hpack.CASES
CLIENT = upstream_frames.CASES

H2SPEC = {
    "generic/1": 1, "generic/2": 5, "generic/3.1": 3, "generic/3.2": 3, "generic/3.3": 5, "generic/3.4": 1,
    "generic/3.5": 1, "generic/3.7": 1, "generic/3.8": 1, "generic/3.9": 2, "generic/3.10": 2, "generic/4": 4,
    "generic/5": 15,
    "hpack/2.3.3": 2, "hpack/4.2": 1, "hpack/5.2": 3, "hpack/6.1": 1, "hpack/6.3": 1,
    "http2/3.5": 2, "http2/4.1": 3, "http2/4.2": 3, "http2/4.3": 3, "http2/5.1": 13, "http2/5.1.1": 2,
    "http2/5.1.2": 1, "http2/5.3.1": 2, "http2/5.4.1": 2, "http2/5.5": 2, "http2/6.1": 3, "http2/6.2": 4,
    "http2/6.3": 2, "http2/6.4": 3, "http2/6.5": 3, "http2/6.5.2": 5, "http2/6.5.3": 2, "http2/6.7": 4,
    "http2/6.8": 1, "http2/6.9": 3, "http2/6.9.1": 3, "http2/6.9.2": 3, "http2/6.10": 6, "http2/7": 2,
    "http2/8.1": 1, "http2/8.1.2": 1, "http2/8.1.2.1": 4, "http2/8.1.2.2": 2, "http2/8.1.2.3": 7,
    "http2/8.1.2.6": 2, "http2/8.2": 1,
}  # fmt: skip
"""How many cases h2spec 2.6 has for servers, by section of RFC 7540."""

H2SPECD = {
    "client/1": 1, "client/4.1": 3, "client/4.2": 3, "client/4.3": 1, "client/5.1": 10, "client/5.1.1": 1,
    "client/5.4.1": 2, "client/5.5": 1, "client/6.1": 3, "client/6.2": 3, "client/6.3": 2, "client/6.4": 3,
    "client/6.5": 3, "client/6.5.2": 4, "client/6.5.3": 1, "client/6.7": 4, "client/6.8": 1, "client/6.9": 3,
    "client/6.9.1": 2, "client/6.10": 6,
}  # fmt: skip
"""The same for clients."""


@pytest.mark.parametrize(
    ("cases", "expected"), [(SERVER, H2SPEC), (CLIENT, H2SPECD)], ids=["server", "client"]
)
def test_each_case_of_h2spec_is_here_once(cases: tuple[Case, ...], expected: dict[str, int]) -> None:
    numbers = {f"{section}/{number}" for section, count in expected.items() for number in range(1, count + 1)}
    found = Counter(case.h2spec for case in cases if case.h2spec)
    assert set(found) == numbers
    assert set(found.values()) == {1}


@pytest.mark.parametrize("cases", [SERVER, CLIENT], ids=["server", "client"])
def test_no_two_cases_have_the_same_name(cases: tuple[Case, ...]) -> None:
    assert not [name for name, count in Counter(map(str, cases)).items() if count > 1]
