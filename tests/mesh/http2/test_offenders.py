"""What is remembered of the addresses of clients that gave up streams: the worst, for a while, and not of too many."""

import pytest

from mesh.http2.offenders import FORGETFUL, Offenders, address_of


def test_an_address_owes_what_its_worst_connection_does() -> None:
    offenders = Offenders(rate=10.0)
    for owes in (20, 70, 30):
        offenders.note("a", owes, now=5.0)
    assert (offenders.owed("a", now=5.0), offenders.owed("b", now=5.0)) == (70, 0)


def test_what_is_owed_fades_and_what_is_worse_by_then_counts() -> None:
    offenders = Offenders(rate=10.0)
    offenders.note("a", 70, now=5.0)
    assert offenders.owed("a", now=8.0) == 40
    offenders.note("a", 39, now=8.0)
    assert offenders.owed("a", now=9.0) == 30
    offenders.note("a", 50, now=9.0)
    assert offenders.owed("a", now=9.0) == 50
    assert offenders.owed("a", now=1_000.0) == 0


def test_only_what_goes_on_where_nothing_was_left_adds_up() -> None:
    offenders = Offenders(rate=10.0)
    offenders.note("a", 70, now=5.0)
    offenders.add("a", now=6.0)
    offenders.add("a", now=6.0)
    assert offenders.owed("a", now=6.0) == 62


def test_what_ends_well_pays_and_who_owes_nothing_is_forgotten() -> None:
    offenders = Offenders(rate=10.0)
    offenders.note("a", 70, now=5.0)
    offenders.pay("a", 30, now=6.0)
    offenders.pay("b", 30, now=6.0)
    assert offenders.owed("a", now=6.0) == 30
    offenders.pay("a", 30, now=6.0)
    assert len(offenders) == 0


def test_it_adds_up_however_little_time_passes_in_between() -> None:
    offenders = Offenders(rate=10.0)
    for number in range(1_000):
        offenders.add("a", now=number * 0.001)
    assert offenders.owed("a", now=1.0) == 990


def test_who_offended_longest_ago_is_forgotten_first() -> None:
    offenders = Offenders(rate=1.0, most=2)
    for number, address in enumerate("abac"):
        offenders.note(address, 100 + number, now=0.0)
    assert [offenders.owed(each, now=0.0) for each in "abc"] == [102, 0, 103]
    assert len(offenders) == 2


def test_nobody_is_remembered_where_none_shall_be() -> None:
    FORGETFUL.note("a", 70, now=0.0)
    Offenders(rate=1.0).note("", 70, now=0.0)
    assert (FORGETFUL.owed("a", now=0.0), len(FORGETFUL)) == (0, 0)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (("127.0.0.1", 4711), "127.0.0.1"),
        (("::ffff:10.0.0.1", 4711, 0, 0), "10.0.0.1"),
        (("2001:db8:1:2:3:4:5:6", 4711, 0, 0), "2001:db8:1:2::/64"),
        (("2001:db8:1:2::7", 4711, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 4711, 0, 2), "fe80::/64"),
        ("", ""),
        (None, ""),
        ((), ""),
        (("a pipe", 1), ""),
    ],
)
def test_the_hosts_of_an_ipv6_network_are_one(peer: object, address: str) -> None:
    assert address_of(peer) == address
