"""What `splitter.outbox` promises: a budget, nothing lost when recorders end, nothing doubled that was acknowledged."""

from hypothesis import given
from hypothesis import strategies as st

from shadow import wire
from splitter.outbox import Outbox

KEY = ("green", "shadow", 7, "dropped", "no_endpoint")


def message(number: int, size: int = 10) -> bytes:
    return wire.message(wire.PAIR, number.to_bytes(4) + bytes(size))


def put(outbox: Outbox, message: bytes) -> bool:
    """Whether there was room."""
    room = outbox.room(len(message))
    if room is None:
        return False
    room += message
    return True


def numbers(data: bytes | bytearray) -> list[int]:
    return [int.from_bytes(body[:4]) for kind, body, _ in wire.messages(data) if kind == wire.PAIR]


def test_it_wakes_whoever_sends_once_for_what_waits() -> None:
    woken: list[int] = []
    outbox = Outbox(wake=lambda: woken.append(1))
    put(outbox, message(1))
    put(outbox, message(2))
    outbox.count(*KEY)
    assert len(woken) == 1
    assert numbers(outbox.take()) == [1, 2]
    assert outbox.take() == b""
    outbox.count(*KEY)
    assert len(woken) == 2


def test_over_the_budget_nothing_is_taken() -> None:
    outbox = Outbox(wake=lambda: None, budget=40)
    assert [put(outbox, message(number)) for number in range(3)] == [True, True, False]
    assert numbers(outbox.take()) == [0, 1]
    assert not put(outbox, message(4)), "what was sent waits too, until it is on disk"


def test_counts_wait_for_the_budget_and_are_sent_when_there_is_some() -> None:
    """Or a recorder that hangs would cost a little more with every shadow."""
    woken: list[int] = []
    outbox = Outbox(wake=lambda: woken.append(1), budget=10)
    outbox.count(*KEY)
    sent = len(outbox.take())
    assert sent > outbox.budget
    for _ in range(100):
        outbox.count(*KEY)
        assert outbox.take() == b""
    assert outbox.size == sent
    del woken[:]
    outbox.acknowledge(sent)
    assert woken == [1]
    ((_, body, _),) = wire.messages(outbox.take())
    assert wire.read_totals(body) == [wire.Total(*KEY, 101)]


def terms(text: str) -> bytes:
    return wire.message(wire.TERMS, text.encode())


def test_terms_go_before_the_first_pair_that_they_are_for_and_cost_nothing_before() -> None:
    outbox = Outbox(wake=lambda: None)
    for text in ("old", "newer", "newest"):
        outbox.obey(terms(text))
    assert (outbox.take(), outbox.size) == (b"", 0)
    put(outbox, message(1))
    put(outbox, message(2))
    assert outbox.take() == terms("newest") + message(1) + message(2)
    put(outbox, message(3))
    assert outbox.take() == message(3)


def test_what_is_sent_again_is_read_by_the_terms_that_held() -> None:
    outbox = Outbox(wake=lambda: None)
    outbox.obey(terms("old"))
    put(outbox, message(1))
    outbox.take()
    put(outbox, message(2))
    outbox.take()
    outbox.obey(terms("new"))
    put(outbox, message(3))
    outbox.take()
    outbox.acknowledge(len(terms("old") + message(1)))
    assert outbox.again() == (terms("old"), [message(2), terms("new") + message(3)])
    outbox.acknowledge(len(message(2)))
    assert outbox.again() == (terms("new"), [terms("new") + message(3)])
    outbox.acknowledge(len(terms("new") + message(3)))
    assert outbox.again() == (terms("new"), [])


def test_counts_are_totals_so_that_none_is_lost_or_doubled() -> None:
    outbox = Outbox(wake=lambda: None)
    for expected in (1, 2):
        outbox.count(*KEY)
        ((kind, body, _),) = wire.messages(outbox.take())
        assert kind == wire.COUNTS
        assert wire.read_totals(body) == [wire.Total(*KEY, expected)]


def test_the_oldest_message_can_be_given_up() -> None:
    outbox = Outbox(wake=lambda: None)
    for number in (1, 2):
        put(outbox, message(number))
        put(outbox, message(10 * number))
        outbox.take()
    outbox.acknowledge(len(message(1)))
    assert numbers(outbox.forsake()) == [10]
    assert list(map(numbers, outbox.again()[1])) == [[2, 20]]
    assert numbers(outbox.forsake()) == [2]
    assert numbers(outbox.forsake()) == [20]
    assert (outbox.forsake(), outbox.size) == (b"", 0)


def test_an_edit_costs_nothing_for_ever() -> None:
    """Shadows of old revisions stay counted; by which one is forgotten."""
    outbox = Outbox(wake=lambda: None)
    told: dict[int, int] = {}
    for revision in range(1, 2_001):
        outbox.count("green", "shadow", revision, "dropped", "no_endpoint")
        for kind, body, _ in wire.messages(outbox.take()):
            assert kind == wire.COUNTS
            told |= {each.revision: each.number for each in wire.read_totals(body)}
    assert len(outbox.totals) < 300
    outbox.count("green", "shadow", 1, "dropped", "no_endpoint")
    for _, body, _ in wire.messages(outbox.take()):
        told |= {each.revision: each.number for each in wire.read_totals(body)}
    assert sum(told.values()) == 2_001
    assert sum(outbox.totals.values()) + sum(outbox.earlier.values()) == 2_001


@given(st.lists(st.sampled_from(("offer", "take", "acknowledge", "restart")), max_size=60), st.randoms())
def test_every_message_arrives_whatever_ends_in_between(deeds: list[str], chance: st.DataObject) -> None:
    """A recorder keeps what it acknowledges, and forgets the rest when it ends."""
    outbox = Outbox(wake=lambda: None)
    kept: list[int] = []
    unread = b""
    offered = 0
    for deed in [*deeds, "take", "restart"]:
        if deed == "offer":
            offered += 1
            assert put(outbox, message(offered, chance.randrange(30)))  # type: ignore[attr-defined]
        elif deed == "take":
            unread += outbox.take()
        elif deed == "restart":
            unread = b"".join(outbox.again()[1])
        else:
            ends = [end for _, _, end in wire.messages(unread)]
            if ends:
                end = chance.choice(ends)  # type: ignore[attr-defined]
                kept += numbers(unread[:end])
                unread = unread[end:]
                outbox.acknowledge(end)
    kept += numbers(unread)
    outbox.acknowledge(len(unread))
    assert kept == list(range(1, offered + 1))
    assert outbox.size == 0
