"""What `splitter.request` promises: reading only what differs from the last calls finds what a full read finds."""

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.http2.blocks import BadBlock, Malformed, TooLarge, block_of
from mesh.http2.limits import Limits
from splitter.request import REMEMBERED, REMEMBERED_BYTES, REMEMBERED_FIELDS, RequestReader, is_sampled

Pairs = list[tuple[bytes, bytes]]

START: Pairs = [(b":method", b"POST"), (b":scheme", b"http")]
NAMES = [b"x-user-id", b"x-other", b"traceparent", b"grpc-timeout", b"user-agent", b"x-a"]
VALUES = [
    b"",
    b"1",
    b"7",
    b"a-longer-value-that-is-huffman-coded",
    b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01",
]
PATHS = [b"/a.S/One", b"/a.S/Two", b"/b.T/One"]


def encoded(pairs: Pairs, *, huffman: bool = True) -> bytes:
    """As a client that has acknowledged our table size of 0."""
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    block = encoder.encode(pairs, huffman=huffman)
    return block[1:]  # behind the size update, which the wire has stripped


def call(path: bytes, *rest: tuple[bytes, bytes]) -> bytes:
    return encoded([*START, (b":path", path), (b":authority", b"recommender"), (b"te", b"trailers"), *rest])


@st.composite
def blocks(draw: st.DrawFn) -> tuple[bytes, Pairs]:
    """Calls that begin alike, as those of one client do, with what differs in any place."""
    pairs: Pairs = [*START, (b":path", draw(st.sampled_from(PATHS))), (b":authority", b"a")]
    if draw(st.booleans()):
        pairs[1], pairs[2] = pairs[2], pairs[1]
    pairs += [(b"content-type", b"application/grpc")] * draw(st.integers(0, 1))
    fields = st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES))
    pairs += draw(st.lists(fields, max_size=5))
    return encoded(pairs, huffman=draw(st.booleans())), pairs


def plainly(pairs: Pairs, key_name: bytes | None) -> tuple[bytes | None, ...]:
    """Path, key, traceparent and timeout; the first key counts, and the last of the others."""
    keys = [value for name, value in pairs if name == key_name]
    last = dict(pairs)
    return last[b":path"], keys[0] if keys else None, last.get(b"traceparent"), last.get(b"grpc-timeout")


@given(
    st.lists(
        st.tuples(blocks(), st.sampled_from([None, b"x-user-id", b"x-other", b"traceparent"])), max_size=30
    )
)
def test_any_sequence_of_calls_is_read_as_each_would_be_alone(
    calls: list[tuple[tuple[bytes, Pairs], bytes | None]],
) -> None:
    reader = RequestReader()
    for (block, pairs), key_name in calls:
        request = reader.read(block, key_name)
        found = (
            request.path,
            request.key,
            request.traceparent and request.traceparent.value,
            request.timeout and request.timeout.value,
        )
        assert found == plainly(pairs, key_name)
        for field in (request.traceparent, request.timeout):
            if field:
                assert hpack.Decoder().decode(block[field.start : field.end], raw=True) == [field[:2]]


def test_methods_that_take_turns_are_never_mixed_up() -> None:
    reader = RequestReader()
    for number in range(5 * REMEMBERED):
        path = b"/a.S/Method%d" % (number % (2 * REMEMBERED))
        request = reader.read(call(path, (b"x-user-id", b"%d" % number)), b"x-user-id")
        assert (request.path, request.key) == (path, b"%d" % number)


def test_what_one_call_says_is_not_remembered_for_the_next() -> None:
    reader = RequestReader()
    parent = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
    for _ in range(3):
        full = reader.read(
            call(b"/a.S/One", (b"x-user-id", b"7"), (b"traceparent", parent), (b"grpc-timeout", b"1S")),
            b"x-user-id",
        )
        assert (full.key, full.traceparent and full.traceparent.value) == (b"7", parent)
        bare = reader.read(call(b"/a.S/One"), b"x-user-id")
        assert (bare.key, bare.traceparent, bare.timeout) == (None, None, None)


def test_a_key_of_another_name_is_found_in_the_next_call() -> None:
    """A new document may name another key; what was remembered by the old name is void."""
    reader = RequestReader()
    block = call(b"/a.S/One", (b"x-user-id", b"7"), (b"x-other", b"8"))
    for name, key in [
        (None, None),
        (b"x-user-id", b"7"),
        (b"x-other", b"8"),
        (b"x-user-id", b"7"),
        (b"none", None),
    ]:
        for _ in range(3):
            assert reader.read(block, name).key == key


def test_the_same_block_again_says_the_same() -> None:
    reader = RequestReader()
    block = call(b"/a.S/One", (b"x-user-id", b"7"))
    assert {reader.read(block, b"x-user-id").key for _ in range(5)} == {b"7"}


def test_the_first_of_several_keys_counts() -> None:
    for _ in range(3):
        block = call(b"/a.S/One", (b"x-user-id", b"7"), (b"x-user-id", b"8"))
        assert RequestReader().read(block, b"x-user-id").key == b"7"


def test_an_empty_key_is_a_key() -> None:
    assert RequestReader().read(call(b"/a.S/One", (b"x-user-id", b"")), b"x-user-id").key == b""


def test_the_key_may_be_what_we_read_anyway() -> None:
    """Sticky by trace, or by authority's neighbour: `traceparent` as the key is still the call's trace."""
    parent = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
    request = RequestReader().read(call(b"/a.S/One", (b"traceparent", parent)), b"traceparent")
    assert request.key == parent
    assert request.traceparent is not None
    assert request.traceparent.value == parent


@pytest.mark.parametrize(
    "pairs",
    [
        [(b":method", b"POST"), (b":path", b"/a")],
        [(b":scheme", b"http"), (b":path", b"/a")],
        START,
        [*START, (b":path", b"")],
        [*START, (b":path", b"/a"), (b":path", b"/b")],
        [*START, (b":path", b"/a"), (b":status", b"200")],
        [*START, (b":path", b"/a"), (b":nonsense", b"1")],
        [],
    ],
)
def test_a_malformed_request_is_refused_also_when_its_beginning_is_known(pairs: Pairs) -> None:
    reader = RequestReader()
    for number in range(3):
        reader.read(call(b"/a.S/One", (b"x-user-id", b"%d" % number)), None)
    with pytest.raises(Malformed):
        reader.read(encoded(pairs), None)


@pytest.mark.parametrize("rest", [b"\xff\xff\xff\xff\xff", b"\xc0", b"\x00\x05ab", b"\x20"])
def test_a_block_that_cannot_be_decoded_is_refused_also_when_its_beginning_is_known(rest: bytes) -> None:
    reader = RequestReader()
    start = call(b"/a.S/One")
    for number in range(3):
        reader.read(start + block_of((b"x-user-id", b"%d" % number)), None)
    with pytest.raises(BadBlock):
        reader.read(start + rest, None)
    assert reader.read(start, None).path == b"/a.S/One"


TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("value", "sampled"),
    [
        (b"00-" + TRACE + b"-" + SPAN + b"-01", True),
        (b"00-" + TRACE + b"-" + SPAN + b"-00", False),
        (b"00-" + TRACE + b"-" + SPAN + b"-03", True),
        (b"00-" + TRACE + b"-" + SPAN + b"-02", False),
        (b"00-" + TRACE + b"-" + SPAN + b"-ff", True),
        (b"01-" + TRACE + b"-" + SPAN + b"-01", True),
        (b"cc-" + TRACE + b"-" + SPAN + b"-01-what-the-future-adds", True),
        (b"cc-" + TRACE + b"-" + SPAN + b"-00-", False),
        (b"00-" + TRACE + b"-" + SPAN + b"-01-more", None),
        (b"cc-" + TRACE + b"-" + SPAN + b"-01.more", None),
        (b"ff-" + TRACE + b"-" + SPAN + b"-01", None),
        (b"00-" + b"0" * 32 + b"-" + SPAN + b"-01", None),
        (b"00-" + TRACE + b"-" + b"0" * 16 + b"-01", None),
        (b"00-" + TRACE.upper() + b"-" + SPAN + b"-01", None),
        (b"00-" + TRACE + b"-" + SPAN + b"-0", None),
        (b"00-" + TRACE + b"-" + SPAN + b"-0x", None),
        (b"00-" + TRACE + b"-" + SPAN + b"_01", None),
        (b"00-" + TRACE[:-1] + b"g-" + SPAN + b"-01", None),
        (b"00-" + TRACE[:-1] + b"--" + SPAN + b"-01", None),
        (b"0-" + TRACE + b"-" + SPAN + b"-001", None),
        (b" 00-" + TRACE + b"-" + SPAN + b"-01", None),
        (b"", None),
        (b"garbage", None),
    ],
)
def test_a_traceparent_is_read_as_the_w3c_says(value: bytes, sampled: bool | None) -> None:
    """Trace Context, 3.2.2 and 4.3; None: it is no traceparent, and the trace starts anew."""
    assert is_sampled(value) is sampled


@pytest.mark.parametrize(
    "fields",
    [
        [*START, (b":path", b"/a.S/One"), (b"te", b"gzip")],
        [*START, (b":path", b"/a.S/One"), (b":path", b"/a.S/Two")],
        [*START, *START, (b":path", b"/a.S/One")],
        [*START, (b":path", b"/a.S/One"), (b":authority", b"a"), (b":authority", b"b")],
        [*START, (b"x-a", b"1"), (b":path", b"/a.S/One")],
        [*START, (b":path", b"/a.S/One"), (b":protocol", b"websocket")],
        [*START, (b":path", b"/a.S/\xff")],
    ],
)
def test_a_request_that_another_proxy_would_read_otherwise_is_malformed(
    fields: list[tuple[bytes, bytes]],
) -> None:
    """Passed on, it would end the connection to the endpoint, and with it other clients' calls."""
    with pytest.raises(Malformed):
        RequestReader().read(encoded(fields), None)


def test_what_only_the_splitter_may_say_and_what_is_there_twice_is_kept_from_the_endpoint() -> None:
    parents = [
        (b"traceparent", b"00-" + letter * 32 + b"-" + letter * 16 + b"-01") for letter in (b"a", b"b")
    ]
    block = encoded([*START, (b":path", b"/a.S/One"), *parents, (b"x-verdigris-role", b"shadow")])
    request = RequestReader().read(block, None)
    assert request.traceparent is not None
    assert request.traceparent.value == parents[1][1]
    assert [field.value for field in request.strays] == [parents[0][1], b"shadow"]


class TestWhatMustNotPass:
    @pytest.mark.parametrize(
        "pair",
        [
            (b"te", b"gzip"),
            (b"host", b"elsewhere"),
            (b"content-length", b"-1"),
            (b"content-length", b"1x"),
            (b"content-length", b""),
            (b"connection", b"close"),
        ],
    )
    def test_is_malformed_wherever_it_stands(self, pair: tuple[bytes, bytes]) -> None:
        reader = RequestReader()
        reader.read(call(b"/a.S/One"), None)
        reader.read(call(b"/a.S/One", (b"x-a", b"1")), None)  # what is common is remembered
        with pytest.raises(Malformed):
            reader.read(call(b"/a.S/One", pair), None)
        with pytest.raises(Malformed):
            RequestReader().read(call(b"/a.S/One", (b"x-a", b"1"), pair), None)

    @pytest.mark.parametrize("path", [b"a.S/One", b"http://a/b", b"?"])
    def test_a_path_begins_with_a_slash(self, path: bytes) -> None:
        with pytest.raises(Malformed):
            RequestReader().read(call(path), None)

    def test_two_lengths_that_disagree_are_none(self) -> None:
        same, other = ((b"content-length", b"7"), (b"content-length", b"8"))
        assert RequestReader().read(call(b"/a.S/One", same, same), None).length == 7
        with pytest.raises(Malformed):
            RequestReader().read(call(b"/a.S/One", same, other), None)

    def test_a_host_that_is_the_authority_may_stand_there(self) -> None:
        assert RequestReader().read(call(b"/a.S/One", (b"host", b"Recommender")), None).path == b"/a.S/One"


class TestTheMarkOfAShadow:
    """Nobody but a sidecar may say it, and whoever says it is not mirrored again."""

    SHADOW = (b"x-verdigris-role", b"shadow")

    def test_is_taken_from_a_client_without_a_certificate(self) -> None:
        request = RequestReader().read(call(b"/a.S/One", self.SHADOW), None)
        assert (request.shadow, [field.value for field in request.strays]) == (True, [b"shadow"])

    def test_is_kept_of_one_with_a_certificate(self) -> None:
        request = RequestReader(trusted=True).read(call(b"/a.S/One", self.SHADOW), None)
        assert (request.shadow, request.strays) == (True, ())

    @pytest.mark.parametrize("trusted", [True, False])
    def test_other_roles_are_taken_from_everybody(self, trusted: bool) -> None:
        pair = (b"x-verdigris-role", b"primary")
        request = RequestReader(trusted=trusted).read(call(b"/a.S/One", pair), None)
        assert (request.shadow, len(request.strays)) == (False, 1)


def test_what_is_remembered_of_a_client_is_bounded() -> None:
    reader = RequestReader()
    long, short = encoded([(b"x-long", b"x" * 50_000)]), encoded([(b"x-short", b"x" * 1_500)])
    many = encoded([(b"x-%d" % each, b"") for each in range(200)])
    for number in range(4 * REMEMBERED):
        for rest in (long, many, short):
            block = call(b"/a.S/%d" % number) + rest
            for _ in range(2):  # what comes twice running would be remembered
                reader.read(block, None)
            held = sum(len(prefix) for prefix, _ in reader._known) + len(reader._last_block)
            assert held <= (REMEMBERED + 1) * REMEMBERED_BYTES
            assert len(reader._last_fields) <= REMEMBERED_FIELDS


def test_a_limit_that_was_set_is_the_one_that_holds() -> None:
    block = call(b"/a.S/One", *((b"x-%d" % number, b"1") for number in range(10)))
    assert RequestReader().read(block, None).path == b"/a.S/One"
    with pytest.raises(Malformed):
        RequestReader(Limits(max_fields=10)).read(block, None)


def test_fields_behind_a_remembered_prefix_count_with_it() -> None:
    """Else a block passes here that is too long for whoever reads it whole, an override for one."""
    reader = RequestReader(Limits(max_fields=20))
    same = [(b"x-%d" % number, b"1") for number in range(10)]
    for last in (b"1", b"2"):
        reader.read(call(b"/a.S/One", *same, (b"n", last)), None)
    with pytest.raises(TooLarge):
        reader.read(call(b"/a.S/One", *same, *[(b"n", b"1")] * 10), None)
