"""What `shadow.wire` promises: what one end writes, the other reads, however it is cut on the way."""

from hypothesis import given
from hypothesis import strategies as st

from shadow import wire
from tests.shadow import pipe


def test_a_pair_is_read_as_it_was_written() -> None:
    ((kind, body, _),) = wire.messages(
        pipe.pair(7, request=None, primary=b"", shadow=b"said", shadow_block=b"block")
    )
    assert kind == wire.PAIR
    read = wire.read_pair(body)
    assert (read.number, read.revision, read.bucket, read.canceled, read.trace_id) == (7, 5, -1, False, "")
    assert (read.request, read.primary, read.shadow, read.shadow_block) == (None, b"", b"said", b"block")
    assert (read.labels.method, read.labels.service) == (pipe.METHOD, "films")


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(0, 300))
def test_only_whole_messages_are_read(bodies: list[bytes], cut: int) -> None:
    sent = b"".join(wire.message(wire.PAIR, body) for body in bodies)
    whole = list(wire.messages(sent[:cut]))
    end = whole[-1][2] if whole else 0
    assert [body for _, body, _ in (*whole, *wire.messages(sent[end:]))] == bodies


def test_totals_survive_the_way() -> None:
    total = wire.Total("green", "shadow", 7, "dropped", "in_flight", 3)
    ((_, body, _),) = wire.messages(wire.counts([total]))
    assert wire.read_totals(body) == [total]
    assert wire.read_totals(b"") == []
