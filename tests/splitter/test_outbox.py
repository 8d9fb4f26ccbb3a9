"""What `splitter.outbox` promises: a budget, nothing lost when recorders end, nothing doubled that was acknowledged."""

from hypothesis import given
from hypothesis import strategies as st

from shadow import wire
from splitter.outbox import Outbox

KEY = ("green", "shadow", 7, "dropped", "no_endpoint")


def message(number: int, size: int = 10) -> bytes:
    return wire.message(wire.PAIR, number.to_bytes(4) + bytes(size))


def numbers(data: bytes) -> list[int]:
    return [int.from_bytes(body[:4]) for kind, body, _ in wire.messages(data) if kind == wire.PAIR]


def test_it_wakes_whoever_sends_once_for_what_waits() -> None:
    woken: list[int] = []
    outbox = Outbox(wake=lambda: woken.append(1))
    outbox.offer(message(1))
    outbox.offer(message(2))
    outbox.count(*KEY)
    assert len(woken) == 1
    assert numbers(outbox.take()) == [1, 2]
    assert outbox.take() == b""
    outbox.count(*KEY)
    assert len(woken) == 2


def test_over_the_budget_nothing_is_taken_but_what_the_rest_builds_on() -> None:
    outbox = Outbox(wake=lambda: None, budget=40)
    assert [outbox.offer(message(number)) for number in range(3)] == [True, True, False]
    assert outbox.offer(message(3), vital=True)
    assert numbers(outbox.take()) == [0, 1, 3]
    assert not outbox.offer(message(4)), "what was sent waits too, until it is on disk"


def test_counts_are_totals_so_that_none_is_lost_or_doubled() -> None:
    outbox = Outbox(wake=lambda: None)
    for expected in (1, 2):
        outbox.count(*KEY)
        ((kind, body, _),) = wire.messages(outbox.take())
        assert kind == wire.COUNTS
        assert wire.read_totals(body) == [wire.Total(*KEY, expected)]


def test_the_oldest_batch_can_be_given_up() -> None:
    outbox = Outbox(wake=lambda: None)
    for number in (1, 2):
        outbox.offer(message(number))
        outbox.take()
    assert numbers(outbox.forsake()) == [1]
    assert list(map(numbers, outbox.again())) == [[2]]
    outbox.forsake()
    assert (outbox.forsake(), outbox.size) == (b"", 0)


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
            assert outbox.offer(message(offered, chance.randrange(30)))  # type: ignore[attr-defined]
        elif deed == "take":
            unread += outbox.take()
        elif deed == "restart":
            unread = b"".join(outbox.again())
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
